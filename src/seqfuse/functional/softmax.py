"""Softmax over the last axis, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class SoftmaxTape:
    """What `softmax_backward` reads; opaque, refers to y."""

    _kernels: Kernels
    _y: Array

    def __repr__(self) -> str:
        return f"<SoftmaxTape x={self._y.shape} {self._y.dtype}>"


def softmax(x: ArrayLike) -> Array:
    """Turn every row, the last axis of x, into shares that add up to 1.

        y[d] = exp(x[d]) / (sum over k of exp(x[k]))

    Parameters
    ----------
    x : (..., D)        scores, however large; -inf has a share of 0

    Returns
    -------
    y : (..., D)        in the type of x; half, bool and integers become float32. NaN in a row of -inf alone, and in one
        with inf or NaN

    Raises
    ------
    ValueError        x has no axis
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs". For the loss of a
    classifier take `softmax_cross_entropy`, for attention `attention`: both do without an array of shares.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.softmax([1000.0, -np.inf, 1000.0])
    array([0.5, 0. , 0.5])
    """
    return _forward("softmax", x)[0]


def softmax_forward(x: ArrayLike) -> tuple[Array, SoftmaxTape]:
    """As `softmax`, and the tape for `softmax_backward`, which refers to y.

    Parameters
    ----------
    x : as for `softmax`

    Returns
    -------
    y : (..., D)
    SoftmaxTape        opaque; changing y before backward has read it changes the gradient

    Raises
    ------
    ValueError, TypeError        as `softmax`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.softmax_forward(np.zeros((3, 4)))
    >>> tape
    <SoftmaxTape x=(3, 4) float64>
    """
    return _forward("softmax_forward", x)


def _forward(function: str, x: Any) -> tuple[Array, SoftmaxTape]:
    x, _ = _arrays.widest(function, ("x",), (x,))
    if x.ndim == 0:
        raise ValueError(f"{function}: x must be (..., D); got ()")
    kernels, y = _backend.kernels, np.empty(x.shape, x.dtype)
    if y.size:
        kernels.softmax_forward(_arrays.rows(x), _arrays.rows(y), _threads.current())
    return y, SoftmaxTape(kernels, y)


def softmax_backward(tape: SoftmaxTape, dy: ArrayLike) -> Array:
    """Gradient of `softmax_forward`: dx[d] = y[d] (dy[d] - sum over k of y[k] dy[k]).

    Parameters
    ----------
    tape : SoftmaxTape        from `softmax_forward`; not changed, it may be read again
    dy : (..., D)        gradient of y

    Returns
    -------
    dx : (..., D)

    Raises
    ------
    ValueError        a shape disagrees
    TypeError        a kind of number that is not computed with

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> y, tape = F.softmax_forward([0.0, 0.0])
    >>> F.softmax_backward(tape, [1.0, 0.0])
    array([ 0.25, -0.25])
    """
    function = "softmax_backward"
    if not isinstance(tape, SoftmaxTape):
        raise TypeError(f"{function}: tape must be what softmax_forward returned; got {type(tape).__name__}")
    y = tape._y
    gradient = _arrays.numbers(function, "dy", dy, y.dtype)
    _checks.shape(function, "dy", "(..., D)", y.shape, gradient.shape)
    dx = np.empty(y.shape, y.dtype)
    if dx.size:
        rows = _arrays.rows(y), _arrays.rows(gradient), _arrays.rows(dx)
        tape._kernels.softmax_backward(*rows, _threads.current())
    return dx
