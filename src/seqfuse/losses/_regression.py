"""Regression losses: squared, absolute and Huber error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.losses._loss import Loss

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def mean_of_row(entries: Array) -> Array:
    """Return the mean over the last axis; faster than `numpy.mean` for small arrays."""
    if entries.shape[-1] == 1:
        return np.asarray(entries[..., 0])
    return np.asarray(np.add.reduce(entries, axis=-1) / entries.shape[-1])


class MeanSquaredError(Loss):
    """Mean squared error: value = mean over c of (y_pred[c] - y_true[c])**2.

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        How the values become one number; see `Loss`.
    name : str, default "mean_squared_error"
        Name of the loss.

    Examples
    --------
    >>> loss = MeanSquaredError()
    >>> value, tape = loss.forward([[0.0], [1.0]], [[0.5], [3.0]])
    >>> value, loss.backward(tape)
    (2.125, array([[0.5],
           [2. ]]))
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_squared_error") -> None:
        super().__init__(name, reduction)

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Return the mean squared error of each row."""
        error = y_pred - y_true
        error *= error
        return mean_of_row(error)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return dy_pred = 2 (y_pred - y_true) / C."""
        return np.asarray((y_pred - y_true) * (2 / y_pred.shape[-1]))


class MeanAbsoluteError(Loss):
    """Mean absolute error: value = mean over c of abs(y_pred[c] - y_true[c]).

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        How the values become one number; see `Loss`.
    name : str, default "mean_absolute_error"
        Name of the loss.

    Examples
    --------
    >>> MeanAbsoluteError()([[0.0], [1.0]], [[0.5], [3.0]])
    1.25
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_absolute_error") -> None:
        super().__init__(name, reduction)

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Return the mean absolute error of each row."""
        return mean_of_row(np.abs(y_pred - y_true))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return dy_pred = sign(y_pred - y_true) / C; 0 where they are equal."""
        return np.asarray(np.sign(y_pred - y_true) * (1 / y_pred.shape[-1]))


class Huber(Loss):
    """Huber loss: quadratic for small errors, linear for large ones.

    With e = y_pred[c] - y_true[c], the value is the mean over c of ::

        e**2 / 2                        if abs(e) <= delta
        delta * abs(e) - delta**2 / 2   otherwise

    Parameters
    ----------
    delta : float, default 1.0
        Error at which the loss changes from quadratic to linear, at least 0.
    reduction : str or None, default "sum_over_batch_size"
        How the values become one number; see `Loss`.
    name : str, default "huber_loss"
        Name of the loss.

    Raises
    ------
    ValueError
        If `delta` is negative.

    References
    ----------
    Huber 1964, "Robust estimation of a location parameter".

    Examples
    --------
    >>> Huber(delta=1.0)([[0.0], [1.0]], [[0.5], [3.0]])
    0.8125
    """

    def __init__(
        self, delta: float = 1.0, reduction: str | None = "sum_over_batch_size", name: str | None = "huber_loss"
    ) -> None:
        super().__init__(name, reduction)
        self.delta = _checks.real(self._function, "delta", delta, 0)

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Return the mean Huber loss of each row."""
        distance = np.abs(y_pred - y_true)
        # q (|e| - q / 2) is the quadratic part for q = |e| and the linear part for q = delta
        q = np.minimum(distance, self.delta)
        return mean_of_row(q * (distance - q * 0.5))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return dy_pred = clip(e, -delta, delta) / C."""
        return np.asarray(np.maximum(np.minimum(y_pred - y_true, self.delta), -self.delta) * (1 / y_pred.shape[-1]))


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Any:
    """Return the values of `MeanSquaredError`, one per row of y_pred.

    Parameters
    ----------
    y_true : array_like, shape of y_pred
        Targets.
    y_pred : array_like, shape (..., C)
        Predictions.

    Returns
    -------
    ndarray, shape (...)
        Values.

    Examples
    --------
    >>> mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]])
    array([2.5])
    """
    return MeanSquaredError(None)(y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Any:
    """Return the values of `MeanAbsoluteError`, one per row of y_pred.

    Parameters
    ----------
    y_true : array_like, shape of y_pred
        Targets.
    y_pred : array_like, shape (..., C)
        Predictions.

    Returns
    -------
    ndarray, shape (...)
        Values.

    Examples
    --------
    >>> mean_absolute_error([[0.0, 1.0]], [[1.0, 3.0]])
    array([1.5])
    """
    return MeanAbsoluteError(None)(y_true, y_pred)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> Any:
    """Return the values of `Huber`, one per row of y_pred.

    Parameters
    ----------
    y_true : array_like, shape of y_pred
        Targets.
    y_pred : array_like, shape (..., C)
        Predictions.
    delta : float, default 1.0
        Error at which the loss changes from quadratic to linear.

    Returns
    -------
    ndarray, shape (...)
        Values.

    Examples
    --------
    >>> huber([[0.0, 1.0]], [[1.0, 3.0]])
    array([1.])
    """
    return Huber(delta, None)(y_true, y_pred)
