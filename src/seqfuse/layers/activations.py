"""Activation functions of layers: their names, and for each its forward and backward functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _activations, _backend, _names, _threads
from seqfuse import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import ActivationLike

__all__ = ["NAMES"]


def __dir__() -> list[str]:
    return sorted(__all__)


class ActivationFunctions(NamedTuple):
    """Functions of an activation: ``y, tape = forward(x)`` and ``dx = backward(tape, dy)``."""

    forward: Callable[[Any], tuple[Array, Any]]
    backward: Callable[[Any, Any], Array]


# The activations that recurrent cells do not support. `_activations.DEFINITIONS` has those that they support.
_FUNCTIONS = {
    "softmax": ActivationFunctions(F.softmax_forward, F.softmax_backward),
    "gelu": ActivationFunctions(F.gelu_forward, F.gelu_backward),
    "silu": ActivationFunctions(F.silu_forward, F.silu_backward),
    "swish": ActivationFunctions(F.silu_forward, F.silu_backward),
}
NAMES = (*_activations.DEFINITIONS, *_FUNCTIONS)


def check_cell_activation(function: str, argument: str, value: ActivationLike) -> _activations.ActivationLike:
    """Check the activation of a recurrent cell and return it for `seqfuse.functional`; None means linear."""
    value = "linear" if value is None else value
    _activations.parse(function, argument, value)
    return value


def parse(function: str, argument: str, value: ActivationLike) -> _activations.Activation | ActivationFunctions:
    """Return an activation from a name, or a name and its constants; None means linear.

    An `Activation` can be computed by the kernel of a product. For the other activations this returns their functions.

    Raises
    ------
    ValueError
        If the name is unknown or a constant is wrong. The message begins with `function` and `argument`.
    TypeError
        If it is neither a name nor a tuple.
    """
    if value is None:
        return _activations.LINEAR
    if isinstance(value, str):
        if value in _FUNCTIONS:
            return _FUNCTIONS[value]
        if value not in _activations.DEFINITIONS:
            _names.look_up(function, argument, value, dict.fromkeys(NAMES, True))
            value = value.lower()
            return parse(function, argument, value)
    return _activations.parse(function, argument, value)


def functions_for(activation: _activations.Activation | ActivationFunctions) -> ActivationFunctions:
    """Return the forward and backward functions of an activation. The tape of an `Activation` is its derivative."""
    if isinstance(activation, ActivationFunctions):
        return activation

    def forward(x: Array) -> tuple[Array, Any]:
        y, slope = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
        x = np.ascontiguousarray(x)
        flat = x.reshape(-1), y.reshape(-1), slope.reshape(-1)
        _backend.kernels.activation_forward(*flat, *activation, _threads.current())
        return y, slope

    return ActivationFunctions(forward, lambda slope, dy: slope * dy)
