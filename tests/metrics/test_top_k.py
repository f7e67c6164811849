"""Tests of the top-k metrics: ties, NaN and unknown classes."""

import re

import numpy as np
import pytest

from seqfuse import metrics

SCORES = np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.4, 0.4, 0.4]])


@pytest.mark.parametrize(("k", "expected"), [(1, [0, 1, 1]), (2, [1, 1, 1]), (3, [1, 1, 1])])
def test_top_k_counts_larger_scores_only(k, expected):
    labels = np.array([2, 0, 1])
    np.testing.assert_array_equal(metrics.sparse_top_k_categorical_accuracy(labels, SCORES, k), expected)
    np.testing.assert_array_equal(metrics.top_k_categorical_accuracy(np.eye(3)[labels], SCORES, k), expected)
    assert metrics.SparseTopKCategoricalAccuracy(k)(labels[:, None], SCORES) == pytest.approx(np.mean(expected))


def test_top_k_accepts_any_number_of_axes():
    labels = np.array([[2, 0], [1, 1]])
    scores = SCORES[[[0, 1], [2, 1]]]
    np.testing.assert_array_equal(metrics.sparse_top_k_categorical_accuracy(labels, scores, 2), [[1, 1], [1, 0]])


def test_top_k_excludes_nan_and_unknown_classes():
    scores = np.array([[np.nan, 0.5], [0.1, 0.2], [0.1, 0.2]])
    np.testing.assert_array_equal(metrics.sparse_top_k_categorical_accuracy([0, 2, -1], scores, 2), [0, 0, 0])


def test_sparse_top_k_accepts_sorted_class_indices():
    y_pred = np.array([[3, 1, 2], [0, 1, 2]])
    found = metrics.sparse_top_k_categorical_accuracy([[1], [2]], y_pred, k=2, from_sorted_ids=True)
    np.testing.assert_array_equal(found, [1, 0])


@pytest.mark.parametrize(
    ("function", "y_true", "message"),
    [
        (metrics.top_k_categorical_accuracy, [0, 1, 2], "y_true must be as y_pred = (3, 3); got (3,)"),
        (metrics.sparse_top_k_categorical_accuracy, np.eye(3), "y_true must be (...) = (3,); got (3, 3)"),
    ],
)
def test_top_k_refuses_shapes_that_do_not_fit(function, y_true, message):
    with pytest.raises(ValueError, match=re.escape(f"{function.__name__}: {message}")):
        function(y_true, SCORES)


@pytest.mark.parametrize("cls", [metrics.TopKCategoricalAccuracy, metrics.SparseTopKCategoricalAccuracy])
def test_constructor_refuses_k_below_one(cls):
    with pytest.raises(ValueError, match=f"{cls.__name__}: k must be at least 1; got 0"):
        cls(k=0)
