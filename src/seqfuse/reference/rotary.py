"""Rotary position embeddings, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class RotaryTape:
    """Tape of `rotary_forward` for `rotary_backward`."""

    cos: Array  # (T, R/2) or (B, 1, T, R/2), cosines of each step
    sin: Array  # sines, same shape
    interleaved: bool


def rotary(
    x: npt.ArrayLike,
    cos: npt.ArrayLike,
    sin: npt.ArrayLike,
    *,
    positions: npt.ArrayLike | None = None,
    interleaved: bool = False,
) -> Array:
    """Apply rotary position embeddings to queries or keys.

    See `rotary_forward` for the equations.

    Parameters
    ----------
    x : array_like, shape (B, H, T, D)
        Queries or keys.
    cos : array_like, shape (P, R/2)
        Cosines from `rotary_tables(P, R)`, with R <= D. The features after the first R are copied.
    sin : array_like, shape (P, R/2)
        Sines of the same angles.
    positions : array_like of int, shape (T,) or (B, T), optional
        Position of each step: its row of the tables, in 0..P-1. Step t uses row t by default.
    interleaved : bool, optional
        If False, feature i is rotated with feature i + R/2. If True, feature 2i is rotated with feature 2i + 1. False
        by default.

    Returns
    -------
    y : ndarray, shape (B, H, T, D)
        Rotated array. float16, bfloat16, bool and integer arrays are converted to float32.

    Raises
    ------
    IndexError
        If a position is P or more.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The source is Su et al. 2021, arXiv:2104.09864, section 3.4.2, with interleaved=True. The layout of
    interleaved=False is the layout of GPT-NeoX and Llama.

    Examples
    --------
    >>> import numpy as np
    >>> quarter = np.array([[0.0]]), np.array([[1.0]])  # cos and sin of 90 degrees
    >>> rotary(np.array([[[[1.0, 2.0, 7.0]]]]), *quarter)
    array([[[[-2.,  1.,  7.]]]])
    """
    return rotary_forward(x, cos, sin, positions=positions, interleaved=interleaved)[0]


def rotary_forward(
    x: npt.ArrayLike,
    cos: npt.ArrayLike,
    sin: npt.ArrayLike,
    *,
    positions: npt.ArrayLike | None = None,
    interleaved: bool = False,
) -> tuple[Array, RotaryTape]:
    """Apply rotary position embeddings and keep the tape for `rotary_backward`.

    Parameters
    ----------
    x : array_like, shape (B, H, T, D)
        Queries or keys.
    cos : array_like, shape (P, R/2)
        Cosines from `rotary_tables(P, R)`, with R <= D. The features after the first R are copied.
    sin : array_like, shape (P, R/2)
        Sines of the same angles.
    positions : array_like of int, shape (T,) or (B, T), optional
        Position of each step: its row of the tables, in 0..P-1. Step t uses row t by default.
    interleaved : bool, optional
        If False, feature i is rotated with feature i + R/2. If True, feature 2i is rotated with feature 2i + 1. False
        by default.

    Returns
    -------
    y : ndarray, shape (B, H, T, D)
        Rotated array. float16, bfloat16, bool and integer arrays are converted to float32.
    RotaryTape
        Opaque tape for `rotary_backward`.

    Raises
    ------
    IndexError
        If a position is P or more.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    Two features i and j of a row are rotated by the angle of its position::

        y[i] = x[i] * cos[i] - x[j] * sin[i]        0 <= i < R/2
        y[j] = x[j] * cos[i] + x[i] * sin[i]        j = i + R/2

    With interleaved=True, features 2i and 2i + 1 take the place of i and j.

    The source is Su et al. 2021, arXiv:2104.09864, section 3.4.2, with interleaved=True. The layout of
    interleaved=False is the layout of GPT-NeoX and Llama.

    Examples
    --------
    >>> import numpy as np
    >>> y, tape = rotary_forward(np.ones((1, 2, 3, 4)), np.ones((3, 2)), np.zeros((3, 2)))
    >>> y.shape
    (1, 2, 3, 4)
    """
    x = np.asarray(x, computed_dtype(x))
    rows = np.arange(x.shape[2]) if positions is None else np.asarray(positions, np.intp)
    cos, sin = np.asarray(cos, x.dtype)[rows], np.asarray(sin, x.dtype)[rows]
    if rows.ndim == 2:
        cos, sin = cos[:, None], sin[:, None]  # (B, 1, T, R/2): the same for all heads
    return _rotate(x, cos, sin, interleaved), RotaryTape(cos, sin, interleaved)


def rotary_backward(tape: RotaryTape, dy: npt.ArrayLike) -> Array:
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
        Gradient of x.

    Notes
    -----
    dy is rotated by the negative angles::

        dx[i] = dy[i] * cos[i] + dy[j] * sin[i]
        dx[j] = dy[j] * cos[i] - dy[i] * sin[i]

    Examples
    --------
    >>> import numpy as np
    >>> y, tape = rotary_forward(np.array([[[[1.0, 2.0]]]]), [[0.0]], [[1.0]])
    >>> rotary_backward(tape, y)
    array([[[[1., 2.]]]])
    """
    # forward: y[i] = x[i] cos - x[j] sin, y[j] = x[j] cos + x[i] sin
    return _rotate(np.asarray(dy, tape.cos.dtype), tape.cos, -tape.sin, tape.interleaved)


def _rotate(x: Array, cos: Array, sin: Array, interleaved: bool) -> Array:
    """Return x rotated by the angles with these cosines and sines."""
    half = cos.shape[-1]
    i, j = slice(0, half), slice(half, 2 * half)
    if interleaved:
        i, j = slice(0, 2 * half, 2), slice(1, 2 * half, 2)
    y = x.copy()
    y[..., i] = x[..., i] * cos - x[..., j] * sin
    y[..., j] = x[..., j] * cos + x[..., i] * sin
    return y
