"""Shared code of layer and RMS normalization, which differ in the mean and in beta."""

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
class NormalizeTape:
    """Tape of a normalization."""

    _kernels: Kernels
    _x: Array
    _gamma: Array | None
    _beta: bool  # whether there is a beta
    _mean: Array | None  # (N,), mean of each row; None for RMS normalization
    _rstd: Array  # (N,), 1 / standard deviation or 1 / root mean square of each row
    _guards: tuple[object, ...]  # see _arrays.guard

    def __repr__(self) -> str:
        return f"<{type(self).__name__} x={self._x.shape} {self._x.dtype}>"


Tape = TypeVar("Tape", bound=NormalizeTape)


def forward(
    function: str, tape_type: type[Tape], x: Any, gamma: Any, beta: Any, epsilon: float, subtract_mean: bool
) -> tuple[Array, Tape]:
    """Return y and the tape."""
    given = {"x": x, "gamma": gamma, "beta": beta}
    names = [name for name, value in given.items() if name == "x" or value is not None]
    x, *weights, _ = _arrays.widest(function, names, [given[name] for name in names])
    epsilon = _checks.real(function, "epsilon", epsilon, 0)
    if x.ndim == 0:
        raise ValueError(f"{function}: x must be (..., D); got ()")
    for name, array in zip(names[1:], weights):
        _checks.shape(function, name, "(D,)", x.shape[-1:], array.shape)
    gamma = weights[0] if gamma is not None else None
    beta = weights[-1] if beta is not None else None
    kernels, y, rows = _backend.kernels, np.empty(x.shape, x.dtype), _arrays.rows(x)
    rstd = np.empty(len(rows), x.dtype)
    mean = np.empty_like(rstd) if subtract_mean else None
    if y.size:
        kernels.normalize_forward(rows, gamma, beta, epsilon, _arrays.rows(y), mean, rstd, _threads.current())
    guards = _arrays.guard(x, gamma)
    return y, tape_type(
        kernels, x.view(), None if gamma is None else gamma.view(), beta is not None, mean, rstd, guards
    )


def backward(
    function: str, tape_type: type[NormalizeTape], tape: Any, dy: ArrayLike, into: Any, names: tuple[str, ...]
) -> list[Any]:
    """Return dx and the gradients of the parameters `names`, None for a parameter that was None."""
    if not isinstance(tape, tape_type):
        forward_name = function.replace("backward", "forward")
        raise TypeError(f"{function}: tape must come from {forward_name}; got {type(tape).__name__}")
    x, gamma = tape._x, tape._gamma
    gradient = _arrays.numbers(function, "dy", dy, x.dtype)
    _checks.shape(function, "dy", "(..., D)", x.shape, gradient.shape)
    present = [name for name in names if (gamma is not None if name == "dgamma" else tape._beta)]
    targets = None
    if into is None:
        work = [np.zeros(x.shape[-1], x.dtype) for _ in present]
    else:
        _checks.into(function, names, into, [name for name in names if name not in present])
        given = [array for name, array in zip(names, into) if name in present]
        symbols, shapes = ["(D,)"] * len(present), [x.shape[-1:]] * len(present)
        targets = _arrays.Targets(function, present, given, symbols, shapes, x.dtype, (x, gamma, gradient))
        work = list(targets.work)
    dx = np.empty(x.shape, x.dtype)
    parameter_grads = dict(zip(present, work))
    if dx.size:
        tape._kernels.normalize_backward(
            tape, _arrays.rows(x), _arrays.rows(gradient), _arrays.rows(dx), parameter_grads.get("dgamma"),
            parameter_grads.get("dbeta"), _threads.current(),
        )  # fmt: skip
    if targets is not None:
        targets.store()
        parameter_grads = dict(zip(present, targets.given))
    return [dx, *(parameter_grads.get(name) for name in names)]
