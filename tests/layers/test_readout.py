"""Tests of Readout with and without the skip connection."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse import functional as F
from seqfuse.layers import Input, Readout


def drawn(*shapes):
    rng = np.random.default_rng(1)
    return [rng.standard_normal(shape) for shape in shapes]


@pairwise(activation=[None, "tanh", "softmax", ("leaky_relu", 0.5)], use_bias=[True, False], leading=[(3,), (2, 3)])
def test_readout_backward_matches_central_differences(activation, use_bias, leading):
    h, x = drawn((*leading, 4), (*leading, 2))
    for inputs, names in (([h, x], ["W", "V"]), (h, ["W"])):
        layer = Readout(3, activation, use_bias, bias_initializer="normal", dtype="float64")
        assert_gradients(layer, inputs)
        assert [weight.name for weight in layer.weights] == names + ["c"] * use_bias
        assert np.array_equal(layer(inputs), layer.forward(inputs)[0])


def test_readout_equals_functional():
    h, x = drawn((2, 3, 4), (2, 3, 2))
    layer = Readout(3, "tanh", dtype="float64")
    y = layer([h, x])
    assert np.array_equal(y, F.readout(h, x, *(weight.value for weight in layer.weights), "tanh"))


def test_readout_ignores_x_at_masked_steps():
    h, x = drawn((1, 2, 4), (1, 2, 2))
    mask = np.array([[True, False]])
    layer = Readout(3, dtype="float64")
    layer([h, x])
    x[0, 1] = np.nan
    y, tape = layer.forward([h, x], mask=[None, mask])
    (_, dx), (dW, dV, dc) = layer.backward(tape, np.ones((1, 2, 3)))
    for array in (y, dx, dW, dV, dc):
        assert np.isfinite(array).all()
    assert not dx[0, 1].any()
    x[0, 1] = 0
    assert np.array_equal(layer([h, x]), y)


def test_readout_mask_is_that_of_h_or_of_x():
    a, b = np.array([[True]]), np.array([[False]])
    layer = Readout(1)
    assert layer.compute_mask(None, [a, b]) is a
    assert layer.compute_mask(None, [None, b]) is b
    assert layer.compute_mask(None, a) is a
    assert layer.compute_mask(None, None) is None


def test_readout_accepts_symbolic_inputs():
    layer = Readout(3)
    assert layer([Input((None, 4)), Input((None, 2))]).shape == (None, None, 3)
    assert [weight.shape for weight in layer.weights] == [(4, 3), (2, 3), (3,)]
    assert Readout(3)(Input((4,))).shape == (None, 3)


def test_readout_refuses_inputs_it_was_not_built_for():
    h, x = drawn((2, 3, 4), (2, 3, 2))
    both, alone = Readout(3, name="both"), Readout(3, name="alone")
    both([h, x])
    alone(h)
    with pytest.raises(ValueError, match=r"both: the input must be \[h, x\], as when the layer was built"):
        both(h)
    with pytest.raises(ValueError, match="alone: the input must be h alone, without x"):
        alone([h, x])
    with pytest.raises(ValueError, match=r"both: x must be \(batch, \.\.\., I\) = \(2, 3, 2\); got \(2, 1, 2\)"):
        both([h, x[:, :1]])
    with pytest.raises(ValueError, match=r"both: the input must be \(batch, \.\.\., H\).*; got \(2, 3, 2\)"):
        both([x, x])
    with pytest.raises(ValueError, match=r"three: the input must be \[h, x\] or h; got a list of 3"):
        Readout(3, name="three")([h, h, h])
