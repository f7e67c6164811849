"""Rotary position embeddings, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels

_ADVICE = "Make tables with more positions"
_C_ORDER = (0, 1, 2, 3)


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class RotaryTape:
    """Tape of `rotary_forward` for `rotary_backward`: opaque, keeps references to cos and sin."""

    _kernels: Kernels
    _cos: Array
    _sin: Array
    _positions: Array | None  # flat int64, a copy
    _interleaved: bool
    _shape: tuple[int, ...]  # shape of x
    _order: tuple[int, ...]  # axes of x in the order in which they follow each other in memory
    _guards: tuple[object, ...]  # see _arrays.guard

    def __repr__(self) -> str:
        layout = " interleaved" if self._interleaved else ""
        return f"<RotaryTape x={self._shape} cos={self._cos.shape}{layout} {self._cos.dtype}>"


def rotary(
    x: ArrayLike, cos: ArrayLike, sin: ArrayLike, *, positions: ArrayLike | None = None, interleaved: bool = False
) -> Array:
    """Apply rotary position embeddings to queries or keys.

    See `rotary_forward` for the equations.

    Parameters
    ----------
    x : array_like, shape (B, H, T, D)
        Queries or keys. Any strides; no copy if the last axis is contiguous. A view such as ``x.swapaxes(1, 2)`` of an
        array (B, T, H, D) is read in place.
    cos : array_like, shape (P, R/2)
        Cosines, from `rotary_tables(P, R)` or any others, with R <= D. The features after the first R are copied.
    sin : array_like, shape (P, R/2)
        Sines of the same angles.
    positions : array_like of int, shape (T,) or (B, T), optional
        Position of each step: its row of the tables, in 0..P-1. Step t uses row t by default.
    interleaved : bool, optional
        If False, feature i is rotated with feature i + R/2, as in GPT-NeoX and in the Llama of Hugging Face. If True,
        feature 2i is rotated with feature 2i + 1, as in RoFormer, GPT-J, the Llama of Meta and ONNX with interleaved=1.
        False by default.

    Returns
    -------
    y : ndarray, shape (B, H, T, D)
        Rotated array, with the memory order of x. The result has the dtype of x. float16, bfloat16, bool and integer
        arrays are converted to float32.

    Raises
    ------
    ValueError
        If a shape does not fit, or if a position is outside 0..P-1.
    TypeError
        If an array has an unsupported dtype, or if `positions` are not integers.

    Notes
    -----
    The source is Su et al. 2021, "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864. The
    tables are converted to the dtype of the result.

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
    """Apply rotary position embeddings and keep the tape for `rotary_backward`.

    Parameters
    ----------
    x : array_like, shape (B, H, T, D)
        Queries or keys. Any strides; no copy if the last axis is contiguous. A view such as ``x.swapaxes(1, 2)`` of an
        array (B, T, H, D) is read in place.
    cos : array_like, shape (P, R/2)
        Cosines, from `rotary_tables(P, R)` or any others, with R <= D. The features after the first R are copied.
    sin : array_like, shape (P, R/2)
        Sines of the same angles.
    positions : array_like of int, shape (T,) or (B, T), optional
        Position of each step: its row of the tables, in 0..P-1. Step t uses row t by default.
    interleaved : bool, optional
        If False, feature i is rotated with feature i + R/2, as in GPT-NeoX and in the Llama of Hugging Face. If True,
        feature 2i is rotated with feature 2i + 1, as in RoFormer, GPT-J, the Llama of Meta and ONNX with interleaved=1.
        False by default.

    Returns
    -------
    y : ndarray, shape (B, H, T, D)
        Rotated array, with the memory order of x. The result has the dtype of x. float16, bfloat16, bool and integer
        arrays are converted to float32.
    RotaryTape
        Opaque tape for `rotary_backward`. Keeps references to cos and sin, which must not be modified before the
        backward function has run, and a copy of positions.

    Raises
    ------
    ValueError
        If a shape does not fit, or if a position is outside 0..P-1.
    TypeError
        If an array has an unsupported dtype, or if `positions` are not integers.

    Notes
    -----
    Two features i and j of a row are rotated by the angle of its position::

        y[i] = x[i] * cos[i] - x[j] * sin[i]        0 <= i < R/2
        y[j] = x[j] * cos[i] + x[i] * sin[i]        j = i + R/2

    With interleaved=True, features 2i and 2i + 1 take the place of i and j.

    The source is Su et al. 2021, "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864. The
    tables are converted to the dtype of the result.

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
    function: str, x: Any, cos: ArrayLike, sin: ArrayLike, positions: Any, interleaved: Any, copy_positions: bool
) -> tuple[Array, RotaryTape]:
    if type(interleaved) is not bool:
        (interleaved,) = _checks.flags(function, ("interleaved",), (interleaved,))
    x, _ = _arrays.widest(function, ("x",), (x,))
    if x.ndim != 4:
        advice = "For one head pass x[:, None]" if x.ndim == 3 else ""
        _checks.refuse_shape(function, "x", "(B, H, T, D)", None, x.shape, advice)
    batch, _, steps, features = x.shape
    cos_table = _arrays.numbers(function, "cos", cos, x.dtype)
    sin_table = _arrays.numbers(function, "sin", sin, x.dtype)
    if cos_table.ndim != 2 or 2 * cos_table.shape[1] > features:
        advice = ""
        if cos_table.ndim == 2 and cos_table.shape[1] <= features:
            half = "::2" if interleaved else f":{cos_table.shape[1] // 2}"
            advice = f"If each angle is stored twice, pass cos[:, {half}] and sin[:, {half}]"
        needed = f"(P, R/2) with R at most D = {features}"
        _checks.refuse_shape(function, "cos", needed, None, cos_table.shape, advice)
    _checks.shape(function, "sin", "the shape of cos", cos_table.shape, sin_table.shape)
    rows = None
    if positions is not None:
        last = cos_table.shape[0] - 1
        rows, shape = _checks.indices(function, "positions", positions, "0..P-1", last, copy_positions, _ADVICE)
        if shape not in ((steps,), (batch, steps)):
            _checks.refuse_shape(function, "positions", f"(T,) or (B, T) = {(batch, steps)}", None, shape)
    elif cos_table.shape[0] < steps:
        _checks.refuse_shape(function, "cos", f"(P, R/2) with P at least T = {steps}", None, cos_table.shape, _ADVICE)
    cos_table, sin_table, guards = cos_table.view(), sin_table.view(), _arrays.guard(cos_table, sin_table)
    tape = RotaryTape(_backend.kernels, cos_table, sin_table, rows, interleaved, x.shape, _memory_order(x), guards)
    return _rotate(tape, x, False), tape


def _memory_order(x: Array) -> tuple[int, ...]:
    """Return the axes of x in their order in memory.

    The last axis is contiguous and stays last.
    """
    if x.flags.c_contiguous:
        return _C_ORDER
    return *sorted(range(3), key=lambda axis: -abs(x.strides[axis])), 3


def _rotate(tape: RotaryTape, x: Array, inverse: bool) -> Array:
    """Return x rotated by the angles of the tape, or by their negatives if `inverse` is True.

    The result has the memory order of the tape.
    """
    y = np.empty([tape._shape[axis] for axis in tape._order], x.dtype)
    if tape._order is not _C_ORDER:
        y = y.transpose(np.argsort(tape._order))
    if y.size:
        threads = _threads.current()
        tape._kernels.rotary(x, y, tape._cos, tape._sin, tape._positions, tape._interleaved, inverse, threads)
    return y


def rotary_backward(tape: RotaryTape, dy: ArrayLike) -> Array:
    """Compute the gradient of `rotary_forward`.

    Parameters
    ----------
    tape : RotaryTape
        Tape from `rotary_forward`. It is not modified and may be used again.
    dy : array_like, shape (B, H, T, D)
        Gradient of y.

    Returns
    -------
    dx : ndarray, shape (B, H, T, D)
        Gradient of x, with the memory order of x. For ``x.swapaxes(1, 2)`` it is a view of an array (B, T, H, D).

    Raises
    ------
    ValueError
        If the shape of `dy` does not fit.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    dy is rotated by the negative angles::

        dx[i] = dy[i] * cos[i] + dy[j] * sin[i]
        dx[j] = dy[j] * cos[i] - dy[i] * sin[i]

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
        raise TypeError(f"{function}: tape must come from rotary_forward; got {type(tape).__name__}")
    gradient = _arrays.numbers(function, "dy", dy, tape._cos.dtype)
    _checks.shape(function, "dy", "(B, H, T, D)", tape._shape, gradient.shape)
    return _rotate(tape, gradient, True)
