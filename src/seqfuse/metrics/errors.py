"""How far predictions are from numbers: the mean square, its root, and the mean distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqfuse import _arrays
from seqfuse.losses import _targets as targets
from seqfuse.metrics.metric import MeanMetricWrapper

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def _error(function: str, y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """y_pred - y_true, number by number: what has a weight together is averaged afterwards."""
    pred, _ = _arrays.widest(function, ("y_pred",), (y_pred,))
    true, pred = targets.aligned(function, _arrays.numbers(function, "y_true", y_true, pred.dtype), pred, steps=True)
    return np.asarray(pred - true)


def squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """The square of each difference.

    Examples
    --------
    >>> squared_error([1.0, 2.0], [1.0, 4.0])
    array([0., 4.])
    """
    error = _error("squared_error", y_true, y_pred)
    return error * error


def absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """The size of each difference.

    Examples
    --------
    >>> absolute_error([1.0, 2.0], [1.0, 4.0])
    array([0., 2.])
    """
    return np.asarray(np.abs(_error("absolute_error", y_true, y_pred)))


class MeanSquaredError(MeanMetricWrapper):
    """The mean of (y_pred - y_true)**2.

    Examples
    --------
    >>> MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]], sample_weight=[1, 0])
    0.5
    """

    def __init__(self, name: str | None = "mean_squared_error") -> None:
        super().__init__(squared_error, name)


class RootMeanSquaredError(MeanMetricWrapper):
    """The root of the mean of (y_pred - y_true)**2 over all batches.

    Examples
    --------
    >>> RootMeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.5
    """

    def __init__(self, name: str | None = "root_mean_squared_error") -> None:
        super().__init__(squared_error, name)

    def result(self) -> float:
        """The root of the mean of what was seen, 0 where nothing was."""
        return float(super().result() ** 0.5)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of |y_pred - y_true|.

    Examples
    --------
    >>> MeanAbsoluteError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.25
    """

    def __init__(self, name: str | None = "mean_absolute_error") -> None:
        super().__init__(absolute_error, name)
