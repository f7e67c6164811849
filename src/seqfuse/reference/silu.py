"""Sigmoid linear unit, also known as swish, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._activations import sigmoid
from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype
from seqfuse.reference.gelu import clip_infinities, clip_minus_infinity


@dataclass(frozen=True)
class SiLUTape:
    """Tape of `silu_forward` for `silu_backward`."""

    x: Array


def silu(x: npt.ArrayLike) -> Array:
    """Compute the sigmoid linear unit of each element.

    See `silu_forward` for the equation.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.

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
    >>> silu([-1.0, 0.0, 1.0]).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    return silu_forward(x)[0]


def silu_forward(x: npt.ArrayLike) -> tuple[Array, SiLUTape]:
    """Compute the sigmoid linear unit and keep the tape for `silu_backward`.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. The value at -inf is 0. float16, bfloat16, bool and integer arrays are converted to
        float32.
    SiLUTape
        Opaque tape for `silu_backward`. Keeps references to x.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y = x * sigmoid(x)

    The sources are Elfwing, Uchibe and Doya 2017, arXiv:1702.03118, and, under the name swish, Ramachandran, Zoph and
    Le 2017, arXiv:1710.05941.

    Examples
    --------
    >>> y, tape = silu_forward([-1.0, 0.0, 1.0])
    >>> y.round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    x = np.asarray(x, computed_dtype(x))
    return clip_minus_infinity(x) * sigmoid(x), SiLUTape(x)


def silu_backward(tape: SiLUTape, dy: npt.ArrayLike) -> Array:
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

    Notes
    -----
    The equation is::

        dx = dy * sigmoid(x) * (1 + x * (1 - sigmoid(x)))

    Examples
    --------
    >>> y, tape = silu_forward([-1.0, 0.0, 1.0])
    >>> silu_backward(tape, [1.0, 1.0, 1.0]).round(4)
    array([0.0723, 0.5   , 0.9277])
    """
    x = tape.x
    # forward: y = x sigmoid(x)
    slope = sigmoid(x) * (1 + clip_infinities(x) * sigmoid(-x))
    return np.asarray(np.asarray(dy, x.dtype) * slope)
