"""Conv1D and pooling of windows beside Keras's: outputs, gradients and shapes of every option."""

import numpy as np
import pytest
from beside import assert_same, numbers, pair

from seqfuse import layers

keras = pytest.importorskip("keras")


B, T, I, O = 2, 9, 4, 6


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize(("size", "strides", "dilation"), [(1, 1, 1), (3, 1, 1), (2, 3, 1), (4, 2, 1), (3, 1, 2)])
def test_conv1d_as_keras(size, strides, dilation, padding, groups):
    x = numbers(B, T, I)
    ours, theirs = pair("Conv1D", x.shape, O, size, strides, padding, dilation_rate=dilation, groups=groups)
    assert_same(ours, theirs, x)
    for steps in (T, None):
        assert ours.compute_output_shape((None, steps, I)) == theirs.compute_output_shape((None, steps, I))


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "softmax"])
@pytest.mark.parametrize("use_bias", [False, True])
def test_conv1d_activations_as_keras(activation, use_bias):
    x = numbers(B, T, I)
    assert_same(*pair("Conv1D", x.shape, O, 3, activation=activation, use_bias=use_bias), x)


def test_conv1d_initial_weights_are_scaled_as_in_keras():
    limit = np.sqrt(6 / (5 * 64 + 5 * 64))
    for conv in (layers.Conv1D(64, 5), keras.layers.Conv1D(64, 5)):
        conv.build((B, T, 64))
        largest = np.abs(np.asarray(conv.weights[0].value)).max()
        assert 0.95 * limit < largest <= limit


@pytest.mark.parametrize("kind", ["MaxPooling1D", "AveragePooling1D"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [(2, None), (3, 1), (2, 3), (3, 2), (1, 1)])
def test_pooling_as_keras(kind, size, strides, padding):
    x = numbers(B, T, I)
    ours, theirs = pair(kind, x.shape, size, strides, padding)
    assert_same(ours, theirs, x)
    for steps in (T, None):
        assert ours.compute_output_shape((None, steps, I)) == theirs.compute_output_shape((None, steps, I))
    x = np.ones_like(x)  # equal steps: the gradient goes where Keras sends it
    assert_same(ours, theirs, x)
