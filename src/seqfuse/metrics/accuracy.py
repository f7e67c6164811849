"""Accuracy metrics: equal values, thresholded probabilities, most probable class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqfuse import _checks
from seqfuse.losses import _targets as targets
from seqfuse.metrics.metric import MeanMetricWrapper, numeric_arrays

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Return where y_pred equals y_true.

    Parameters
    ----------
    y_true : array_like, shape (...)
        Targets.
    y_pred : array_like, shape (...)
        Predictions.

    Returns
    -------
    ndarray of bool, shape (...)
        One entry per prediction.

    Examples
    --------
    >>> accuracy([1, 2, 3], [1, 2, 4])
    array([ True,  True, False])
    """
    true, predicted = targets.aligned("accuracy", *numeric_arrays("accuracy", y_true, y_pred))
    return np.asarray(true == predicted)


def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> Array:
    """Return where y_pred, thresholded to 0 or 1, equals y_true.

    Parameters
    ----------
    y_true : array_like, shape (...)
        Targets, 0 or 1.
    y_pred : array_like, shape (...)
        Predictions.
    threshold : float, default 0.5
        Predictions above the threshold count as 1.

    Returns
    -------
    ndarray of bool, shape (...)
        One entry per prediction.

    Examples
    --------
    >>> binary_accuracy([1, 0, 1], [0.9, 0.2, 0.3])
    array([ True,  True, False])
    """
    true, predicted = targets.aligned("binary_accuracy", *numeric_arrays("binary_accuracy", y_true, y_pred))
    return np.asarray((predicted > threshold) == true)


def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Return whether each row of y_pred has its maximum at the same class as y_true.

    Parameters
    ----------
    y_true : array_like, shape (..., C)
        One-hot targets or probabilities.
    y_pred : array_like, shape (..., C)
        Probabilities or logits.

    Returns
    -------
    ndarray of bool, shape (...)
        One entry per prediction.

    Examples
    --------
    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
    array([ True, False])
    """
    function = "categorical_accuracy"
    true, predicted = numeric_arrays(function, y_true, y_pred)
    check_classes(function, predicted)
    _checks.shape(function, "y_true", "as y_pred", predicted.shape, true.shape)
    return np.asarray(true.argmax(axis=-1) == predicted.argmax(axis=-1))


def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Return whether each row of y_pred has its maximum at the class y_true.

    Parameters
    ----------
    y_true : array_like, shape (...) or (..., 1)
        Class indices.
    y_pred : array_like, shape (..., C)
        Probabilities or logits.

    Returns
    -------
    ndarray of bool, shape (...)
        One entry per prediction.

    Examples
    --------
    >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]])
    array([ True, False])
    """
    function = "sparse_categorical_accuracy"
    true, predicted = numeric_arrays(function, y_true, y_pred)
    check_classes(function, predicted)
    if true.shape == (*predicted.shape[:-1], 1):
        true = true[..., 0]
    _checks.shape(function, "y_true", "(...)", predicted.shape[:-1], true.shape)
    return np.asarray(predicted.argmax(axis=-1) == true)


def check_classes(function: str, y_pred: Array) -> None:
    """Raise a ValueError if predictions have no axis of classes."""
    if y_pred.ndim == 0 or y_pred.shape[-1] == 0:
        raise ValueError(f"{function}: y_pred must be (..., C) with C at least 1; got {y_pred.shape}")


class Accuracy(MeanMetricWrapper):
    """Fraction of predictions that equal their targets.

    Parameters
    ----------
    name : str, default "accuracy"
        Name of the metric in logs and histories.

    Examples
    --------
    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    def __init__(self, name: str | None = "accuracy") -> None:
        super().__init__(accuracy, name)


class BinaryAccuracy(MeanMetricWrapper):
    """Fraction of predictions that equal their binary targets after thresholding.

    Parameters
    ----------
    name : str, default "binary_accuracy"
        Name of the metric in logs and histories.
    threshold : float, default 0.5
        Predictions above the threshold count as 1. Use 0.5 for probabilities and 0.0 for logits.

    Examples
    --------
    >>> BinaryAccuracy()([1, 1, 0, 0], [0.98, 1.0, 0.0, 0.6])
    0.75
    """

    def __init__(self, name: str | None = "binary_accuracy", threshold: float = 0.5) -> None:
        self.threshold = _checks.real("BinaryAccuracy", "threshold", threshold)
        super().__init__(binary_accuracy, name, threshold=self.threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """Fraction of predictions whose most probable class is that of the one-hot target.

    Parameters
    ----------
    name : str, default "categorical_accuracy"
        Name of the metric in logs and histories.

    Examples
    --------
    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
    0.5
    """

    def __init__(self, name: str | None = "categorical_accuracy") -> None:
        super().__init__(categorical_accuracy, name)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Fraction of predictions whose most probable class is the target class.

    Parameters
    ----------
    name : str, default "sparse_categorical_accuracy"
        Name of the metric in logs and histories.

    Examples
    --------
    >>> SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]], sample_weight=[3, 1])
    0.75
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy") -> None:
        super().__init__(sparse_categorical_accuracy, name)
