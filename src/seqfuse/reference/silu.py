"""The sigmoid linear unit, also known as swish, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._activations import sigmoid
from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype
from seqfuse.reference.gelu import above_minus_infinity, finite


@dataclass(frozen=True)
class SiLUTape:
    """What `silu_backward` reads; opaque, refers to x."""

    x: Array


def silu(x: npt.ArrayLike) -> Array:
    """Weigh every number by its sigmoid.

        y = x sigmoid(x)

    Parameters
    ----------
    x : (...)        inputs

    Returns
    -------
    (...)        y; 0 at -inf

    Raises
    ------
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Elfwing, Uchibe and Doya 2017, arXiv:1702.03118; Ramachandran, Zoph and Le 2017, arXiv:1710.05941, as swish.

    Examples
    --------
    >>> silu([-1.0, 0.0, 1.0]).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    return silu_forward(x)[0]


def silu_forward(x: npt.ArrayLike) -> tuple[Array, SiLUTape]:
    """Run `silu` and keep the tape for `silu_backward`.

    Parameters, equation and errors are those of `silu`.

    Returns
    -------
    (...)        y
    SiLUTape        opaque, for `silu_backward`; refers to x

    Examples
    --------
    >>> y, tape = silu_forward([-1.0, 0.0, 1.0])
    >>> y.round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    x = np.asarray(x, computed_dtype(x))
    return above_minus_infinity(x) * sigmoid(x), SiLUTape(x)


def silu_backward(tape: SiLUTape, dy: npt.ArrayLike) -> Array:
    """Differentiate `silu`.

        dx = dy sigmoid(x) (1 + x (1 - sigmoid(x)))

    Parameters
    ----------
    tape : SiLUTape        of `silu_forward`; not changed, and may be used again
    dy : (...)        gradient of y

    Returns
    -------
    (...)        dx

    Examples
    --------
    >>> y, tape = silu_forward([-1.0, 0.0, 1.0])
    >>> silu_backward(tape, [1.0, 1.0, 1.0]).round(4)
    array([0.0723, 0.5   , 0.9277])
    """
    x = tape.x
    # forward: y = x sigmoid(x)
    slope = sigmoid(x) * (1 + finite(x) * sigmoid(-x))
    return np.asarray(np.asarray(dy, x.dtype) * slope)
