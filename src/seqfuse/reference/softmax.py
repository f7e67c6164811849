"""Softmax over the last axis, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class SoftmaxTape:
    """Tape of `softmax_forward` for `softmax_backward`."""

    y: Array  # (..., D)


def softmax(x: npt.ArrayLike) -> Array:
    """Compute the softmax over the last axis.

    See `softmax_forward` for the equation.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Scores. An entry of -inf has probability 0.

    Returns
    -------
    y : ndarray, shape (..., D)
        Probabilities. A row is NaN if it contains NaN or inf, or if all its entries are -inf. float16, bfloat16, bool
        and integer arrays are converted to float32.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Examples
    --------
    >>> import numpy as np
    >>> softmax([1000.0, -np.inf, 1000.0])
    array([0.5, 0. , 0.5])
    """
    return softmax_forward(x)[0]


def softmax_forward(x: npt.ArrayLike) -> tuple[Array, SoftmaxTape]:
    """Compute the softmax over the last axis and keep the tape for `softmax_backward`.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Scores. An entry of -inf has probability 0.

    Returns
    -------
    y : ndarray, shape (..., D)
        Probabilities. A row is NaN if it contains NaN or inf, or if all its entries are -inf. float16, bfloat16, bool
        and integer arrays are converted to float32.
    SoftmaxTape
        Opaque tape for `softmax_backward`. Keeps references to y.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y[d] = exp(x[d]) / (sum over k of exp(x[k]))

    The maximum of each row is subtracted first, so that no exponential overflows. The source is Bridle 1990,
    "Probabilistic interpretation of feedforward classification network outputs".

    Examples
    --------
    >>> y, tape = softmax_forward([0.0, 0.0])
    >>> y
    array([0.5, 0.5])
    """
    x = np.asarray(x, computed_dtype(x))
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, as it should be
        e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
        y = e / e.sum(axis=-1, keepdims=True)
    return y, SoftmaxTape(y)


def softmax_backward(tape: SoftmaxTape, dy: npt.ArrayLike) -> Array:
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

    Notes
    -----
    The equation is::

        dx[d] = y[d] * (dy[d] - sum over k of y[k] dy[k])

    Examples
    --------
    >>> y, tape = softmax_forward([0.0, 0.0])
    >>> softmax_backward(tape, [1.0, 0.0])
    array([ 0.25, -0.25])
    """
    y = tape.y
    dy = np.asarray(dy, y.dtype)
    # forward: y = exp(x) / (sum of exp(x))
    return np.asarray(y * (dy - (y * dy).sum(axis=-1, keepdims=True)))
