"""Objects as JSON and back: a layer, a model or an optimizer is {"class_name": ..., "config": ...}.

Names in a file are looked up among seqfuse's own classes, and what the caller gives; nothing is imported by name.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from seqfuse import _names
from seqfuse._config import Configured
from seqfuse._registry import BUILT_IN, NAMES
from seqfuse.layers import Layer

MOST_CALLS = 4_000  # of layers in a structure, those of a model inside counted each time that it is called
MOST_BRACKETS = 100  # open at a time: what is read from JSON is walked by recursion


Item = TypeVar("Item")


def encode(value: Any, met: dict[int, int] | None = None) -> Any:
    """A value of a config as JSON has it.

    A layer that is met again is {"class_name": "shared", "config": n}: the n-th layer that was complete.

    Raises
    ------
    TypeError        something that is no number, string, list, dict, function, or object with a get_config
    """
    met = {} if met is None else met
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, list):
        return [encode(one, met) for one in value]
    if isinstance(value, tuple):
        return _tagged("tuple", [encode(one, met) for one in value])
    if isinstance(value, Mapping):
        return {str(name): encode(one, met) for name, one in value.items()}
    if isinstance(value, Configured):
        if id(value) in met:
            return _tagged("shared", met[id(value)])
        kind = type(value)
        found = _tagged(NAMES.get(kind, kind.__name__), encode(value.get_config(), met))
        if isinstance(value, Layer):
            met[id(value)] = len(met)
        return found
    if callable(value) and hasattr(value, "__name__"):
        if value.__name__ == "<lambda>":
            advice = 'write it with def, or load it with custom_objects={"<lambda>": ...}'
            warnings.warn(f"save: a lambda has no name that it is found by again: {advice}", stacklevel=2)
        return _tagged("function", NAMES.get(value, value.__name__))
    raise TypeError(f"save: an argument must be numbers, strings, or have a get_config; got {value!r}")


def _tagged(class_name: str, config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def at(items: list[Item], i: Any) -> Item:
    """The i-th; a ValueError if there is none."""
    if not isinstance(i, int) or isinstance(i, bool) or not 0 <= i < len(items):
        raise ValueError(f"a number must be in 0..{len(items) - 1}; got {i!r}")
    return items[i]


def checked_depth(text: str) -> str:
    """JSON, once not too many brackets are open in it at a time."""
    depth = deepest = 0
    for bracket in re.findall(r"[][{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > MOST_BRACKETS:
        raise ValueError(f"at most {MOST_BRACKETS} brackets may be open at a time; got {deepest}")
    return text


class Decoder:
    """What `encode` gave, made again.

    Parameters
    ----------
    custom_objects : dict        classes and functions of the caller, by name
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None = None) -> None:
        self._custom = dict(custom_objects or {})
        self._met: list[Layer] = []
        self._calls: dict[Layer, int] = {}

    def decode(self, value: Any) -> Any:
        """The value.

        Raises
        ------
        ValueError        a name that is none, or a structure that is none; and whatever constructors raise
        """
        if isinstance(value, list):
            return [self.decode(one) for one in value]
        if not isinstance(value, dict):
            return value
        if value.keys() != {"class_name", "config"}:
            return {name: self.decode(one) for name, one in value.items()}
        name, inside = value["class_name"], self.decode(value["config"])
        if name == "tuple":
            return tuple(inside)
        if name == "shared":
            return at(self._met, inside)
        if name == "function":
            return self._look_up(inside)
        kind = self._look_up(name)
        if not isinstance(kind, type) or not isinstance(inside, dict):
            raise ValueError(f"{name!r} must be a class, made with a dict; got {type(inside).__name__}")
        if not issubclass(kind, Layer):
            return kind.from_config(inside)  # type: ignore[attr-defined]
        called = kind.called_in(inside)
        calls = 1 if called is None else 1 + self._count(called)
        layer: Layer = kind.from_parts(inside)
        if called is None:
            calls += self._count(layer.sublayers())
        self._calls[layer] = calls
        self._met.append(layer)
        return layer

    def _count(self, called: list[Any]) -> int:
        calls = sum(self._calls.get(layer, 1) for layer in called)
        if calls > MOST_CALLS:
            raise ValueError(f"a structure must be at most {MOST_CALLS} calls of layers; got {calls}")
        return calls

    def _look_up(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise ValueError(f"class_name must be a string; got {name!r}")
        found = self._custom.get(name, BUILT_IN.get(name))
        if found is None:
            near = _names.suggestion(name, [*self._custom, *BUILT_IN])
            raise ValueError(
                f"there is no {name!r} in seqfuse{near}. Give your own by custom_objects={{{name!r}: ...}}"
            )
        return found
