"""Tests of Dropout: when it applies, masks, gradients and errors. Those of `functional.dropout` test the statistics."""

import numpy as np
import pytest

from layers.gradients import assert_gradients
from seqfuse.layers import Dropout


def test_dropout_returns_its_input_without_training():
    layer, x = Dropout(0.5), np.ones((3, 4), np.float32)
    y, tape = layer.forward(x)
    assert y is x
    assert layer.backward(tape, x) == (x, [])


@pytest.mark.parametrize(
    ("rate", "noise_shape"),
    [(0, None), (1.0, None), (0.3, None), (0.3, (None, 1, None)), (0.3, (1, 3, 1)), (1.0, (4,)), (0, (4,))],
)
def test_dropout_backward_matches_central_differences(rate, noise_shape):
    x = np.random.default_rng(3).standard_normal((2, 3, 4))
    assert_gradients(Dropout(rate, noise_shape, seed=5, dtype="float64"), x, training=True)


def test_dropout_drops_the_fraction_rate_and_scales_the_rest():
    y, _ = Dropout(0.3, seed=1).forward(np.ones((100, 1000)), training=True)
    assert set(np.unique(y)) == {0, np.float32(1) / np.float32(0.7)}
    assert abs((y == 0).mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / y.size)  # five standard deviations


def test_dropout_repeats_the_mask_along_axes_of_size_1_in_noise_shape():
    y, _ = Dropout(0.5, (None, 1, None), seed=1).forward(np.ones((5, 7, 30)), training=True)
    assert (y == y[:, :1]).all()
    assert not (y == y[:1]).all()


def test_dropout_uses_a_new_mask_at_every_call_and_repeats_it_with_the_same_seed():
    x = np.ones((1, 100))
    first, second = Dropout(0.5, seed=3), Dropout(0.5, seed=3)
    a, b = (first.forward(x, training=True)[0] for _ in range(2))
    assert not np.array_equal(a, b)
    assert np.array_equal(a, second.forward(x, training=True)[0])


@pytest.mark.parametrize("noise_shape", [None, (None, None)])
def test_dropout_returns_zeros_for_dropped_nan(noise_shape):
    layer = Dropout(0.5, noise_shape, seed=1)
    y, tape = layer.forward(np.full((1, 100), np.nan), training=True)
    assert 0 < np.isnan(y).sum() < 100
    assert np.array_equal(layer.backward(tape, np.full((1, 100), np.nan, np.float32))[0], y, equal_nan=True)


@pytest.mark.parametrize("rate", [-0.1, 1.1, np.nan, "a"])
def test_dropout_refuses_rates_out_of_range(rate):
    with pytest.raises((ValueError, TypeError), match="Dropout: rate must be"):
        Dropout(rate)


@pytest.mark.parametrize("noise_shape", [(2, 1), (None, None, None), (3,)])
def test_dropout_refuses_a_noise_shape_that_does_not_fit(noise_shape):
    with pytest.raises(ValueError, match=r"drop: sizes in noise_shape must be 1 or those of the input \(5, 4\)"):
        Dropout(0.5, noise_shape, name="drop").forward(np.ones((5, 4)), training=True)
