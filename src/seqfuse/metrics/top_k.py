"""How often the right class is among the k that are predicted most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqfuse import _checks
from seqfuse.metrics.accuracy import rows_of_classes
from seqfuse.metrics.metric import MeanMetricWrapper, both

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> Array:
    """Whether fewer than k of a row of y_pred (..., C) are above the one where y_true (..., C) is largest.

    Examples
    --------
    >>> top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]], k=1)
    array([False,  True])
    """
    function = "top_k_categorical_accuracy"
    true, pred = both(function, y_true, y_pred)
    rows_of_classes(function, pred)
    _checks.shape(function, "y_true", "as y_pred", pred.shape, true.shape)
    return _in_top_k(true.argmax(axis=-1), pred, k)


def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    """Whether fewer than k of a row of y_pred (..., C) are above the one at y_true (...) or (..., 1).

    With `from_sorted_ids`, y_pred (..., n) holds classes, the best one first, and y_true is to be among the first k.

    Examples
    --------
    >>> sparse_top_k_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]], k=1)
    array([False,  True])
    """
    function = "sparse_top_k_categorical_accuracy"
    true, pred = both(function, y_true, y_pred)
    rows_of_classes(function, pred)
    if true.shape == (*pred.shape[:-1], 1):
        true = true[..., 0]
    _checks.shape(function, "y_true", "(...)", pred.shape[:-1], true.shape)
    if from_sorted_ids:
        return np.asarray((pred[..., :k] == true[..., None]).any(axis=-1))
    return _in_top_k(true, pred, k)


def _in_top_k(labels: Array, y_pred: Array, k: int) -> Array:
    """Whether the number at a label is in the top k; not where it is NaN, or where there is no such class."""
    there = (labels >= 0) & (labels < y_pred.shape[-1])
    right = np.take_along_axis(y_pred, np.where(there, labels, 0).astype(np.int64)[..., None], axis=-1)
    above = np.count_nonzero(y_pred > right, axis=-1)
    return np.asarray((above < k) & there & (right[..., 0] == right[..., 0]))


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class where y_true is largest is among the k that are predicted most.

    Parameters
    ----------
    k : int        at least 1
    name : as for `Metric`

    Examples
    --------
    >>> TopKCategoricalAccuracy(k=1)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    0.5
    """

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy") -> None:
        self.k = _checks.integer("TopKCategoricalAccuracy", "k", k, 1)
        super().__init__(top_k_categorical_accuracy, name, k=self.k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class in y_true is among the k that are predicted most.

    Parameters
    ----------
    k : int        at least 1
    name : as for `Metric`
    from_sorted_ids : bool        y_pred holds classes, the best one first, instead of a number for each class

    Examples
    --------
    >>> SparseTopKCategoricalAccuracy(k=1)([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    0.5
    """

    def __init__(
        self, k: int = 5, name: str | None = "sparse_top_k_categorical_accuracy", from_sorted_ids: bool = False
    ) -> None:
        self.k = _checks.integer("SparseTopKCategoricalAccuracy", "k", k, 1)
        self.from_sorted_ids = from_sorted_ids
        super().__init__(sparse_top_k_categorical_accuracy, name, k=self.k, from_sorted_ids=from_sorted_ids)
