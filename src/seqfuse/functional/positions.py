"""Sinusoidal position embeddings and the tables of rotary position embeddings.

They are computed once per model, in NumPy, and have no gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqfuse import _checks

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from seqfuse._arrays import Array


def sinusoidal_positions(
    T: int,
    D: int,
    *,
    base: float = 10000.0,
    offset: int = 0,
    interleaved: bool = True,
    dtype: DTypeLike = np.float32,
) -> Array:
    """Return sinusoidal position embeddings, to be added to the inputs of a network.

    Parameters
    ----------
    T : int
        Number of steps.
    D : int
        Number of features. If it is odd, the last feature is a sine.
    base : float, optional
        At least 1. The wavelengths range from 2 pi to just below 2 pi base. 10000 by default.
    offset : int, optional
        Position of the first step, in 0..2**53. 0 by default.
    interleaved : bool, optional
        If True, sines and cosines alternate, as in Keras and in the tutorials of PyTorch. If False, all sines precede
        all cosines of the same angles. True by default.
    dtype : dtype, optional
        Type of the result, float32 or float64. The values are computed in float64 and then rounded. float32 by default.

    Returns
    -------
    p : ndarray, shape (T, D)
        Position embeddings.

    Raises
    ------
    ValueError
        If a number or the size of the result is out of range.
    TypeError
        If an argument is not a number, or if `dtype` is not float32 or float64.

    Notes
    -----
    The equations, for interleaved=True::

        p[t, 2i] = sin((t + offset) * base^(-2i/D))
        p[t, 2i+1] = cos((t + offset) * base^(-2i/D))

    The source is Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762, section 3.5.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.sinusoidal_positions(2, 4).round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]], dtype=float32)
    >>> F.sinusoidal_positions(1, 4, offset=1, interleaved=False).round(4)
    array([[0.8415, 0.01  , 0.5403, 1.    ]], dtype=float32)
    """
    function = "sinusoidal_positions"
    (interleaved,) = _checks.flags(function, ("interleaved",), (interleaved,))
    result_dtype = _checks.float_dtype(function, dtype)
    angle = _angles(function, "p (T, D)", T, D, base, offset, even=False)
    sines = angle.shape[1]
    p = np.empty((T, D), result_dtype)
    sin_columns, cos_columns = (p[:, 0::2], p[:, 1::2]) if interleaved else (p[:, :sines], p[:, sines:])
    sin_columns[...] = np.sin(angle)
    cos_columns[...] = np.cos(angle[:, : D // 2])
    return p


def rotary_tables(
    T: int, D: int, *, base: float = 10000.0, offset: int = 0, dtype: DTypeLike = np.float32
) -> tuple[Array, Array]:
    """Return the cosines and sines for `rotary`.

    Parameters
    ----------
    T : int
        Number of positions.
    D : int
        Number of features to rotate, an even number: the D of a head, or less.
    base : float, optional
        At least 1. 10000 by default.
    offset : int, optional
        Position of the first row, in 0..2**53. 0 by default.
    dtype : dtype, optional
        Type of the result, float32 or float64, preferably the dtype of the rotated array. The values are computed in
        float64 and then rounded. float32 by default.

    Returns
    -------
    cos : ndarray, shape (T, D/2)
        Cosines. Each angle occurs once, although it rotates two features.
    sin : ndarray, shape (T, D/2)
        Sines of the same angles.

    Raises
    ------
    ValueError
        If a number or the size of the result is out of range.
    TypeError
        If an argument is not a number, or if `dtype` is not float32 or float64.

    Notes
    -----
    The angles are::

        angle[t, i] = (t + offset) * base^(-2i/D)        0 <= i < D/2

    The source is Su et al. 2021, "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864. If
    a model scales its angles, compute the tables with NumPy: `rotary` accepts any tables.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> cos, sin = F.rotary_tables(2, 4)
    >>> sin.round(4)
    array([[0.    , 0.    ],
           [0.8415, 0.01  ]], dtype=float32)
    """
    function = "rotary_tables"
    result_dtype = _checks.float_dtype(function, dtype)
    angle = _angles(function, "cos (T, D/2)", T, D, base, offset, even=True)
    return np.cos(angle).astype(result_dtype), np.sin(angle).astype(result_dtype)


def _angles(function: str, what: str, T: int, D: int, base: float, offset: int, even: bool) -> NDArray[np.float64]:
    """Return the angles (T, ceil(D/2)) of all positions in float64."""
    steps, features = _checks.integer(function, "T", T, 0), _checks.integer(function, "D", D, 0)
    if even and features % 2:
        raise ValueError(f"{function}: D must be even; got {features}")
    number = _checks.real(function, "base", base, 1)
    first = _checks.integer(function, "offset", offset, 0, 2**53, "in 0..2**53")
    _checks.sizes(function, what, steps, features)
    position = np.arange(first, first + steps, dtype=np.float64)
    return np.outer(position, number ** (-np.arange(0, features, 2) / max(features, 1)))
