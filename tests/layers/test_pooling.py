"""Tests of the global poolings: masks, ties, NaN, empty sequences."""

import warnings

import numpy as np
import pytest

from layers.gradients import assert_gradients
from seqfuse.layers import GlobalAveragePooling1D, GlobalMaxPooling1D, Input

MASK = np.array([[True, False, True, False], [False, True, False, False]])


def drawn():
    return np.random.default_rng(1).standard_normal((2, 4, 3))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("mask", [None, MASK, MASK.astype(np.int32)])
def test_average_backward_matches_central_differences(keepdims, mask):
    assert_gradients(GlobalAveragePooling1D(keepdims=keepdims, dtype="float64"), drawn(), mask=mask)


@pytest.mark.parametrize("keepdims", [False, True])
def test_maximum_backward_matches_central_differences(keepdims):
    assert_gradients(GlobalMaxPooling1D(keepdims=keepdims, dtype="float64"), drawn())


@pytest.mark.parametrize("kind", [GlobalAveragePooling1D, GlobalMaxPooling1D])
def test_pooling_shapes(kind):
    assert kind()(Input((None, 3))).shape == (None, 3)
    assert kind(keepdims=True)(Input((None, 3))).shape == (None, 1, 3)
    assert kind()(drawn()).shape == (2, 3)
    assert kind(keepdims=True)(drawn()).shape == (2, 1, 3)


def test_average_excludes_masked_steps_even_if_nan():
    x = np.where(MASK[..., None], drawn(), np.nan)
    layer = GlobalAveragePooling1D(dtype="float64")
    y, tape = layer.forward(x, mask=MASK)
    assert np.allclose(y, np.nanmean(x, 1), rtol=1e-15)
    assert (layer.backward(tape, np.ones((2, 3)))[0][~MASK] == 0).all()
    assert layer.compute_mask(x, MASK) is None


def test_average_over_many_steps_is_accurate():
    # A single sum of 1,000,000 times 0.1 in float32 would be 1 % off.
    y = GlobalAveragePooling1D()(np.full((1, 1_000_000, 2), 0.1, np.float32))
    np.testing.assert_allclose(y, 0.1, rtol=1e-6)


def test_average_is_zero_without_gradient_when_no_step_is_valid():
    layer, none = GlobalAveragePooling1D(), np.zeros((2, 4), bool)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y, tape = layer.forward(np.full((2, 4, 3), np.nan), mask=none)
        dx, _ = layer.backward(tape, np.ones((2, 3), np.float32))
        assert layer(np.ones((2, 0, 3))).any() == 0
    assert not y.any()
    assert not dx.any()


def test_maximum_divides_the_gradient_among_equal_steps():
    layer = GlobalMaxPooling1D()
    _, tape = layer.forward(np.array([[[1.0], [3.0], [3.0], [2.0]]]))
    assert layer.backward(tape, np.full((1, 1), 8, np.float32))[0].ravel().tolist() == [0, 4, 4, 0]


def test_maximum_propagates_nan_and_drops_the_mask():
    layer = GlobalMaxPooling1D()
    y, tape = layer.forward(np.array([[[1.0], [np.nan]]]))
    assert np.isnan(y).all()
    assert layer.backward(tape, np.ones((1, 1), np.float32))[0].dtype == np.float32
    with pytest.warns(UserWarning, match="mask of its input ends here"):
        assert layer.compute_mask(None, MASK) is None


def test_pooling_refuses_invalid_inputs():
    with pytest.raises(ValueError, match=r"p: the input must have at least one step; got \(2, 0, 3\)"):
        GlobalMaxPooling1D(name="p")(np.ones((2, 0, 3)))
    with pytest.raises(
        ValueError, match=r"p: the input must be \(batch, T, I\); got \(2, 3\)\. .*return_sequences=True"
    ):
        GlobalAveragePooling1D(name="p")(np.ones((2, 3)))
    with pytest.raises(ValueError, match='GlobalMaxPooling1D: data_format must be "channels_last"'):
        GlobalMaxPooling1D("channels_first")
