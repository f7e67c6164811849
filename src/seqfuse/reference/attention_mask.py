"""Which query may attend to which key, which weights dropout keeps, and sums over allowed keys."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dropout import philox4x32

BoolArray: TypeAlias = npt.NDArray[np.bool_]


def attention_mask(
    shape: tuple[int, int, int, int],
    mask: Array | None = None,
    causal: bool | str = False,
    window: tuple[int | None, int | None] | None = None,
    lengths: npt.ArrayLike | None = None,
) -> BoolArray:
    """Return which query may attend to which key.

    Parameters
    ----------
    shape : tuple of int
        (B, Hq, Tq, Tk).
    mask : ndarray, optional
        Mask that broadcasts to `shape`: bool, or additive and in the dtype of the computation.
    causal, window, lengths : optional
        As in `attention`.

    Returns
    -------
    ndarray of bool, shape (B, Hq, Tq, Tk)
        True where a query may attend to a key. A read-only view.

    Notes
    -----
    All of these conditions must hold::

        j < lengths[b]                      with lengths
        j <= p                              with causal
        p - left <= j <= p + right          with window = (left, right)
        mask is True, or is not -inf        with mask

    where p is the position of query i: i + lengths[b] - Tq with causal="bottom_right" (i + Tk - Tq without lengths),
    and i otherwise.

    Examples
    --------
    >>> attention_mask((1, 1, 3, 4), causal="bottom_right", window=(1, None))[0, 0].astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    Tq, Tk = shape[2:]
    j = np.arange(Tk)
    allowed = np.ones((1, 1, 1, 1), bool)
    ends = np.array(Tk) if lengths is None else np.asarray(lengths).astype(np.int64)[:, None, None, None]
    if lengths is not None:
        allowed = allowed & (j < ends)
    p = np.arange(Tq)[:, None] + (ends - Tq if causal == "bottom_right" else 0)
    if causal:
        allowed = allowed & (j <= p)
    left, right = window or (None, None)
    if left is not None:
        allowed = allowed & (j >= p - min(left, Tq + Tk))  # Tq + Tk is more than the distance of any two positions
    if right is not None:
        allowed = allowed & (j <= p + min(right, Tq + Tk))
    if mask is not None:
        allowed = allowed & (mask if mask.dtype == bool else mask != -np.inf)
    return np.broadcast_to(allowed, shape)


def dropout_mask(shape: tuple[int, int, int, int], rate: float, seed: int) -> BoolArray:
    """Return which attention weights dropout keeps.

    Weight (b, h, i, j) uses word j % 4 of Philox4x32-10 with the counter (j // 4, i, h, b). It is kept if the word is
    at least floor(rate * 2**32).

    Examples
    --------
    >>> dropout_mask((1, 1, 2, 6), 0.5, seed=0)[0, 0].astype(int)
    array([[0, 1, 1, 1, 1, 0],
           [0, 1, 0, 0, 0, 1]])
    """
    B, H, Tq, Tk = shape
    counter = [c.ravel() for c in np.indices((B, H, Tq, (Tk + 3) // 4))[::-1]]
    words = philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF])
    return words.T.reshape(B, H, Tq, (Tk + 3) // 4 * 4)[..., :Tk] >= math.floor(rate * 2**32)


def sum_over_keys(weights: Array, rows: Array, allowed: BoolArray) -> Array:
    """Return the sum over keys j of weights[i, j] * rows[j], over allowed keys only.

    The shapes are weights (..., I, J), rows (..., J, N) and allowed (..., I, J). Weights of excluded keys must be 0. A
    matrix product would turn an excluded NaN or inf into 0 * NaN = NaN, so non-finite entries of `rows` are added one
    key at a time. Without them the result is the matrix product.

    Examples
    --------
    >>> import numpy as np
    >>> sum_over_keys(np.array([[0.5, 0.0]]), np.array([[3.0], [np.nan]]), np.array([[True, False]]))
    array([[1.5]])
    """
    finite = np.isfinite(rows)
    total = weights @ np.where(finite, rows, 0)
    for j in np.unique(np.nonzero(~finite)[-2]):
        here = allowed[..., :, j, None] & ~finite[..., j, None, :]
        total = total + np.where(here, weights[..., :, j, None] * rows[..., j, None, :], 0)
    return np.asarray(total)
