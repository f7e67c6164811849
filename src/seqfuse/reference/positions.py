"""Where in a sequence a row stands, as numbers: sinusoidal position embeddings, and the tables of rotary ones."""

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
    """Position embeddings that are added to the inputs of a network.

        p[t, 2i] = sin((t + offset) base^(-2i/D))        p[t, 2i+1] = cos((t + offset) base^(-2i/D))

    Parameters
    ----------
    T, D : int        steps and features; an odd D ends with a sine
    base : float        the longest wavelength is just below 2 pi base
    offset : int        position of the first step
    interleaved : bool        False: all sines first, then all cosines
    dtype : dtype        computed in float64, or what is wider, and then rounded

    Returns
    -------
    (T, D)        p

    Notes
    -----
    Vaswani et al. 2017, arXiv:1706.03762, section 3.5.

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
    """The cosines and sines that `rotary` turns by.

        angle[t, i] = (t + offset) base^(-2i/D)

    Parameters
    ----------
    T, D : int        positions, and how many features are turned, an even number
    base : float        the longest wavelength is just below 2 pi base
    offset : int        position of the first row
    dtype : dtype        computed in float64, or what is wider, and then rounded

    Returns
    -------
    (T, D/2), (T, D/2)        cos, sin

    Notes
    -----
    Su et al. 2021, arXiv:2104.09864.

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
    wide = np.result_type(dtype, np.float64).type
    t = np.arange(offset, offset + T, dtype=wide)
    return np.asarray(t[:, None] * wide(base) ** (-np.arange(0, D, 2, dtype=wide) / wide(D)))
