"""Losses of numbers: how far each prediction is from its target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.losses._loss import Loss

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def mean_of_row(entries: Array) -> Array:
    """The mean over the last axis, at a fraction of the price of `numpy.mean`."""
    if entries.shape[-1] == 1:
        return np.asarray(entries[..., 0])
    return np.asarray(np.add.reduce(entries, axis=-1) / entries.shape[-1])


class MeanSquaredError(Loss):
    """value = mean over c of (y_pred[c] - y_true[c])**2

    Parameters
    ----------
    reduction, name : as for `Loss`

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
        """The mean square of each row."""
        error = y_pred - y_true
        error *= error
        return mean_of_row(error)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """dy_pred = 2 (y_pred - y_true) / C"""
        return np.asarray((y_pred - y_true) * (2 / y_pred.shape[-1]))


class MeanAbsoluteError(Loss):
    """value = mean over c of |y_pred[c] - y_true[c]|

    Parameters
    ----------
    reduction, name : as for `Loss`

    Examples
    --------
    >>> MeanAbsoluteError()([[0.0], [1.0]], [[0.5], [3.0]])
    1.25
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_absolute_error") -> None:
        super().__init__(name, reduction)

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """The mean distance of each row."""
        return mean_of_row(np.abs(y_pred - y_true))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """dy_pred = sign(y_pred - y_true) / C, 0 where they are equal"""
        return np.asarray(np.sign(y_pred - y_true) * (1 / y_pred.shape[-1]))


class Huber(Loss):
    """value = mean over c of e**2 / 2 where |e| <= delta, else delta |e| - delta**2 / 2, with e = y_pred[c] - y_true[c]

    Parameters
    ----------
    delta : float        where the square becomes a line, at least 0
    reduction, name : as for `Loss`

    Notes
    -----
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
        """The mean penalty of each row."""
        distance = np.abs(y_pred - y_true)
        near = np.minimum(distance, self.delta)  # q (|e| - q / 2): of q = |e| the square, of q = delta the line
        return mean_of_row(near * (distance - near * 0.5))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """dy_pred = e / C, held within -delta and delta before the division"""
        return np.asarray(np.maximum(np.minimum(y_pred - y_true, self.delta), -self.delta) * (1 / y_pred.shape[-1]))


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Any:
    """The values of `MeanSquaredError`, one for each row of y_pred.

    Examples
    --------
    >>> mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]])
    array([2.5])
    """
    return MeanSquaredError(None)(y_true, y_pred)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Any:
    """The values of `MeanAbsoluteError`, one for each row of y_pred.

    Examples
    --------
    >>> mean_absolute_error([[0.0, 1.0]], [[1.0, 3.0]])
    array([1.5])
    """
    return MeanAbsoluteError(None)(y_true, y_pred)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> Any:
    """The values of `Huber`, one for each row of y_pred.

    Examples
    --------
    >>> huber([[0.0, 1.0]], [[1.0, 3.0]])
    array([1.])
    """
    return Huber(delta, None)(y_true, y_pred)
