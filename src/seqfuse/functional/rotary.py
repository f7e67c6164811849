"""Rotary position embeddings, forward and backward: pairs of features turned by an angle that the position gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels

_ADVICE = "Make tables of more positions"
_C_ORDER = (0, 1, 2, 3)


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class RotaryTape:
    """What `rotary_backward` reads; opaque, refers to cos and sin."""

    _kernels: Kernels
    _cos: Array
    _sin: Array
    _positions: Array | None  # flat int64, a copy
    _interleaved: bool
    _shape: tuple[int, ...]  # of x
    _order: tuple[int, ...]  # in which the axes of x follow each other in memory

    def __repr__(self) -> str:
        pairs = " interleaved" if self._interleaved else ""
        return f"<RotaryTape x={self._shape} cos={self._cos.shape}{pairs} {self._cos.dtype}>"


def rotary(
    x: ArrayLike, cos: ArrayLike, sin: ArrayLike, *, positions: ArrayLike | None = None, interleaved: bool = False
) -> Array:
    """Turn the first R features of every row, a pair at a time, by the angles of its position.

        y[i] = x[i] cos[i] - x[j] sin[i]        y[j] = x[j] cos[i] + x[i] sin[i]        0 <= i < R/2

    where j = i + R/2; with `interleaved` the pair is (2i, 2i + 1) in place of (i, j).

    Parameters
    ----------
    x : (B, H, T, D)        queries or keys; any strides with a contiguous last axis are read in place, such as those of
        `x.swapaxes(1, 2)` of a (B, T, H, D) array
    cos, sin : (P, R/2)        of `rotary_tables(P, R)`, or any others; R is at most D, and the features behind the
        first R pass
    positions : (T,) or (B, T)        rows of the tables, integers of any type in 0..P-1; by default step t takes row t
    interleaved : bool        False: pairs are halves, as in GPT-NeoX and Hugging Face's Llama; True: neighbours, as in
        RoFormer, GPT-J, Meta's Llama and ONNX's interleaved=1

    Returns
    -------
    y : (B, H, T, D)        in the type of x, half, bool and integers as float32; its axes lie in memory as those of x

    Raises
    ------
    ValueError        a shape disagrees, or a position is outside 0..P-1
    TypeError        a kind of number that is not computed with; positions are not integers

    Notes
    -----
    Su et al. 2021, "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864. x says what is
    computed in, the tables are rounded to it.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> q = np.random.default_rng(0).normal(size=(1, 8, 10, 64)).astype(np.float32)
    >>> cos, sin = F.rotary_tables(10, 64)
    >>> y = F.rotary(q, cos, sin)
    >>> bool((y[:, :, 3:4] == F.rotary(q[:, :, 3:4], cos, sin, positions=[3])).all())
    True
    """
    return _forward("rotary", x, cos, sin, positions, interleaved, False)[0]


def rotary_forward(
    x: ArrayLike, cos: ArrayLike, sin: ArrayLike, *, positions: ArrayLike | None = None, interleaved: bool = False
) -> tuple[Array, RotaryTape]:
    """As `rotary`, and the tape for `rotary_backward`, which refers to cos and sin.

    Parameters
    ----------
    x, cos, sin, positions, interleaved : as for `rotary`

    Returns
    -------
    y : (B, H, T, D)
    RotaryTape        opaque; it keeps a copy of positions, and not x

    Raises
    ------
    ValueError, TypeError        as `rotary`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.rotary_forward(np.ones((2, 8, 10, 64)), *F.rotary_tables(10, 32), interleaved=True)
    >>> tape
    <RotaryTape x=(2, 8, 10, 64) cos=(10, 16) interleaved float64>
    """
    return _forward("rotary_forward", x, cos, sin, positions, interleaved, True)


def _forward(
    function: str, x: Any, cos: ArrayLike, sin: ArrayLike, positions: Any, interleaved: Any, keep: bool
) -> tuple[Array, RotaryTape]:
    if type(interleaved) is not bool:
        (interleaved,) = _checks.flags(function, ("interleaved",), (interleaved,))
    x, _ = _arrays.widest(function, ("x",), (x,))
    if x.ndim != 4:
        advice = "For one head pass x[:, None]" if x.ndim == 3 else ""
        _checks.refuse_shape(function, "x", "(B, H, T, D)", None, x.shape, advice)
    batch, _, steps, features = x.shape
    of_cos = _arrays.numbers(function, "cos", cos, x.dtype)
    of_sin = _arrays.numbers(function, "sin", sin, x.dtype)
    if of_cos.ndim != 2 or 2 * of_cos.shape[1] > features:
        advice = ""
        if of_cos.ndim == 2 and of_cos.shape[1] <= features:
            once = "::2" if interleaved else f":{of_cos.shape[1] // 2}"
            advice = f"If every angle is there twice, pass cos[:, {once}] and sin[:, {once}]"
        needed = f"(P, R/2) with R at most D = {features}"
        _checks.refuse_shape(function, "cos", needed, None, of_cos.shape, advice)
    _checks.shape(function, "sin", "the shape of cos", of_cos.shape, of_sin.shape)
    rows = None
    if positions is not None:
        last = of_cos.shape[0] - 1
        rows, shape = _checks.indices(function, "positions", positions, "0..P-1", last, keep, _ADVICE)
        if shape not in ((steps,), (batch, steps)):
            _checks.refuse_shape(function, "positions", f"(T,) or (B, T) = {(batch, steps)}", None, shape)
    elif of_cos.shape[0] < steps:
        _checks.refuse_shape(function, "cos", f"(P, R/2) with P at least T = {steps}", None, of_cos.shape, _ADVICE)
    tape = RotaryTape(_backend.kernels, of_cos, of_sin, rows, interleaved, x.shape, _order(x))
    return _turned(tape, x, False), tape


def _order(x: Array) -> tuple[int, ...]:
    """The axes of x as they follow each other in memory, the last one, which is contiguous, at the end."""
    if x.flags.c_contiguous:
        return _C_ORDER
    return *sorted(range(3), key=lambda axis: -abs(x.strides[axis])), 3


def _turned(tape: RotaryTape, x: Array, back: bool) -> Array:
    y = np.empty([tape._shape[axis] for axis in tape._order], x.dtype)
    if tape._order is not _C_ORDER:
        y = y.transpose(np.argsort(tape._order))
    if y.size:
        threads = _threads.current()
        tape._kernels.rotary(x, y, tape._cos, tape._sin, tape._positions, tape._interleaved, back, threads)
    return y


def rotary_backward(tape: RotaryTape, dy: ArrayLike) -> Array:
    """Gradient of `rotary_forward`: dy turned back, by the negative angles.

        dx[i] = dy[i] cos[i] + dy[j] sin[i]        dx[j] = dy[j] cos[i] - dy[i] sin[i]

    Parameters
    ----------
    tape : RotaryTape        from `rotary_forward`; not changed, it may be read again
    dy : (B, H, T, D)        gradient of y

    Returns
    -------
    dx : (B, H, T, D)        its axes lie in memory as those of x: of `x.swapaxes(1, 2)` it is a view of (B, T, H, D)

    Raises
    ------
    ValueError        a shape disagrees
    TypeError        a kind of number that is not computed with

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> x = np.random.default_rng(0).normal(size=(1, 2, 3, 4))
    >>> y, tape = F.rotary_forward(x, *F.rotary_tables(3, 4, dtype=np.float64))
    >>> bool(np.allclose(F.rotary_backward(tape, y), x))
    True
    """
    function = "rotary_backward"
    if not isinstance(tape, RotaryTape):
        raise TypeError(f"{function}: tape must be what rotary_forward returned; got {type(tape).__name__}")
    gradient = _arrays.numbers(function, "dy", dy, tape._cos.dtype)
    _checks.shape(function, "dy", "(B, H, T, D)", tape._shape, gradient.shape)
    return _turned(tape, gradient, True)
