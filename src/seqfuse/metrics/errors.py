"""Error metrics of regression: mean squared error, its root, and mean absolute error."""

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
    """Return y_pred - y_true element by element; the mean is taken after the weights are applied."""
    predicted, _ = _arrays.widest(function, ("y_pred",), (y_pred,))
    true = _arrays.numbers(function, "y_true", y_true, predicted.dtype)
    true, predicted = targets.aligned(function, true, predicted, steps=True)
    return np.asarray(predicted - true)


def squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Return the squared error of each element.

    Parameters
    ----------
    y_true : array_like, shape (...)
        Targets.
    y_pred : array_like, shape (...)
        Predictions.

    Returns
    -------
    ndarray, shape (...)
        Squared errors.

    Examples
    --------
    >>> squared_error([1.0, 2.0], [1.0, 4.0])
    array([0., 4.])
    """
    error = _error("squared_error", y_true, y_pred)
    return error * error


def absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Return the absolute error of each element.

    Parameters
    ----------
    y_true : array_like, shape (...)
        Targets.
    y_pred : array_like, shape (...)
        Predictions.

    Returns
    -------
    ndarray, shape (...)
        Absolute errors.

    Examples
    --------
    >>> absolute_error([1.0, 2.0], [1.0, 4.0])
    array([0., 2.])
    """
    return np.asarray(np.abs(_error("absolute_error", y_true, y_pred)))


class MeanSquaredError(MeanMetricWrapper):
    """Mean of (y_pred - y_true)**2.

    Parameters
    ----------
    name : str, default "mean_squared_error"
        Name of the metric in logs and histories.

    Examples
    --------
    >>> MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]], sample_weight=[1, 0])
    0.5
    """

    def __init__(self, name: str | None = "mean_squared_error") -> None:
        super().__init__(squared_error, name)


class RootMeanSquaredError(MeanMetricWrapper):
    """Square root of the mean of (y_pred - y_true)**2 over all batches.

    Parameters
    ----------
    name : str, default "root_mean_squared_error"
        Name of the metric in logs and histories.

    Examples
    --------
    >>> RootMeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.5
    """

    def __init__(self, name: str | None = "root_mean_squared_error") -> None:
        super().__init__(squared_error, name)

    def result(self) -> float:
        """Return the root mean squared error over all batches since the last reset.

        Returns
        -------
        float
            Root of the mean; 0 if there was no batch.
        """
        return float(super().result() ** 0.5)


class MeanAbsoluteError(MeanMetricWrapper):
    """Mean of abs(y_pred - y_true).

    Parameters
    ----------
    name : str, default "mean_absolute_error"
        Name of the metric in logs and histories.

    Examples
    --------
    >>> MeanAbsoluteError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
    0.25
    """

    def __init__(self, name: str | None = "mean_absolute_error") -> None:
        super().__init__(absolute_error, name)
