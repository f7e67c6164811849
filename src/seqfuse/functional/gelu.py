"""Gaussian error linear unit, exact or with tanh, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse.functional import _pointwise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class GELUTape(_pointwise.PointwiseTape):
    """Tape of `gelu_forward` for `gelu_backward`: opaque, keeps a reference to x."""

    __slots__ = ()


def gelu(x: ArrayLike, *, approximate: bool = False) -> Array:
    """Compute the Gaussian error linear unit of each element.

    See `gelu_forward` for the equations.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.
    approximate : bool, optional
        If True, compute the tanh approximation, which GPT-2 was trained with and which differs by up to 5e-4. False by
        default.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. The result has the dtype of x. float16, bfloat16, bool and integer arrays are
        converted to float32. The value at -inf is 0.

    Raises
    ------
    TypeError
        If `x` has an unsupported dtype, or if `approximate` is not a bool.

    Notes
    -----
    The source is Hendrycks and Gimpel 2016, "Gaussian error linear units (GELUs)", arXiv:1606.08415. The exact form is
    accurate to all digits far into the tail: gelu(-10) is -7.6e-23 in float32 too, whereas evaluating 1 + erf(x /
    sqrt(2)) directly loses all digits below x = -5.5.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.gelu([-1.0, 0.0, 1.0]).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    return _forward("gelu", x, approximate)[0]


def gelu_forward(x: ArrayLike, *, approximate: bool = False) -> tuple[Array, GELUTape]:
    """Compute the Gaussian error linear unit and keep the tape for `gelu_backward`.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.
    approximate : bool, optional
        If True, compute the tanh approximation, which GPT-2 was trained with and which differs by up to 5e-4. False by
        default.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. The result has the dtype of x. float16, bfloat16, bool and integer arrays are
        converted to float32. The value at -inf is 0.
    GELUTape
        Opaque tape for `gelu_backward`. Keeps a reference to x. Do not modify x before the backward function has run.

    Raises
    ------
    TypeError
        If `x` has an unsupported dtype, or if `approximate` is not a bool.

    Notes
    -----
    The equations are::

        y = x * (1 + erf(x / sqrt(2))) / 2                              approximate=False
        y = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2       approximate=True

    The source is Hendrycks and Gimpel 2016, "Gaussian error linear units (GELUs)", arXiv:1606.08415. The exact form is
    accurate to all digits far into the tail: gelu(-10) is -7.6e-23 in float32 too, whereas evaluating 1 + erf(x /
    sqrt(2)) directly loses all digits below x = -5.5.

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

    Raises
    ------
    ValueError
        If the shape of `dy` does not fit.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    With the factor F(x) = y / x, the equation is::

        dx = dy * (F(x) + x F'(x))

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> y, tape = F.gelu_forward([-1.0, 0.0, 1.0])
    >>> F.gelu_backward(tape, [1.0, 1.0, 1.0]).round(4)
    array([-0.0833,  0.5   ,  1.0833])
    """
    return _pointwise.backward("gelu_backward", GELUTape, tape, dy)
