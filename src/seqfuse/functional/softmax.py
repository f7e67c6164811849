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
    """Tape of `softmax_forward` for `softmax_backward`: opaque, keeps a reference to y."""

    _kernels: Kernels
    _y: Array
    _guards: tuple[object, ...]  # see _arrays.guard

    def __repr__(self) -> str:
        return f"<SoftmaxTape x={self._y.shape} {self._y.dtype}>"


def softmax(x: ArrayLike) -> Array:
    """Compute the softmax over the last axis.

    See `softmax_forward` for the equation.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Scores of any size. An entry of -inf has probability 0.

    Returns
    -------
    y : ndarray, shape (..., D)
        Probabilities. The result has the dtype of x. float16, bfloat16, bool and integer arrays are converted to
        float32. A row is NaN if it contains NaN or inf, or if all its entries are -inf.

    Raises
    ------
    ValueError
        If `x` has no axis.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The source is Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs". For the
    loss of a classifier, use `softmax_cross_entropy`, and for attention, use `attention`. Both work without an array of
    probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.softmax([1000.0, -np.inf, 1000.0])
    array([0.5, 0. , 0.5])
    """
    return _forward("softmax", x)[0]


def softmax_forward(x: ArrayLike) -> tuple[Array, SoftmaxTape]:
    """Compute the softmax over the last axis and keep the tape for `softmax_backward`.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Scores of any size. An entry of -inf has probability 0.

    Returns
    -------
    y : ndarray, shape (..., D)
        Probabilities. The result has the dtype of x. float16, bfloat16, bool and integer arrays are converted to
        float32. A row is NaN if it contains NaN or inf, or if all its entries are -inf.
    SoftmaxTape
        Opaque tape for `softmax_backward`. Keeps a reference to y. Do not modify y before the backward function has
        run.

    Raises
    ------
    ValueError
        If `x` has no axis.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y[d] = exp(x[d]) / (sum over k of exp(x[k]))

    The maximum of each row is subtracted first, so that no exponential overflows.

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
    return y, SoftmaxTape(kernels, y.view(), _arrays.guard(y))


def softmax_backward(tape: SoftmaxTape, dy: ArrayLike) -> Array:
    """Compute the gradient of `softmax_forward`.

    Parameters
    ----------
    tape : SoftmaxTape
        Tape from `softmax_forward`. It is not modified and may be used again.
    dy : array_like, shape (..., D)
        Gradient of y.

    Returns
    -------
    dx : ndarray, shape (..., D)
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

        dx[d] = y[d] * (dy[d] - sum over k of y[k] dy[k])

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> y, tape = F.softmax_forward([0.0, 0.0])
    >>> F.softmax_backward(tape, [1.0, 0.0])
    array([ 0.25, -0.25])
    """
    function = "softmax_backward"
    if not isinstance(tape, SoftmaxTape):
        raise TypeError(f"{function}: tape must come from softmax_forward; got {type(tape).__name__}")
    y = tape._y
    gradient = _arrays.numbers(function, "dy", dy, y.dtype)
    _checks.shape(function, "dy", "(..., D)", y.shape, gradient.shape)
    dx = np.empty(y.shape, y.dtype)
    if dx.size:
        rows = _arrays.rows(y), _arrays.rows(gradient), _arrays.rows(dx)
        tape._kernels.softmax_backward(*rows, _threads.current())
    return dx
