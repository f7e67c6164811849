"""Tests of LayerNormalization: values, weights, axes, gradients and errors."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse.layers import LayerNormalization


@pairwise(axis=[-1, 2, [-1], (-1, -2), [1, 2]], scale=[True, False], center=[True, False])
def test_layer_normalization_backward_matches_central_differences(axis, center, scale):
    x = np.random.default_rng(1).standard_normal((2, 3, 4))
    layer = LayerNormalization(
        axis, 0.01, center, scale, beta_initializer="normal", gamma_initializer="uniform", dtype="float64"
    )
    assert_gradients(layer, x)
    names = [weight.name for weight in layer.weights]
    assert names == ["gamma"] * scale + ["beta"] * center
    sizes = (4,) if isinstance(axis, int) or len(axis) == 1 else (3, 4)
    assert all(weight.shape == sizes for weight in layer.weights)
    axes = -1 if len(sizes) == 1 else (-2, -1)
    gamma, beta = (layer.gamma.value if scale else 1), (layer.beta.value if center else 0)
    h = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 0.01)
    assert np.allclose(layer(x), h * gamma + beta, rtol=1e-12, atol=1e-12)
    assert np.array_equal(layer(x), layer.forward(x)[0])


def test_layer_normalization_backward_returns_no_gradients_when_frozen():
    layer = LayerNormalization(trainable=False)
    _, tape = layer.forward(np.ones((2, 3)))
    dx, grads = layer.backward(tape, np.ones((2, 3), np.float32))
    assert dx.shape == (2, 3)
    assert grads == []


@pytest.mark.parametrize("axis", [0, 1, (0, 2), [], 3])
def test_layer_normalization_refuses_axes_other_than_the_last(axis):
    with pytest.raises(ValueError, match=r"n: axis must be the last axis or axes of the input \(None, 3, 4\); got"):
        LayerNormalization(axis, name="n")(np.ones((2, 3, 4)))


def test_layer_normalization_refuses_wrong_types_and_sizes():
    with pytest.raises(TypeError, match="LayerNormalization: axis must be an integer or a list of them; got 'a'"):
        LayerNormalization("a")
    layer = LayerNormalization((1, 2), name="n")
    layer(np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match=r"n: the input must be .* = \(3, 4\); got \(5, 4\)"):
        layer(np.ones((2, 5, 4)))
