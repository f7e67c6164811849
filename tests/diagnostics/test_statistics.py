"""Test weight_statistics and gradient_statistics."""

import numpy as np
import pytest

from seqfuse.diagnostics import gradient_statistics, weight_statistics
from seqfuse.layers import LSTM, Dense, Input
from seqfuse.models import Sequential
from seqfuse.regularizers import L2


def one_weight(value):
    """Return a model whose only weight is `value`."""
    value = np.asarray(value, np.float32)
    model = Sequential([Input((len(value),)), Dense(value.shape[1], use_bias=False, name="d")])
    model.layers[-1].kernel.assign(value)
    return model


def test_weight_statistics_are_exact():
    (row,) = weight_statistics(one_weight([[1, -3], [0, 2], [0, 6]]))
    assert row.name == "d/kernel"
    assert row.shape == (3, 2)
    assert row.mean == 1
    assert row.std == pytest.approx(np.sqrt(50 / 6 - 1), rel=1e-15)
    assert row.norm == np.sqrt(50)
    assert (row.min, row.max) == (-3, 6)
    assert row.zeros == 2 / 6
    assert row.nans == 0


def test_weight_statistics_of_float32_do_not_overflow():
    (row,) = weight_statistics(one_weight([[3e38, 3e38]]))
    assert row.norm == pytest.approx(np.sqrt(2) * 3e38)


def test_weight_statistics_count_and_exclude_nans():
    (row,) = weight_statistics(one_weight([[np.nan, 2], [4, np.nan]]))
    assert row.nans == 2
    assert (row.mean, row.min, row.max, row.zeros) == (3, 2, 4, 0)
    (row,) = weight_statistics(one_weight([[np.nan]]))
    assert row.nans == 1
    assert np.isnan([row.mean, row.std, row.norm, row.min, row.max]).all()


def test_weight_statistics_of_infinities_are_infinite():
    (row,) = weight_statistics(one_weight([[np.inf, 0]]))
    assert row.max == row.norm == np.inf
    assert row.zeros == 0.5


def test_weight_statistics_print_as_an_aligned_table():
    model = Sequential([Input((2, 3)), LSTM(4, name="a_long_name"), Dense(1, name="d")])
    table = weight_statistics(model)
    assert [row.name for row in table] == [weight.path for weight in model.weights]
    lines = str(table).splitlines()
    assert lines[0].split() == ["weight", "shape", "mean", "std", "norm", "min", "max", "zeros", "NaN"]
    assert len(lines) == 1 + len(model.weights)
    assert {len(line) for line in lines} == {len(lines[0])}
    assert weight_statistics(Dense(1)) == []  # not built


def test_gradient_statistics_agree_with_a_training_step():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 4, 2)), rng.normal(size=(8, 1))
    model = Sequential([Input((4, 2)), LSTM(3, kernel_regularizer=L2(0.5)), Dense(1, name="d")])
    model.compile("sgd", "mse")
    weights = model.get_weights()
    table = gradient_statistics(model, x, y, sample_weight=np.arange(8.0))
    for before, after in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(before, after)
    model.train_on_batch(x, y, sample_weight=np.arange(8.0))
    assert len(table) == len(model._parameters.into)
    for row, weight, gradient in zip(table, model.trainable_weights, model._parameters.into):
        assert row.name == weight.path
        assert row.shape == gradient.shape
        np.testing.assert_allclose(row.norm, np.sqrt((gradient.astype(np.float64) ** 2).sum()), rtol=1e-6)
        np.testing.assert_allclose(row.mean, gradient.mean(dtype=np.float64), rtol=1e-5, atol=1e-8)
        assert (row.min, row.max) == (pytest.approx(gradient.min()), pytest.approx(gradient.max()))


def test_gradient_statistics_exclude_weights_that_are_not_trainable():
    model = Sequential([Input((2,)), Dense(2, trainable=False), Dense(1, name="trainable")])
    model.compile("sgd", "mse")
    names = [row.name for row in gradient_statistics(model, np.ones((3, 2)), np.ones((3, 1)))]
    assert names == ["trainable/kernel", "trainable/bias"]


def test_gradient_statistics_need_a_loss():
    model = Sequential([Input((2,)), Dense(1)])
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"gradient_statistics: .* must have a loss"):
        gradient_statistics(model, np.ones((3, 2)), np.ones((3, 1)))
