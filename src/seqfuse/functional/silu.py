"""The sigmoid linear unit, also known as swish, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse.functional import _pointwise

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class SiLUTape(_pointwise.PointwiseTape):
    """What `silu_backward` reads; opaque, refers to x."""

    __slots__ = ()


def silu(x: ArrayLike) -> Array:
    """Weigh every number by its sigmoid: y = x sigmoid(x).

    Parameters
    ----------
    x : (...)        any shape

    Returns
    -------
    y : (...)        in the type of x; half, bool and integers become float32. 0 at -inf

    Raises
    ------
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Elfwing, Uchibe and Doya 2017, "Sigmoid-weighted linear units", arXiv:1702.03118; as swish: Ramachandran, Zoph and
    Le 2017, arXiv:1710.05941.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.silu([-1.0, 0.0, 1.0]).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    return _pointwise.forward("silu", SiLUTape, "silu", x)[0]


def silu_forward(x: ArrayLike) -> tuple[Array, SiLUTape]:
    """As `silu`, and the tape for `silu_backward`, which refers to x.

    Parameters
    ----------
    x : as for `silu`

    Returns
    -------
    y : (...)
    SiLUTape        opaque; changing x before backward has read it changes the gradient

    Raises
    ------
    TypeError        as `silu`

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
    """Gradient of `silu_forward`: dx = dy sigmoid(x) (1 + x (1 - sigmoid(x))).

    Parameters
    ----------
    tape : SiLUTape        from `silu_forward`; not changed, it may be read again
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
    >>> y, tape = F.silu_forward([-1.0, 0.0, 1.0])
    >>> F.silu_backward(tape, [1.0, 1.0, 1.0]).round(4)
    array([0.0723, 0.5   , 0.9277])
    """
    return _pointwise.backward("silu_backward", SiLUTape, tape, dy)
