"""Sinusoidal position embeddings and the tables of rotary position embeddings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array


def sinusoidal_positions(
    T: int,
    D: int,
    *,
    base: float = 10000.0,
    offset: int = 0,
    interleaved: bool = True,
    dtype: npt.DTypeLike = np.float32,
) -> Array:
    """Return sinusoidal position embeddings, to be added to the inputs of a network.

    Parameters
    ----------
    T : int
        Number of steps.
    D : int
        Number of features. If it is odd, the last feature is a sine.
    base : float, optional
        The longest wavelength is just below 2 pi base. 10000 by default.
    offset : int, optional
        Position of the first step. 0 by default.
    interleaved : bool, optional
        If True, sines and cosines alternate. If False, all sines precede all cosines. True by default.
    dtype : dtype, optional
        Type of the result. The values are computed in float64, or in `dtype` if it is wider, and then rounded. float32
        by default.

    Returns
    -------
    p : ndarray, shape (T, D)
        Position embeddings.

    Notes
    -----
    The equations, for interleaved=True::

        p[t, 2i] = sin((t + offset) * base^(-2i/D))
        p[t, 2i+1] = cos((t + offset) * base^(-2i/D))

    The source is Vaswani et al. 2017, arXiv:1706.03762, section 3.5.

    Examples
    --------
    >>> sinusoidal_positions(2, 4).round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]], dtype=float32)
    """
    angle = _angles(T, D, base, offset, dtype)
    sin, cos = np.sin(angle), np.cos(angle)[:, : D // 2]
    p = np.empty((T, D), dtype)
    if interleaved:
        p[:, 0::2], p[:, 1::2] = sin, cos
    else:
        p[:, : sin.shape[1]], p[:, sin.shape[1] :] = sin, cos
    return p


def rotary_tables(
    T: int, D: int, *, base: float = 10000.0, offset: int = 0, dtype: npt.DTypeLike = np.float32
) -> tuple[Array, Array]:
    """Return the cosines and sines for `rotary`.

    Parameters
    ----------
    T : int
        Number of positions.
    D : int
        Number of features to rotate, an even number.
    base : float, optional
        The longest wavelength is just below 2 pi base. 10000 by default.
    offset : int, optional
        Position of the first row. 0 by default.
    dtype : dtype, optional
        Type of the result. The values are computed in float64, or in `dtype` if it is wider, and then rounded. float32
        by default.

    Returns
    -------
    cos : ndarray, shape (T, D/2)
        Cosines.
    sin : ndarray, shape (T, D/2)
        Sines.

    Notes
    -----
    The angles are::

        angle[t, i] = (t + offset) * base^(-2i/D)        0 <= i < D/2

    The source is Su et al. 2021, arXiv:2104.09864.

    Examples
    --------
    >>> cos, sin = rotary_tables(2, 4)
    >>> sin.round(4)
    array([[0.    , 0.    ],
           [0.8415, 0.01  ]], dtype=float32)
    """
    angle = _angles(T, D, base, offset, dtype)
    return np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)


def _angles(T: int, D: int, base: float, offset: int, dtype: npt.DTypeLike) -> Array:
    """Return the angles (T, ceil(D/2)) in float64, or in `dtype` if it is wider."""
    wide = np.result_type(dtype, np.float64).type
    t = np.arange(offset, offset + T, dtype=wide)
    return np.asarray(t[:, None] * wide(base) ** (-np.arange(0, D, 2, dtype=wide) / wide(D)))
