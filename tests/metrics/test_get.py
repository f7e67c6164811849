"""Tests of metrics.get and metrics.resolve."""

import numpy as np
import pytest

from seqfuse import losses, metrics

CLASSES = [getattr(metrics, name) for name in metrics.__all__ if name[0].isupper()]


@pytest.mark.parametrize("cls", [c for c in CLASSES if c not in (metrics.Metric, metrics.MeanMetricWrapper)])
def test_get_accepts_every_metric(cls):
    for identifier in (cls, cls.__name__, cls().name, {"class_name": cls.__name__, "config": cls().get_config()}):
        assert type(metrics.get(identifier)) is cls
    metric = cls()
    assert metrics.get(metric) is metric
    assert cls.from_config(metric.get_config()).get_config() == metric.get_config()


@pytest.mark.parametrize(
    ("identifier", "cls"),
    [("mse", metrics.MeanSquaredError), ("MAE", metrics.MeanAbsoluteError), ("bce", metrics.BinaryCrossentropy)],
)
def test_get_accepts_the_short_names_of_keras(identifier, cls):
    assert type(metrics.get(identifier)) is cls


def test_get_accepts_any_function():
    def distance(y_true, y_pred):
        return np.abs(y_true - y_pred)[:, 0]

    metric = metrics.get(distance)
    assert metric.name == "distance"
    assert metric(np.zeros((2, 1)), np.array([[1.0], [2.0]])) == 1.5
    assert metrics.get(losses.huber).name == "huber"
    assert metrics.get(losses.Huber()).name == "huber_loss"


@pytest.mark.parametrize(
    ("identifier", "error", "message"),
    [
        (
            "acuracy",
            ValueError,
            r'metrics\.get: identifier must be one of .*; got \'acuracy\'\. Did you mean "accuracy"\?',
        ),
        (None, TypeError, "must be a name, a Metric, a function or a dict with class_name and config; got None"),
        (3, TypeError, "got 3"),
    ],
)
def test_get_refuses_invalid_identifiers(identifier, error, message):
    with pytest.raises(error, match=message):
        metrics.get(identifier)


@pytest.mark.parametrize(
    ("true", "pred", "kind"),
    [
        ((4,), (4, 1), "Binary"),
        ((4, 1), (4, 1), "Binary"),
        ((4,), (4, 3), "SparseCategorical"),
        ((4, 1), (4, 3), "SparseCategorical"),
        ((4, 2), (4, 2, 3), "SparseCategorical"),
        ((4, 3), (4, 3), "Categorical"),
        ((4, 2, 3), (4, 2, 3), "Categorical"),
    ],
)
def test_resolve_selects_the_metric_by_shapes(true, pred, kind):
    for identifier in ("accuracy", "acc", "crossentropy", "ce"):
        metric = metrics.resolve(identifier, np.zeros(true), np.zeros(pred))
        what = "Accuracy" if identifier.startswith("acc") else "Crossentropy"
        assert (type(metric).__name__, metric.name) == (kind + what, identifier)


def test_resolve_keeps_the_given_name():
    y = np.zeros((2, 1))
    assert metrics.resolve("mse", y, y).name == "mse"
    assert metrics.resolve("MSE", y, y).name == "MSE"
    assert metrics.resolve(metrics.Mean("mine"), y, y).name == "mine"
