"""The Gaussian error linear unit, exact and by tanh, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqfuse._activations import sigmoid
from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class GELUTape:
    """What `gelu_backward` reads; opaque, refers to x."""

    x: Array
    approximate: bool


def gelu(x: npt.ArrayLike, *, approximate: bool = False) -> Array:
    """Weigh every number by the share of a normal distribution that lies below it.

        y = x Phi(x)                                                    Phi(x) = (1 + erf(x / sqrt(2))) / 2
        y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2           approximate

    Parameters
    ----------
    x : (...)        inputs
    approximate : bool        the second form

    Returns
    -------
    (...)        y; 0 at -inf

    Raises
    ------
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Hendrycks and Gimpel 2016, arXiv:1606.08415.

    Examples
    --------
    >>> gelu([-1.0, 0.0, 1.0]).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return gelu_forward(x, approximate=approximate)[0]


def gelu_forward(x: npt.ArrayLike, *, approximate: bool = False) -> tuple[Array, GELUTape]:
    """Run `gelu` and keep the tape for `gelu_backward`.

    Parameters, equation and errors are those of `gelu`.

    Returns
    -------
    (...)        y
    GELUTape        opaque, for `gelu_backward`; refers to x

    Examples
    --------
    >>> y, tape = gelu_forward([-1.0, 0.0, 1.0], approximate=True)
    >>> y.round(4)
    array([-0.1588,  0.    ,  0.8412])
    """
    x = np.asarray(x, computed_dtype(x))
    share, _ = (_by_tanh if approximate else _normal)(x)
    return above_minus_infinity(x) * share, GELUTape(x, approximate)


def gelu_backward(tape: GELUTape, dy: npt.ArrayLike) -> Array:
    """Differentiate `gelu`.

        dx = dy (F(x) + x F'(x))        where y = x F(x)

    Parameters
    ----------
    tape : GELUTape        of `gelu_forward`; not changed, and may be used again
    dy : (...)        gradient of y

    Returns
    -------
    (...)        dx

    Examples
    --------
    >>> y, tape = gelu_forward([-1.0, 0.0, 1.0])
    >>> gelu_backward(tape, [1.0, 1.0, 1.0]).round(4)
    array([-0.0833,  0.5   ,  1.0833])
    """
    x = tape.x
    # forward: y = x F(x)
    share, density = (_by_tanh if tape.approximate else _normal)(x)
    return np.asarray(np.asarray(dy, x.dtype) * (share + finite(x) * density))


def above_minus_infinity(x: Array) -> Array:
    """The lowest number in place of -inf, so that what vanishes there is 0 when it is multiplied by it."""
    limits: Any = np.finfo(x.dtype)
    return np.maximum(x, limits.min)


def finite(x: Array) -> Array:
    """The largest number in place of inf too."""
    limits: Any = np.finfo(x.dtype)
    return np.minimum(above_minus_infinity(x), limits.max)


def _normal(x: Array) -> tuple[Array, Array]:
    """The normal distribution function and its density, computed in float64, or in what is wider, and rounded.

    With a = |x| and the density d, the tail beyond a is a series without cancellation or Laplace's continued fraction:

        1/2 - d (a + a^3 / 3 + a^5 / (3 * 5) + ...)        d / (a + 1 / (a + 2 / (a + 3 / (a + ...))))
    """
    wide = np.result_type(x.dtype, np.float64).type
    a = np.minimum(np.abs(x), 200).astype(wide)  # beyond, both are 0 in any type
    density = np.exp(-a * a / 2) / np.sqrt(8 * np.arctan(wide(1)))  # sqrt(2 pi)
    small = np.minimum(a, 1.5)
    term = small
    series = small
    for n in range(3, 80, 2):
        term = term * small * small / n
        series = series + term
    large = np.maximum(a, 1.5)
    fraction = large
    for n in range(250, 0, -1):
        fraction = large + n / fraction
    tail = np.where(a < 1.5, 0.5 - density * series, density / fraction)
    return np.where(x < 0, tail, 1 - tail).astype(x.dtype), density.astype(x.dtype)


def _by_tanh(x: Array) -> tuple[Array, Array]:
    """(1 + tanh(u)) / 2 = sigmoid(2 u) for u = sqrt(2 / pi) (x + 0.044715 x^3), and its slope."""
    x = np.clip(x, -200, 200)  # beyond, it is 0 or 1 in any type
    scale, cubic = np.sqrt(x.dtype.type(2) / (4 * np.arctan(x.dtype.type(1)))), x.dtype.type(0.044715)
    twice_u = 2 * scale * (x + cubic * x * x * x)
    share, rest = sigmoid(twice_u), sigmoid(-twice_u)
    return share, share * rest * 2 * scale * (1 + 3 * cubic * x * x)
