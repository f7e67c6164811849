"""Tests of the error metrics with hand-computed values."""

import numpy as np
import pytest

from seqfuse import metrics


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (metrics.MeanSquaredError, (1 + 4 + 9) / 3),
        (metrics.MeanAbsoluteError, 2),
        (metrics.RootMeanSquaredError, ((1 + 4 + 9) / 3) ** 0.5),
    ],
)
def test_result_covers_all_batches(cls, expected):
    metric = cls()
    metric.update_state([0.0, 0.0], np.float32([[1.0], [-2.0]]))
    metric.update_state(np.array([[1]]), np.array([[4]]))
    assert metric.result() == pytest.approx(expected)
    metric.reset_state()
    assert metric.result() == 0


@pytest.mark.parametrize("true", [(2, 3), (2, 3, 1)])
def test_step_weights_apply_when_predictions_end_in_an_axis_of_one(true):
    y_pred = np.arange(6.0).reshape(2, 3, 1)
    metric = metrics.MeanAbsoluteError()
    metric.update_state(np.zeros(true), y_pred, [[1, 1, 0], [0, 0, 2]])
    assert metric.result() == (0 + 1 + 10) / 4


def test_update_state_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"squared_error: y_true must be as y_pred = \(2, 3\); got \(3, 2\)"):
        metrics.RootMeanSquaredError().update_state(np.zeros((3, 2)), np.zeros((2, 3)))
