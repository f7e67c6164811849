"""Tests of the accuracy metrics with hand-computed values."""

import re

import numpy as np
import pytest

from seqfuse import metrics

SHARES = np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.2, 0.2, 0.6], [0.4, 0.5, 0.1]])


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred", "expected"),
    [
        (metrics.Accuracy(), [1, 2, 3, 4], [[1], [2], [0], [4]], 0.75),
        (metrics.BinaryAccuracy(), [[1], [0], [1], [0]], [0.6, 0.5, 0.5, 0.9], 0.5),
        (metrics.BinaryAccuracy(threshold=0.0), [True, False], [0.1, -0.1], 1),
        (metrics.CategoricalAccuracy(), np.eye(3)[[1, 0, 0, 2]], SHARES, 0.5),
        (metrics.SparseCategoricalAccuracy(), [1, 0, 0, 2], SHARES, 0.5),
        (metrics.SparseCategoricalAccuracy(), [[1.0], [0.0], [2.0], [2.0]], SHARES, 0.75),
        (metrics.SparseCategoricalAccuracy(), [[1, 0], [0, -1]], SHARES.reshape(2, 2, 3), 0.5),
    ],
)
def test_accuracy_equals_hand_computed_values(metric, y_true, y_pred, expected):
    metric.reset_state()
    assert metric(y_true, y_pred) == expected


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred", "error", "message"),
    [
        (metrics.Accuracy(), [1, 2], [1, 2, 3], ValueError, "accuracy: y_true must be as y_pred = (3,); got (2,)"),
        (metrics.BinaryAccuracy(), [1], ["a"], TypeError, "binary_accuracy: y_pred must be float64, float32, half,"),
        (
            metrics.CategoricalAccuracy(),
            [1, 0, 0, 2],
            SHARES,
            ValueError,
            "y_true must be as y_pred = (4, 3); got (4,)",
        ),
        (
            metrics.SparseCategoricalAccuracy(),
            np.eye(3),
            np.eye(3),
            ValueError,
            "y_true must be (...) = (3,); got (3, 3)",
        ),
        (metrics.SparseCategoricalAccuracy(), 1, 2, ValueError, "y_pred must be (..., C) with C at least 1; got ()"),
    ],
)
def test_update_state_refuses_invalid_arguments(metric, y_true, y_pred, error, message):
    with pytest.raises(error, match=re.escape(message)):
        metric.update_state(y_true, y_pred)


def test_binary_accuracy_refuses_an_invalid_threshold():
    with pytest.raises(TypeError, match="BinaryAccuracy: threshold must be a real number; got None"):
        metrics.BinaryAccuracy(threshold=None)
