"""How often predictions are right: the largest share, a share above a threshold, or the number itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqfuse import _checks
from seqfuse.losses import _targets as targets
from seqfuse.metrics.metric import MeanMetricWrapper, both

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Whether y_pred is y_true, for each of the numbers.

    Examples
    --------
    >>> accuracy([1, 2, 3], [1, 2, 4])
    array([ True,  True, False])
    """
    true, pred = targets.aligned("accuracy", *both("accuracy", y_true, y_pred))
    return np.asarray(true == pred)


def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> Array:
    """Whether y_true is 1 where y_pred is above the threshold, and 0 elsewhere.

    Examples
    --------
    >>> binary_accuracy([1, 0, 1], [0.9, 0.2, 0.3])
    array([ True,  True, False])
    """
    true, pred = targets.aligned("binary_accuracy", *both("binary_accuracy", y_true, y_pred))
    return np.asarray((pred > threshold) == true)


def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Whether the largest of each row of y_pred (..., C) is where that of y_true (..., C) is.

    Examples
    --------
    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
    array([ True, False])
    """
    function = "categorical_accuracy"
    true, pred = both(function, y_true, y_pred)
    rows_of_classes(function, pred)
    _checks.shape(function, "y_true", "as y_pred", pred.shape, true.shape)
    return np.asarray(true.argmax(axis=-1) == pred.argmax(axis=-1))


def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Whether the largest of each row of y_pred (..., C) is at y_true (...) or (..., 1).

    Examples
    --------
    >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]])
    array([ True, False])
    """
    function = "sparse_categorical_accuracy"
    true, pred = both(function, y_true, y_pred)
    rows_of_classes(function, pred)
    if true.shape == (*pred.shape[:-1], 1):
        true = true[..., 0]
    _checks.shape(function, "y_true", "(...)", pred.shape[:-1], true.shape)
    return np.asarray(pred.argmax(axis=-1) == true)


def rows_of_classes(function: str, y_pred: Array) -> None:
    """Refuse predictions without an axis of classes."""
    if y_pred.ndim == 0 or y_pred.shape[-1] == 0:
        raise ValueError(f"{function}: y_pred must be (..., C) with C at least 1; got {y_pred.shape}")


class Accuracy(MeanMetricWrapper):
    """How often y_pred is y_true.

    Examples
    --------
    >>> Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
    0.75
    """

    def __init__(self, name: str | None = "accuracy") -> None:
        super().__init__(accuracy, name)


class BinaryAccuracy(MeanMetricWrapper):
    """How often y_true is 1 where y_pred is above a threshold, and 0 elsewhere.

    Parameters
    ----------
    name : as for `Metric`
    threshold : float        0.5 for shares, 0.0 for logits

    Examples
    --------
    >>> BinaryAccuracy()([1, 1, 0, 0], [0.98, 1.0, 0.0, 0.6])
    0.75
    """

    def __init__(self, name: str | None = "binary_accuracy", threshold: float = 0.5) -> None:
        self.threshold = _checks.real("BinaryAccuracy", "threshold", threshold)
        super().__init__(binary_accuracy, name, threshold=self.threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest of a row of y_pred is where that of y_true is.

    Examples
    --------
    >>> CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
    0.5
    """

    def __init__(self, name: str | None = "categorical_accuracy") -> None:
        super().__init__(categorical_accuracy, name)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest of a row of y_pred is at the class in y_true.

    Examples
    --------
    >>> SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]], sample_weight=[3, 1])
    0.75
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy") -> None:
        super().__init__(sparse_categorical_accuracy, name)
