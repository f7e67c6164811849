"""Tests of Activation, ReLU and Softmax: values, gradients and errors."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse import functional as F
from seqfuse.layers import Activation, ReLU, Softmax
from seqfuse.layers.activations import NAMES

X = np.random.default_rng(4).standard_normal((3, 5))


@pytest.mark.parametrize("name", [*NAMES, None, ("elu", 0.5), ("hard_sigmoid", 0.2, 0.4), "ReLU"])
def test_activation_backward_matches_central_differences(name):
    assert_gradients(Activation(name, dtype="float64"), X.copy())


def test_activation_computes_softmax_over_the_last_axis():
    assert np.array_equal(Activation("softmax", dtype="float64")(X), F.softmax(X))


def test_activation_accepts_a_different_number_of_features_at_every_call():
    layer = Activation("tanh")
    assert [layer(np.ones((2, n))).shape for n in (3, 4)] == [(2, 3), (2, 4)]


def test_activation_refuses_unknown_names():
    with pytest.raises(ValueError, match=r'Activation: activation must be one of .*Did you mean "gelu"'):
        Activation("gelo")


@pairwise(max_value=[None, 1.0], negative_slope=[0.0, 0.25], threshold=[0.0, 0.5])
def test_relu_backward_matches_central_differences(max_value, negative_slope, threshold):
    layer = ReLU(max_value, negative_slope, threshold, dtype="float64")
    assert_gradients(layer, X.copy())
    top = np.inf if max_value is None else max_value
    expected = np.where(X > threshold, np.minimum(X, top), negative_slope * (X - threshold))
    assert np.array_equal(layer(X), expected)
    assert ReLU.from_config(layer.get_config()).get_config() == layer.get_config()


def test_relu_refuses_negative_arguments():
    with pytest.raises(ValueError, match="ReLU: max_value must be at least 0"):
        ReLU(-1.0)


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("masked", [False, True])
def test_softmax_backward_matches_central_differences(axis, masked):
    x = np.random.default_rng(5).standard_normal((3, 4, 2))
    mask = np.random.default_rng(6).random((3, 4, 2)) < 0.7 if masked else None
    assert_gradients(Softmax(axis, dtype="float64"), x, mask=mask)


def test_softmax_returns_zeros_at_masked_entries_when_they_are_nan_or_whole_rows():
    x, mask = np.array([[1.0, np.nan], [np.nan, np.nan]]), np.array([[True, False], [False, False]])
    layer = Softmax()
    y, tape = layer.forward(x, mask=mask)
    assert np.array_equal(y, [[1, 0], [0, 0]])
    assert np.array_equal(layer.backward(tape, np.ones((2, 2), np.float32))[0], np.zeros((2, 2)))


def test_softmax_refuses_masks_and_axes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"s: mask must be broadcastable to \(2, 3\); got \(2,\)"):
        Softmax(name="s")(np.ones((2, 3)), mask=np.ones(2, bool))
    with pytest.raises(ValueError, match=r"s: axis must be an axis of the input \(2, 3\); got 2"):
        Softmax(2, name="s")(np.ones((2, 3)))
    with pytest.raises(TypeError, match="Softmax: axis must be an integer"):
        Softmax([0, 1])
