"""Sigmoid linear unit, also known as swish, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse.functional import _pointwise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class SiLUTape(_pointwise.PointwiseTape):
    """Tape of `silu_forward` for `silu_backward`: opaque, keeps a reference to x."""

    __slots__ = ()


def silu(x: ArrayLike) -> Array:
    """Compute the sigmoid linear unit of each element.

    See `silu_forward` for the equation.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. The result has the dtype of x. float16, bfloat16, bool and integer arrays are
        converted to float32. The value at -inf is 0.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The sources are Elfwing, Uchibe and Doya 2017, "Sigmoid-weighted linear units", arXiv:1702.03118, and, under the
    name swish, Ramachandran, Zoph and Le 2017, arXiv:1710.05941.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.silu([-1.0, 0.0, 1.0]).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    return _pointwise.forward("silu", SiLUTape, "silu", x)[0]


def silu_forward(x: ArrayLike) -> tuple[Array, SiLUTape]:
    """Compute the sigmoid linear unit and keep the tape for `silu_backward`.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. The result has the dtype of x. float16, bfloat16, bool and integer arrays are
        converted to float32. The value at -inf is 0.
    SiLUTape
        Opaque tape for `silu_backward`. Keeps a reference to x. Do not modify x before the backward function has run.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y = x * sigmoid(x)

    The sources are Elfwing, Uchibe and Doya 2017, "Sigmoid-weighted linear units", arXiv:1702.03118, and, under the
    name swish, Ramachandran, Zoph and Le 2017, arXiv:1710.05941.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.silu_forward(np.ones(3))
    >>> tape
    <SiLUTape x=(3,) float64>
    """
    return _pointwise.forward("silu_forward", SiLUTape, "silu", x)


def silu_backward(tape: SiLUTape, dy: ArrayLike) -> Array:
    """Compute the gradient of `silu_forward`.

    Parameters
    ----------
    tape : SiLUTape
        Tape from `silu_forward`. It is not modified and may be used again.
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
    The equation is::

        dx = dy * sigmoid(x) * (1 + x * (1 - sigmoid(x)))

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> y, tape = F.silu_forward([-1.0, 0.0, 1.0])
    >>> F.silu_backward(tape, [1.0, 1.0, 1.0]).round(4)
    array([0.0723, 0.5   , 0.9277])
    """
    return _pointwise.backward("silu_backward", SiLUTape, tape, dy)
