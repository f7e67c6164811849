"""What an object was made with: every argument of its constructor, kept in an attribute of the same name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from seqfuse import _names

if TYPE_CHECKING:
    from collections.abc import Mapping

Made = TypeVar("Made", bound="Configured")


class Configured:
    """Something that says how it was made, and can be made again from that."""

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, by name; `from_config` makes an equal object of them.

        Returns
        -------
        dict        numbers, strings, lists, None, and objects that have a get_config themselves
        """
        return {name: getattr(self, name) for name in constructor_arguments(type(self))}

    @classmethod
    def from_config(cls: type[Made], config: dict[str, Any]) -> Made:
        """An object made with the arguments of `get_config`.

        Parameters
        ----------
        config : dict        arguments of the constructor, by name
        """
        return cls(**config)

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items() if value is not None)
        return f"{type(self).__name__}({told})"


def constructor_arguments(cls: type) -> list[str]:
    """Names of the arguments of a constructor; `**kwargs` are those of the class above it."""
    names: list[str] = []
    for base in cls.__mro__:
        if "__init__" not in base.__dict__ or base is object:
            continue
        parameters = inspect.signature(base.__dict__["__init__"]).parameters.values()
        names += [p.name for p in parameters if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(dict.fromkeys(names))


def get_instance(function: str, identifier: Any, table: Mapping[str, type[Made]], argument: str = "identifier") -> Any:
    """What a name, a class or {"class_name": ..., "config": ...} stands for, made; anything else as it is.

    `table`: classes by their names in snake case; a class name is found too, however it is written. `function` and
    `argument` are who an error says asked for it, and as what.
    """
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config") or {}
        if not isinstance(name, str) or not isinstance(config, dict):
            raise ValueError(f'{function}: {argument} must be {{"class_name": ..., "config": ...}}; got {identifier!r}')
        return _names.look_up(function, "class_name", _names.snake_case(name), table).from_config(config)
    if isinstance(identifier, str):
        return _names.look_up(function, argument, _names.snake_case(identifier), table)()
    return identifier() if isinstance(identifier, type) else identifier
