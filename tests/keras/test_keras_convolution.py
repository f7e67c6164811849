"""Comparison of Conv1D and window pooling with Keras: outputs, gradients and shapes of every option."""

import keras
import numpy as np
import pytest
from beside import compare, numbers, pair
from support.pairwise import pairwise

from seqfuse import layers

B, T, I, O = 2, 9, 4, 6


@pairwise(
    window=[(1, 1, 1), (3, 1, 1), (2, 3, 1), (4, 2, 1), (3, 1, 2)], padding=["valid", "same", "causal"], groups=[1, 2]
)
def test_conv1d_matches_keras(window, padding, groups):
    size, strides, dilation = window
    ours, theirs = pair("Conv1D", O, size, strides, padding, dilation_rate=dilation, groups=groups)
    compare(ours, theirs, numbers(B, T, I))
    for steps in (T, None):
        assert ours.compute_output_shape((None, steps, I)) == theirs.compute_output_shape((None, steps, I))


@pytest.mark.parametrize(("activation", "use_bias"), [("relu", True), ("sigmoid", False), ("softmax", True)])
def test_conv1d_matches_keras_with_activations(activation, use_bias):
    compare(*pair("Conv1D", O, 3, activation=activation, use_bias=use_bias), numbers(B, T, I))


def test_conv1d_initial_weights_have_the_range_of_keras():
    limit = np.sqrt(6 / (5 * 64 + 5 * 64))
    for conv in (layers.Conv1D(64, 5), keras.layers.Conv1D(64, 5)):
        conv.build((B, T, 64))
        largest = np.abs(np.asarray(conv.weights[0].value)).max()
        assert 0.95 * limit < largest <= limit


@pairwise(
    kind=["MaxPooling1D", "AveragePooling1D"],
    window=[(2, None), (3, 1), (2, 3), (3, 2), (1, 1)],
    padding=["valid", "same"],
)
def test_pooling_matches_keras(kind, window, padding):
    ours, theirs = pair(kind, *window, padding)
    compare(ours, theirs, numbers(B, T, I))
    for steps in (T, None):
        assert ours.compute_output_shape((None, steps, I)) == theirs.compute_output_shape((None, steps, I))
    compare(ours, theirs, np.ones((B, T, I), np.float32))  # equal steps: the gradient goes to the same step as in Keras
