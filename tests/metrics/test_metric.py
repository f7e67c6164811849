"""Tests of the base classes of the metrics: means over batches, weights, masks, custom metrics."""

import re

import numpy as np
import pytest

from seqfuse import metrics

VALUES = np.array([[1.0, 2.0], [3.0, 6.0]])
MASK = np.array([[True, True], [True, False]])


@pytest.mark.parametrize(
    ("weights", "mask", "expected"),
    [
        (None, None, 3),
        ([1, 0], None, 1.5),
        ([[1], [3]], None, (3 + 27) / 8),
        ([[1, 0], [0, 1]], None, 3.5),
        (2, None, 3),
        (None, MASK, 2),
        (None, [True, False], 1.5),
        ([1, 2], MASK, (3 + 6) / 4),
        ([[0, 1], [1, 1]], MASK, 2.5),
        ([0, 0], None, 0),
    ],
)
def test_update_state_applies_weights_and_mask(weights, mask, expected):
    metric = metrics.MeanMetricWrapper(lambda y_true, y_pred: y_pred, "mine")
    metric.update_state(None, VALUES, weights, mask)
    assert metric.result() == pytest.approx(expected)
    assert type(metric.result()) is float


def test_result_covers_batches_since_reset():
    metric = metrics.Mean()
    assert metric.result() == 0
    metric.update_state([1.0, 2.0, 3.0])
    metric.update_state(10.0)
    assert metric.result() == 4
    metric.reset_state()
    assert metric(2.5, sample_weight=3) == 2.5


@pytest.mark.parametrize("values", [3.0, [1.0, 5.0]], ids=["of a batch", "of samples"])
def test_mask_is_ignored_when_values_are_means_over_steps(values):
    metric = metrics.MeanMetricWrapper(lambda y_true, y_pred: np.array(values))
    metric.update_state(None, None, mask=np.array([[True, False], [False, False]]))
    assert metric.result() == 3.0


def test_masked_values_do_not_affect_the_result():
    metric = metrics.MeanSquaredError()
    metric.update_state(np.zeros((2, 2)), np.array([[[1.0], [np.nan]], [[3.0], [np.inf]]]), mask=[[True, False]] * 2)
    assert metric.result() == 5


def test_custom_metric_needs_three_methods():
    class Largest(metrics.Metric):
        def reset_state(self):
            self.maximum = 0.0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.maximum = max(self.maximum, float(np.max(y_pred)))

        def result(self):
            return self.maximum

    metric = Largest()
    assert metric.name == "largest"
    assert metric(None, [1.0, 5.0]) == 5
    assert metric(None, [1.0, 2.0]) == 5
    metric.reset_state()
    assert metric.result() == 0


@pytest.mark.parametrize("method", ["update_state", "result"])
def test_missing_method_is_named(method):
    with pytest.raises(NotImplementedError, match=f"Metric must define {method}"):
        getattr(metrics.Metric(), method)()


@pytest.mark.parametrize(
    ("weights", "mask", "error", "message"),
    [
        (
            np.ones(3),
            None,
            ValueError,
            "MeanMetricWrapper: sample_weight must be (...), one number per value, or the first axes",
        ),
        (None, np.ones(2), TypeError, "MeanMetricWrapper: mask must be bool, True where a value counts; got float64"),
        (
            None,
            np.ones(3, bool),
            ValueError,
            "MeanMetricWrapper: mask must be (...), one number per value, or the first axes of",
        ),
    ],
)
def test_update_state_refuses_invalid_weights_and_masks(weights, mask, error, message):
    metric = metrics.MeanMetricWrapper(lambda y_true, y_pred: y_pred)
    with pytest.raises(error, match=re.escape(message)):
        metric.update_state(None, VALUES, weights, mask)


def test_wrapper_refuses_what_is_not_callable():
    with pytest.raises(TypeError, match="MeanMetricWrapper: fn must be callable; got 3"):
        metrics.MeanMetricWrapper(3)


def test_wrapper_passes_options_to_the_function():
    metric = metrics.MeanMetricWrapper(lambda y_true, y_pred, power: y_pred**power, "powers", power=2)
    assert metric(None, np.array([1.0, 3.0])) == 5
    assert metric.get_config()["power"] == 2
