"""Tests of Dense: values and gradients with every kind of activation, weights and errors."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse.layers import Dense, Input

# one per way to compute the derivative
ACTIVATIONS = [None, "tanh", "relu", "softmax", "gelu", ("leaky_relu", 0.3)]


def rng(seed=0):
    return np.random.default_rng(seed)


@pairwise(activation=ACTIVATIONS, use_bias=[True, False], shape=[(3, 4), (2, 3, 4)])
def test_dense_backward_matches_central_differences(activation, use_bias, shape):
    layer = Dense(5, activation, use_bias, bias_initializer="normal", dtype="float64")
    assert_gradients(layer, rng().normal(size=shape))


@pytest.mark.parametrize("shape", [(0, 4), (2, 0, 4), (2, 0)])
def test_dense_accepts_empty_batches_steps_and_features(shape):
    layer = Dense(3, "tanh", bias_initializer="ones", dtype="float64")
    (y,) = assert_gradients(layer, np.ones(shape))
    assert y.shape == (*shape[:-1], 3)
    np.testing.assert_allclose(y, np.full(y.shape, np.tanh(1.0)), rtol=1e-15)


def test_dense_is_a_product_a_bias_and_an_activation():
    layer, x = Dense(3, "tanh", bias_initializer="normal", dtype="float64"), rng().normal(size=(5, 2, 4))
    y, _ = layer.forward(x)
    np.testing.assert_allclose(y, np.tanh(x @ layer.kernel.value + layer.bias.value), rtol=1e-14)


def test_dense_weights_have_the_order_and_shapes_of_keras():
    layer = Dense(3)
    assert layer.weights == []
    layer.build((None, None, 4))
    assert [(w.name, w.shape) for w in layer.weights] == [("kernel", (4, 3)), ("bias", (3,))]
    assert not layer.bias.value.any()
    assert len(Dense(3, use_bias=False)(np.ones((1, 2)))[0]) == 3
    assert layer.count_params() == 15


def test_dense_applies_initializers_and_regularizers_to_its_weights():
    def twos(shape, dtype):
        return np.full(shape, 2)

    layer = Dense(3, kernel_initializer="ones", bias_initializer=twos, bias_regularizer="l2")
    np.testing.assert_array_equal(layer(np.ones((1, 4))), [[6, 6, 6]])
    assert layer.kernel.regularizer is None
    assert layer.bias.regularizer.value(np.ones(1)) == pytest.approx(0.01)


def test_dense_returns_a_symbolic_output_of_the_right_shape():
    assert Dense(3)(Input((None, 4))).shape == (None, None, 3)
    with pytest.raises(ValueError, match=r"far: the input must have a fixed size along axis -1; got \(None, 4, None\)"):
        Dense(3, name="far")(Input((4, None)))


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"units": 0}, ValueError, "Dense: units must be at least 1; got 0"),
        ({"units": 2.5}, TypeError, "Dense: units must be an integer"),
        ({"units": 2, "activation": "rellu"}, ValueError, r'Dense: activation must be .*Did you mean "relu"\?'),
        ({"units": 2, "kernel_constraint": "max_norm"}, ValueError, "Dense: kernel_constraint must be None"),
        ({"units": 2, "activaton": "relu"}, TypeError, r"no argument 'activaton'\. Did you mean \"activation\"\?"),
    ],
)
def test_dense_refuses_wrong_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        Dense(**arguments)


def test_dense_names_itself_when_it_refuses_an_input():
    layer = Dense(3, name="out")
    layer(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"out: the input must be \(batch, \.\.\., I\) = \(\.\.\., 4\); got \(2, 5\)"):
        layer(np.ones((2, 5)))
    with pytest.raises(ValueError, match=r"out: the input must be .*got \(\)"):
        layer(np.ones(()))
