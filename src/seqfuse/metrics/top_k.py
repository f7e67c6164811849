"""Top-k accuracy metrics: is the target among the k most probable classes?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqfuse import _checks
from seqfuse.metrics.accuracy import check_classes
from seqfuse.metrics.metric import MeanMetricWrapper, numeric_arrays

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> Array:
    """Return whether the class of the one-hot target is among the k most probable classes.

    Parameters
    ----------
    y_true : array_like, shape (..., C)
        One-hot targets or probabilities.
    y_pred : array_like, shape (..., C)
        Probabilities or logits.
    k : int, default 5
        Number of most probable classes, at least 1.

    Returns
    -------
    ndarray of bool, shape (...)
        One entry per prediction.

    Examples
    --------
    >>> top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]], k=1)
    array([False,  True])
    """
    function = "top_k_categorical_accuracy"
    true, predicted = numeric_arrays(function, y_true, y_pred)
    check_classes(function, predicted)
    _checks.shape(function, "y_true", "as y_pred", predicted.shape, true.shape)
    return _in_top_k(true.argmax(axis=-1), predicted, k)


def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    """Return whether the target class is among the k most probable classes.

    Parameters
    ----------
    y_true : array_like, shape (...) or (..., 1)
        Class indices.
    y_pred : array_like, shape (..., C)
        Probabilities or logits; class indices if `from_sorted_ids` is set.
    k : int, default 5
        Number of most probable classes, at least 1.
    from_sorted_ids : bool, default False
        Whether `y_pred` (..., n) contains class indices, the most probable one first.

    Returns
    -------
    ndarray of bool, shape (...)
        One entry per prediction.

    Examples
    --------
    >>> sparse_top_k_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]], k=1)
    array([False,  True])
    """
    function = "sparse_top_k_categorical_accuracy"
    true, predicted = numeric_arrays(function, y_true, y_pred)
    check_classes(function, predicted)
    if true.shape == (*predicted.shape[:-1], 1):
        true = true[..., 0]
    _checks.shape(function, "y_true", "(...)", predicted.shape[:-1], true.shape)
    if from_sorted_ids:
        return np.asarray((predicted[..., :k] == true[..., None]).any(axis=-1))
    return _in_top_k(true, predicted, k)


def _in_top_k(labels: Array, y_pred: Array, k: int) -> Array:
    """Return whether the score of a label is in the top k; False for NaN and for labels outside 0..C-1."""
    exists = (labels >= 0) & (labels < y_pred.shape[-1])
    score = np.take_along_axis(y_pred, np.where(exists, labels, 0).astype(np.int64)[..., None], axis=-1)
    above = np.count_nonzero(y_pred > score, axis=-1)
    return np.asarray((above < k) & exists & (score[..., 0] == score[..., 0]))


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Fraction of one-hot targets whose class is among the k most probable classes.

    Parameters
    ----------
    k : int, default 5
        Number of most probable classes, at least 1.
    name : str, default "top_k_categorical_accuracy"
        Name of the metric in logs and histories.

    Examples
    --------
    >>> TopKCategoricalAccuracy(k=1)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    0.5
    """

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy") -> None:
        self.k = _checks.integer("TopKCategoricalAccuracy", "k", k, 1)
        super().__init__(top_k_categorical_accuracy, name, k=self.k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Fraction of target classes that are among the k most probable classes.

    Parameters
    ----------
    k : int, default 5
        Number of most probable classes, at least 1.
    name : str, default "sparse_top_k_categorical_accuracy"
        Name of the metric in logs and histories.
    from_sorted_ids : bool, default False
        Whether predictions are class indices, the most probable one first, instead of one score per class.

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
