"""Softmax over the last axis, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class SoftmaxTape:
    """What `softmax_backward` reads; opaque, refers to y."""

    y: Array  # (..., D)


def softmax(x: npt.ArrayLike) -> Array:
    """Turn every row, the last axis of x, into shares that add up to 1.

        y[d] = exp(x[d]) / (sum over k of exp(x[k]))

    Parameters
    ----------
    x : (..., D)        scores; -inf has a share of 0

    Returns
    -------
    (..., D)        y; NaN in a row of -inf alone, and in one with inf or NaN

    Raises
    ------
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs". The row's maximum
    is subtracted first, so that no exp overflows.

    Examples
    --------
    >>> import numpy as np
    >>> softmax([1000.0, -np.inf, 1000.0])
    array([0.5, 0. , 0.5])
    """
    return softmax_forward(x)[0]


def softmax_forward(x: npt.ArrayLike) -> tuple[Array, SoftmaxTape]:
    """Run `softmax` and keep the tape for `softmax_backward`.

    Parameters, equation and errors are those of `softmax`.

    Returns
    -------
    (..., D)        y
    SoftmaxTape        opaque, for `softmax_backward`; refers to y

    Examples
    --------
    >>> y, tape = softmax_forward([0.0, 0.0])
    >>> y
    array([0.5, 0.5])
    """
    x = np.asarray(x, computed_dtype(x))
    with np.errstate(invalid="ignore"):  # inf - inf, where NaN is right
        e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
        y = e / e.sum(axis=-1, keepdims=True)
    return y, SoftmaxTape(y)


def softmax_backward(tape: SoftmaxTape, dy: npt.ArrayLike) -> Array:
    """Differentiate `softmax`.

        dx[d] = y[d] (dy[d] - sum over k of y[k] dy[k])

    Parameters
    ----------
    tape : SoftmaxTape        of `softmax_forward`; not changed, and may be used again
    dy : (..., D)        gradient of y

    Returns
    -------
    (..., D)        dx

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
