"""Optimizers with Keras's names. An update is one pass of a kernel over all parameters of a model."""

from __future__ import annotations

from typing import Any

from seqfuse import _names, _registry
from seqfuse.optimizers import schedules
from seqfuse.optimizers.adagrad import Adagrad
from seqfuse.optimizers.adam import Adam, AdamW
from seqfuse.optimizers.optimizer import Optimizer
from seqfuse.optimizers.rmsprop import RMSprop
from seqfuse.optimizers.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "get", "schedules"]

_TABLE: dict[str, type[Optimizer]] = {
    optimizer.__name__.lower(): optimizer for optimizer in (SGD, RMSprop, Adam, AdamW, Adagrad)
}
_registry.register(__name__, [Optimizer, *_TABLE.values()])


def get(identifier: Any, function: str = "optimizers.get") -> Optimizer:
    """Return an optimizer from a name, a class, an object or a configuration.

    Parameters
    ----------
    identifier : str, Optimizer, type or dict
        A name such as "adam", an optimizer (returned as it is), a class, or
        ``{"class_name": ..., "config": {...}}``.
    function : str, default "optimizers.get"
        Name that error messages begin with.

    Returns
    -------
    Optimizer
        The optimizer.

    Raises
    ------
    ValueError
        If no optimizer has the name. The message suggests the nearest one.
    TypeError
        If `identifier` is of another kind.

    Examples
    --------
    >>> from seqfuse import optimizers
    >>> optimizers.get("sgd").learning_rate
    0.01
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        return _names.look_up(function, "optimizer", identifier, _TABLE)()
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, dict) and "class_name" in identifier:
        optimizer = _names.look_up(function, "optimizer", identifier["class_name"], _TABLE)
        return optimizer.from_config(identifier.get("config", {}))
    raise TypeError(f"{function}: optimizer must be a name, an optimizer or its config; got {identifier!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
