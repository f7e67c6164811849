"""What stands behind a sum: the activations by name, each as a pair of functions of `seqfuse.functional`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _activations, _backend, _names, _threads
from seqfuse import functional as F

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse._arrays import Array

__all__ = ["NAMES"]


def __dir__() -> list[str]:
    return sorted(__all__)


class ActivationFunctions(NamedTuple):
    """An activation: `y, tape = forward(x)`, `dx = backward(tape, dy)`."""

    forward: Callable[[Any], tuple[Array, Any]]
    backward: Callable[[Any, Any], Array]


# Those that look at a whole row, or that no cell has; all others are `_activations.DEFINITIONS`.
_FUNCTIONS = {
    "softmax": ActivationFunctions(F.softmax_forward, F.softmax_backward),
    "gelu": ActivationFunctions(F.gelu_forward, F.gelu_backward),
    "silu": ActivationFunctions(F.silu_forward, F.silu_backward),
    "swish": ActivationFunctions(F.silu_forward, F.silu_backward),
}
NAMES = (*_activations.DEFINITIONS, *_FUNCTIONS)


def check_cell_activation(function: str, argument: str, value: Any) -> Any:
    """The activation of a recurrent cell, as `seqfuse.functional` takes it; None is linear, as in Keras."""
    value = "linear" if value is None else value
    _activations.parse(function, argument, value)
    return value


def parse(function: str, argument: str, value: Any) -> _activations.Activation | ActivationFunctions:
    """The activation of a layer: one that a product can end with, or a pair of its own; None is linear."""
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
    """Any activation as a pair."""
    if isinstance(activation, ActivationFunctions):
        return activation

    def forward(x: Array) -> tuple[Array, Any]:
        y, slope = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
        x = np.ascontiguousarray(x)
        flat = x.reshape(-1), y.reshape(-1), slope.reshape(-1)
        _backend.kernels.activation_forward(*flat, *activation, _threads.current())
        return y, slope

    return ActivationFunctions(forward, lambda slope, dy: slope * dy)
