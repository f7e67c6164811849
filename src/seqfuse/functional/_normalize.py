"""What layer and RMS normalisation share: they differ in the mean, and in beta."""

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
    """What a backward reads."""

    _kernels: Kernels
    _x: Array
    _gamma: Array | None
    _beta: bool
    _mean: Array | None  # (N,) of every row; None: RMS
    _rstd: Array  # (N,)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} x={self._x.shape} {self._x.dtype}>"


Tape = TypeVar("Tape", bound=NormalizeTape)


def forward(
    function: str, kind: type[Tape], x: Any, gamma: Any, beta: Any, epsilon: float, centred: bool
) -> tuple[Array, Tape]:
    """y and the tape."""
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
    mean = np.empty_like(rstd) if centred else None
    if y.size:
        kernels.normalize_forward(rows, gamma, beta, epsilon, _arrays.rows(y), mean, rstd, _threads.current())
    return y, kind(kernels, x, gamma, beta is not None, mean, rstd)


def backward(
    function: str, kind: type[NormalizeTape], tape: Any, dy: ArrayLike, into: Any, names: tuple[str, ...]
) -> list[Any]:
    """dx, and the gradients of the parameters `names`, None where there was none."""
    if not isinstance(tape, kind):
        made_by = function.replace("backward", "forward")
        raise TypeError(f"{function}: tape must be what {made_by} returned; got {type(tape).__name__}")
    x, gamma = tape._x, tape._gamma
    gradient = _arrays.numbers(function, "dy", dy, x.dtype)
    _checks.shape(function, "dy", "(..., D)", x.shape, gradient.shape)
    there = [name for name in names if (gamma is not None if name == "dgamma" else tape._beta)]
    targets = None
    if into is None:
        work = [np.zeros(x.shape[-1], x.dtype) for _ in there]
    else:
        _checks.into(function, names, into, [name for name in names if name not in there])
        given = [array for name, array in zip(names, into) if name in there]
        symbols, shapes = ["(D,)"] * len(there), [x.shape[-1:]] * len(there)
        targets = _arrays.Targets(function, there, given, symbols, shapes, x.dtype, (x, gamma, gradient))
        work = list(targets.work)
    dx = np.empty(x.shape, x.dtype)
    sums = dict(zip(there, work))
    if dx.size:
        tape._kernels.normalize_backward(
            tape, _arrays.rows(x), _arrays.rows(gradient), _arrays.rows(dx), sums.get("dgamma"), sums.get("dbeta"),
            _threads.current(),
        )  # fmt: skip
    if targets is not None:
        targets.store()
        sums = dict(zip(there, targets.given))
    return [dx, *(sums.get(name) for name in names)]
