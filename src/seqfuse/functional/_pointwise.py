"""Shared code of GELU and SiLU: an elementwise function whose tape is a reference to x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class PointwiseTape:
    """Tape of an elementwise function."""

    _kernels: Kernels
    _name: str  # of the function in the kernels
    _x: Array
    _guards: tuple[object, ...]  # see _arrays.guard

    def __repr__(self) -> str:
        return f"<{type(self).__name__} x={self._x.shape} {self._x.dtype}>"


Tape = TypeVar("Tape", bound=PointwiseTape)


def forward(function: str, tape_type: type[Tape], name: str, x: Any) -> tuple[Array, Tape]:
    """Return y and the tape."""
    x, _ = _arrays.widest(function, ("x",), (x,))
    kernels, y = _backend.kernels, np.empty(x.shape, x.dtype)
    if y.size:
        kernels.pointwise_forward(name, x.reshape(-1), y.reshape(-1), _threads.current())
    return y, tape_type(kernels, name, x.view(), _arrays.guard(x))


def backward(function: str, tape_type: type[PointwiseTape], tape: Any, dy: ArrayLike) -> Array:
    """Return the gradient of x."""
    if not isinstance(tape, tape_type):
        forward_name = function.replace("backward", "forward")
        raise TypeError(f"{function}: tape must come from {forward_name}; got {type(tape).__name__}")
    x = tape._x
    gradient = _arrays.numbers(function, "dy", dy, x.dtype)
    _checks.shape(function, "dy", "(...)", x.shape, gradient.shape)
    dx = np.empty(x.shape, x.dtype)
    if dx.size:
        flat = x.reshape(-1), gradient.reshape(-1), dx.reshape(-1)
        tape._kernels.pointwise_backward(tape._name, *flat, _threads.current())
    return dx
