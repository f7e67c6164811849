"""Conversion of objects to JSON and back: a layer, model or optimizer is {"class_name": ..., "config": ...}.

Names in a file are looked up among the classes of seqfuse and the custom objects of the caller; nothing is imported by
name.
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

MAX_CALLS = 4_000  # calls of layers in a structure; the calls in a nested model count once per call of the model
MAX_BRACKETS = 100  # nested brackets, because the decoder is recursive


Item = TypeVar("Item")


def encode(value: Any, numbers: dict[int, int] | None = None) -> Any:
    """Convert a value of a config to JSON.

    A layer that occurs again is {"class_name": "shared", "config": n}, where n counts the encoded layers.

    Raises
    ------
    TypeError
        If a value is not a number, string, list, dict, function, or object with a ``get_config``.
    """
    numbers = {} if numbers is None else numbers
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, list):
        return [encode(item, numbers) for item in value]
    if isinstance(value, tuple):
        return _tagged("tuple", [encode(item, numbers) for item in value])
    if isinstance(value, Mapping):
        return {str(name): encode(item, numbers) for name, item in value.items()}
    if isinstance(value, Configured):
        if id(value) in numbers:
            return _tagged("shared", numbers[id(value)])
        kind = type(value)
        found = _tagged(NAMES.get(kind, kind.__name__), encode(value.get_config(), numbers))
        if isinstance(value, Layer):
            numbers[id(value)] = len(numbers)
        return found
    if callable(value) and hasattr(value, "__name__"):
        if value.__name__ == "<lambda>":
            advice = 'write it with def, or load it with custom_objects={"<lambda>": ...}'
            warnings.warn(f"save: a lambda has no name by which it can be found when loading: {advice}", stacklevel=2)
        return _tagged("function", NAMES.get(value, value.__name__))
    raise TypeError(f"save: an argument must be numbers, strings, or have a get_config; got {value!r}")


def _tagged(class_name: str, config: Any) -> dict[str, Any]:
    """Return a dict with the keys class_name and config."""
    return {"class_name": class_name, "config": config}


def at(items: list[Item], i: Any) -> Item:
    """Return the i-th item; raise a ValueError if it does not exist."""
    if not isinstance(i, int) or isinstance(i, bool) or not 0 <= i < len(items):
        raise ValueError(f"a number must be in 0..{len(items) - 1}; got {i!r}")
    return items[i]


def checked_depth(text: str) -> str:
    """Return JSON text; raise a ValueError if its brackets are nested too deeply."""
    depth = deepest = 0
    for bracket in re.findall(r"[][{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_BRACKETS:
        raise ValueError(f"at most {MAX_BRACKETS} brackets may be nested; got {deepest}")
    return text


class Decoder:
    """Creates objects from the result of `encode`.

    Parameters
    ----------
    custom_objects : dict, optional
        Classes and functions of the caller by name.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None = None) -> None:
        self._custom = dict(custom_objects or {})
        self._layers: list[Layer] = []
        self._calls: dict[Layer, int] = {}

    def decode(self, value: Any) -> Any:
        """Return the value.

        Raises
        ------
        ValueError
            If a name is unknown or the structure is invalid. Errors of constructors are passed on.
        """
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.keys() != {"class_name", "config"}:
            return {name: self.decode(item) for name, item in value.items()}
        name, config = value["class_name"], self.decode(value["config"])
        if name == "tuple":
            return tuple(config)
        if name == "shared":
            return at(self._layers, config)
        if name == "function":
            return self._look_up(config)
        kind = self._look_up(name)
        if not isinstance(kind, type) or not isinstance(config, dict):
            raise ValueError(f"{name!r} must be a class with a dict as config; got {type(config).__name__}")
        if not issubclass(kind, Layer):
            return kind.from_config(config)  # type: ignore[attr-defined]
        called = kind.called_in(config)
        calls = 1 if called is None else 1 + self._count(called)
        layer: Layer = kind.from_parts(config)
        if called is None:
            calls += self._count(layer.sublayers())
        self._calls[layer] = calls
        self._layers.append(layer)
        return layer

    def _count(self, called: list[Any]) -> int:
        """Return the number of layer calls in the called layers."""
        calls = sum(self._calls.get(layer, 1) for layer in called)
        if calls > MAX_CALLS:
            raise ValueError(f"a structure must have at most {MAX_CALLS} calls of layers; got {calls}")
        return calls

    def _look_up(self, name: Any) -> Any:
        """Return the class or function with a name."""
        if not isinstance(name, str):
            raise ValueError(f"class_name must be a string; got {name!r}")
        found = self._custom.get(name, BUILT_IN.get(name))
        if found is None:
            near = _names.suggestion(name, [*self._custom, *BUILT_IN])
            raise ValueError(
                f"there is no {name!r} in seqfuse{near}. Pass your own with custom_objects={{{name!r}: ...}}"
            )
        return found
