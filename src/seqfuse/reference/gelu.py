"""Gaussian error linear unit, exact or with tanh, forward and backward."""

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
    """Tape of `gelu_forward` for `gelu_backward`."""

    x: Array
    approximate: bool


def gelu(x: npt.ArrayLike, *, approximate: bool = False) -> Array:
    """Compute the Gaussian error linear unit of each element.

    See `gelu_forward` for the equations.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.
    approximate : bool, optional
        If True, compute the tanh approximation. False by default.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. The value at -inf is 0. float16, bfloat16, bool and integer arrays are converted to
        float32.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Examples
    --------
    >>> gelu([-1.0, 0.0, 1.0]).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return gelu_forward(x, approximate=approximate)[0]


def gelu_forward(x: npt.ArrayLike, *, approximate: bool = False) -> tuple[Array, GELUTape]:
    """Compute the Gaussian error linear unit and keep the tape for `gelu_backward`.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.
    approximate : bool, optional
        If True, compute the tanh approximation. False by default.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. The value at -inf is 0. float16, bfloat16, bool and integer arrays are converted to
        float32.
    GELUTape
        Opaque tape for `gelu_backward`. Keeps references to x.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equations are::

        y = x * (1 + erf(x / sqrt(2))) / 2                              approximate=False
        y = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2       approximate=True

    The source is Hendrycks and Gimpel 2016, arXiv:1606.08415.

    Examples
    --------
    >>> y, tape = gelu_forward([-1.0, 0.0, 1.0], approximate=True)
    >>> y.round(4)
    array([-0.1588,  0.    ,  0.8412])
    """
    x = np.asarray(x, computed_dtype(x))
    cdf, _ = (_tanh_approximation if approximate else _normal_distribution)(x)
    return clip_minus_infinity(x) * cdf, GELUTape(x, approximate)


def gelu_backward(tape: GELUTape, dy: npt.ArrayLike) -> Array:
    """Compute the gradient of `gelu_forward`.

    Parameters
    ----------
    tape : GELUTape
        Tape from `gelu_forward`. It is not modified and may be used again.
    dy : array_like
        Gradient of y, in the shape of x.

    Returns
    -------
    dx : ndarray
        Gradient of x.

    Notes
    -----
    With the factor F(x) = y / x, the equation is::

        dx = dy * (F(x) + x F'(x))

    Examples
    --------
    >>> y, tape = gelu_forward([-1.0, 0.0, 1.0])
    >>> gelu_backward(tape, [1.0, 1.0, 1.0]).round(4)
    array([-0.0833,  0.5   ,  1.0833])
    """
    x = tape.x
    # forward: y = x F(x)
    cdf, density = (_tanh_approximation if tape.approximate else _normal_distribution)(x)
    return np.asarray(np.asarray(dy, x.dtype) * (cdf + clip_infinities(x) * density))


def clip_minus_infinity(x: Array) -> Array:
    """Return x with -inf replaced by the lowest finite number.

    The product with a factor of 0 is then 0 instead of NaN.
    """
    limits: Any = np.finfo(x.dtype)
    return np.asarray(np.maximum(x, limits.min))


def clip_infinities(x: Array) -> Array:
    """Return x with -inf and inf replaced by the lowest and highest finite numbers."""
    limits: Any = np.finfo(x.dtype)
    return np.asarray(np.minimum(clip_minus_infinity(x), limits.max))


def _normal_distribution(x: Array) -> tuple[Array, Array]:
    """Return the distribution function and the density of the standard normal distribution.

    Both are computed in float64, or in the dtype of x if it is wider, and then rounded. With a = |x| and the density d,
    the probability beyond a is computed from a series without cancellation for small a, and from the continued fraction
    of Laplace for large a:

        1/2 - d * (a + a^3 / 3 + a^5 / (3 * 5) + ...)
        d / (a + 1 / (a + 2 / (a + 3 / (a + ...))))
    """
    wide = np.result_type(x.dtype, np.float64).type
    a = np.minimum(np.abs(x), 200).astype(wide)  # beyond 200, both are 0 in every dtype
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
    return np.where(x < 0, tail, 1 - tail).astype(x.dtype), np.asarray(density, x.dtype)


def _tanh_approximation(x: Array) -> tuple[Array, Array]:
    """Return the tanh approximation of the normal distribution function, and its derivative.

    With u = sqrt(2 / pi) * (x + 0.044715 x^3), the approximation is (1 + tanh(u)) / 2 = sigmoid(2 u).
    """
    x = np.clip(x, -200, 200)  # beyond 200, the result is 0 or 1 in every dtype
    linear, cubic = np.sqrt(x.dtype.type(2) / (4 * np.arctan(x.dtype.type(1)))), x.dtype.type(0.044715)
    twice_u = 2 * linear * (x + cubic * x * x * x)
    cdf, one_minus_cdf = sigmoid(twice_u), sigmoid(-twice_u)
    return cdf, cdf * one_minus_cdf * 2 * linear * (1 + 3 * cubic * x * x)
