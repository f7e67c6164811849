"""Where in a sequence a row stands, as numbers: sinusoidal position embeddings, and the tables of rotary ones.

They are made once for a model, in NumPy, and have no gradient.
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
    """Position embeddings that are added to the inputs of a network.

        p[t, 2i] = sin((t + offset) base^(-2i/D))        p[t, 2i+1] = cos((t + offset) base^(-2i/D))

    Parameters
    ----------
    T : int        steps
    D : int        features; an odd number ends with a sine
    base : float        at least 1; wavelengths go from 2 pi to just below 2 pi base
    offset : int        position of the first step, in 0..2**53
    interleaved : bool        True: as above, as Keras and PyTorch's tutorials have it; False: all sines first, then all
        cosines, of the same angles
    dtype : dtype        float32 or float64; computed in float64 and then rounded

    Returns
    -------
    p : (T, D)

    Raises
    ------
    ValueError        a number is out of range, or the size
    TypeError        not a number, or another dtype

    Notes
    -----
    Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762, section 3.5.

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
    to = _checks.float_dtype(function, dtype)
    angle = _angles(function, "p (T, D)", T, D, base, offset, even=False)
    sines = angle.shape[1]
    p = np.empty((T, D), to)
    of_sin, of_cos = (p[:, 0::2], p[:, 1::2]) if interleaved else (p[:, :sines], p[:, sines:])
    of_sin[...] = np.sin(angle)
    of_cos[...] = np.cos(angle[:, : D // 2])
    return p


def rotary_tables(
    T: int, D: int, *, base: float = 10000.0, offset: int = 0, dtype: DTypeLike = np.float32
) -> tuple[Array, Array]:
    """The cosines and sines that `rotary` turns by.

        angle[t, i] = (t + offset) base^(-2i/D)        0 <= i < D/2

    Parameters
    ----------
    T : int        positions
    D : int        how many features are turned, an even number: the D of a head, or less
    base : float        at least 1
    offset : int        position of the first row, in 0..2**53
    dtype : dtype        float32 or float64, best that of what is turned; computed in float64 and then rounded

    Returns
    -------
    cos, sin : (T, D/2)        each angle once, whichever features are its pair

    Raises
    ------
    ValueError        a number is out of range, or the size
    TypeError        not a number, or another dtype

    Notes
    -----
    Su et al. 2021, "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864. Where a model
    scales its angles, make tables with NumPy: `rotary` takes any.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> cos, sin = F.rotary_tables(2, 4)
    >>> sin.round(4)
    array([[0.    , 0.    ],
           [0.8415, 0.01  ]], dtype=float32)
    """
    function = "rotary_tables"
    to = _checks.float_dtype(function, dtype)
    angle = _angles(function, "cos (T, D/2)", T, D, base, offset, even=True)
    return np.cos(angle).astype(to), np.sin(angle).astype(to)


def _angles(function: str, what: str, T: int, D: int, base: float, offset: int, even: bool) -> NDArray[np.float64]:
    steps, features = _checks.integer(function, "T", T, 0), _checks.integer(function, "D", D, 0)
    if even and features % 2:
        raise ValueError(f"{function}: D must be even; got {features}")
    number = _checks.real(function, "base", base, 1)
    first = _checks.integer(function, "offset", offset, 0, 2**53, "in 0..2**53")
    _checks.sizes(function, what, steps, features)
    position = np.arange(first, first + steps, dtype=np.float64)
    return np.outer(position, number ** (-np.arange(0, features, 2) / max(features, 1)))
