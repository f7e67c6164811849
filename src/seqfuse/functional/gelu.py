"""The Gaussian error linear unit, exact and by tanh, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse.functional import _pointwise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class GELUTape(_pointwise.PointwiseTape):
    """What `gelu_backward` reads; opaque, refers to x."""

    __slots__ = ()


def gelu(x: ArrayLike, *, approximate: bool = False) -> Array:
    """Weigh every number by the share of a normal distribution that lies below it.

        y = x Phi(x)                                                    Phi(x) = (1 + erf(x / sqrt(2))) / 2
        y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2           approximate

    Parameters
    ----------
    x : (...)        any shape
    approximate : bool        the second form, which is up to 5e-4 away; what GPT-2 was trained with

    Returns
    -------
    y : (...)        in the type of x; half, bool and integers become float32. 0 at -inf

    Raises
    ------
    TypeError        a kind of number that is not computed with, approximate is not a flag

    Notes
    -----
    Hendrycks and Gimpel 2016, "Gaussian error linear units (GELUs)", arXiv:1606.08415. All digits of y are right far
    into the tail: gelu(-10) is -7.6e-23 in float32 too, where 1 + erf(x / sqrt(2)) has none left from -5.5 on.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.gelu([-1.0, 0.0, 1.0]).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return _forward("gelu", x, approximate)[0]


def gelu_forward(x: ArrayLike, *, approximate: bool = False) -> tuple[Array, GELUTape]:
    """As `gelu`, and the tape for `gelu_backward`, which refers to x.

    Parameters
    ----------
    x, approximate : as for `gelu`

    Returns
    -------
    y : (...)
    GELUTape        opaque; changing x before backward has read it changes the gradient

    Raises
    ------
    TypeError        as `gelu`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.gelu_forward(np.ones(3), approximate=True)
    >>> tape
    <GELUTape x=(3,) float64>
    """
    return _forward("gelu_forward", x, approximate)


def _forward(function: str, x: ArrayLike, approximate: Any) -> tuple[Array, GELUTape]:
    (approximate,) = _checks.flags(function, ("approximate",), (approximate,))
    return _pointwise.forward(function, GELUTape, "gelu_tanh" if approximate else "gelu", x)


def gelu_backward(tape: GELUTape, dy: ArrayLike) -> Array:
    """Gradient of `gelu_forward`: dx = dy (F(x) + x F'(x)), where y = x F(x).

    Parameters
    ----------
    tape : GELUTape        from `gelu_forward`; not changed, it may be read again
    dy : (...)        gradient of y

    Returns
    -------
    dx : (...)

    Raises
    ------
    ValueError        a shape disagrees
    TypeError        a kind of number that is not computed with

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> y, tape = F.gelu_forward([-1.0, 0.0, 1.0])
    >>> F.gelu_backward(tape, [1.0, 1.0, 1.0]).round(4)
    array([-0.0833,  0.5   ,  1.0833])
    """
    return _pointwise.backward("gelu_backward", GELUTape, tape, dy)
