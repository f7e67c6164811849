"""What attention says of a pair of a query and a key: whether it may attend, whether it is dropped; sums over pairs."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dropout import philox4x32

Pairs: TypeAlias = npt.NDArray[np.bool_]


def attended(
    shape: tuple[int, int, int, int],
    mask: Array | None = None,
    causal: bool | str = False,
    window: tuple[int | None, int | None] | None = None,
    lengths: npt.ArrayLike | None = None,
) -> Pairs:
    """Which query may attend to which key.

        j < lengths[b]                      with lengths
        j <= p                              with causal
        p - left <= j <= p + right          with window = (left, right)
        mask is True, or is not -inf        with mask
        p = i + lengths[b] - Tq             the position of query i for "bottom_right" (Tk where there are no lengths);
        p = i                               its position for anything else

    Parameters
    ----------
    shape : (B, Hq, Tq, Tk)
    mask : broadcastable to shape        bool, or additive in the type that is computed in
    causal, window, lengths : as `attention` takes them

    Returns
    -------
    (B, Hq, Tq, Tk)        bool; read it, do not write it

    Examples
    --------
    >>> attended((1, 1, 3, 4), causal="bottom_right", window=(1, None))[0, 0].astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    Tq, Tk = shape[2:]
    j = np.arange(Tk)
    may = np.ones((1, 1, 1, 1), bool)
    ends = np.array(Tk) if lengths is None else np.asarray(lengths).astype(np.int64)[:, None, None, None]
    if lengths is not None:
        may = may & (j < ends)
    p = np.arange(Tq)[:, None] + (ends - Tq if causal == "bottom_right" else 0)
    if causal:
        may = may & (j <= p)
    left, right = window or (None, None)
    if left is not None:
        may = may & (j >= p - min(left, Tq + Tk))  # no two positions are further apart
    if right is not None:
        may = may & (j <= p + min(right, Tq + Tk))
    if mask is not None:
        may = may & (mask if mask.dtype == bool else mask != -np.inf)
    return np.broadcast_to(may, shape)


def kept(shape: tuple[int, int, int, int], rate: float, seed: int) -> Pairs:
    """Which weights dropout leaves: those whose random word, of 32 bits, is at least floor(rate * 2**32).

    Weight (b, h, i, j) takes word j mod 4 of the counter (j div 4, i, h, b).

    Examples
    --------
    >>> kept((1, 1, 2, 6), 0.5, seed=0)[0, 0].astype(int)
    array([[0, 1, 1, 1, 1, 0],
           [0, 1, 0, 0, 0, 1]])
    """
    B, H, Tq, Tk = shape
    counter = [c.ravel() for c in np.indices((B, H, Tq, (Tk + 3) // 4))[::-1]]
    words = philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF])
    return words.T.reshape(B, H, Tq, (Tk + 3) // 4 * 4)[..., :Tk] >= math.floor(rate * 2**32)


def sum_over_keys(weights: Array, rows: Array, may: Pairs) -> Array:
    """sum over j of weights[i, j] * rows[j], over the pairs that may attend alone, whatever stands in the other rows.

    weights (..., I, J), 0 where a pair may not attend; rows (..., J, N); may (..., I, J). A product of matrices would
    let NaN and infinities in by 0 * NaN = NaN, so those are summed apart, pair by pair; without them it is a product.

    Examples
    --------
    >>> import numpy as np
    >>> sum_over_keys(np.array([[0.5, 0.0]]), np.array([[3.0], [np.nan]]), np.array([[True, False]]))
    array([[1.5]])
    """
    finite = np.isfinite(rows)
    total = weights @ np.where(finite, rows, 0)
    for j in np.unique(np.nonzero(~finite)[-2]):
        here = may[..., :, j, None] & ~finite[..., j, None, :]
        total = total + np.where(here, weights[..., :, j, None] * rows[..., j, None, :], 0)
    return np.asarray(total)
