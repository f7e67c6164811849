"""Configurations: objects that keep every argument of their constructor in an attribute of the same name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from seqfuse import _names

if TYPE_CHECKING:
    from collections.abc import Mapping

Instance = TypeVar("Instance", bound="Configured")


class Configured:
    """Base class of objects that can return their configuration and be created from it."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor by name.

        `from_config` creates an equal object from them.

        Returns
        -------
        dict
            The values are numbers, strings, lists, None, and objects that have a `get_config` themselves.

        Examples
        --------
        >>> from seqfuse.regularizers import L2
        >>> L2(0.5).get_config()
        {'l2': 0.5}
        """
        return {name: getattr(self, name) for name in constructor_arguments(type(self))}

    @classmethod
    def from_config(cls: type[Instance], config: dict[str, Any]) -> Instance:
        """Create an object from the arguments that `get_config` returns.

        Parameters
        ----------
        config : dict
            Arguments of the constructor by name.

        Returns
        -------
        object
            An object of this class.

        Examples
        --------
        >>> from seqfuse.regularizers import L2
        >>> L2.from_config({"l2": 0.5})
        L2(l2=0.5)
        """
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items() if value is not None)
        return f"{type(self).__name__}({arguments})"


def constructor_arguments(cls: type) -> list[str]:
    """Return the names of the arguments of a constructor. `**kwargs` is replaced by those of the base class."""
    names: list[str] = []
    for base in cls.__mro__:
        if "__init__" not in base.__dict__ or base is object:
            continue
        parameters = inspect.signature(base.__dict__["__init__"]).parameters.values()
        names += [p.name for p in parameters if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(dict.fromkeys(names))


def get_instance(
    function: str, identifier: Any, table: Mapping[str, type[Instance]], argument: str = "identifier"
) -> Any:
    """Create the object that a name, a class or a serialized configuration denotes. Return other values unchanged.

    Parameters
    ----------
    function : str
        Name of the function the user called, for messages.
    identifier : object
        A name in snake or camel case, a class, or a dict ``{"class_name": ..., "config": ...}``.
    table : mapping
        Classes by their names in snake case.
    argument : str, default "identifier"
        Name of the argument, for messages.
    """
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config") or {}
        if not isinstance(name, str) or not isinstance(config, dict):
            raise ValueError(f'{function}: {argument} must be {{"class_name": ..., "config": ...}}; got {identifier!r}')
        return _names.look_up(function, "class_name", _names.snake_case(name), table).from_config(config)
    if isinstance(identifier, str):
        return _names.look_up(function, argument, _names.snake_case(identifier), table)()
    return identifier() if isinstance(identifier, type) else identifier
