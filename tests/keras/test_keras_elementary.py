"""Comparison of embedding, masks, dropout, activations, shapes, pooling and normalization with Keras."""

import warnings

import keras
import numpy as np
import pytest
from beside import compare, numbers, pair
from support.pairwise import pairwise

from seqfuse import layers

MASK = np.array([[True, False, True, True], [False, True, False, False]])


@pairwise(mask_zero=[False, True], dtype=["int32", "int8", "float32"], shape=[(6,), (2, 6), (2, 3, 2)])
def test_embedding_matches_keras(mask_zero, dtype, shape):
    x = np.random.default_rng(2).integers(0, 5, shape).astype(dtype)
    ours, theirs = pair("Embedding", 5, 3, mask_zero=mask_zero)
    if dtype == "float32":  # Keras casts, and jax.grad would ask for a gradient: compare the outputs
        theirs.build()
        ours.build(None)
        ours.set_weights([np.asarray(weight.value) for weight in theirs.weights])
        assert np.array_equal(ours(x), theirs(x))
    else:
        compare(ours, theirs, x)


@pytest.mark.parametrize("mask_value", [0.0, -1.0, 0.1])
def test_masking_matches_keras(mask_value):
    x = numbers(2, 4, 3)
    x[0, 1:] = mask_value
    x[1, 2, 0] = mask_value
    compare(*pair("Masking", mask_value), x)
    compare(*pair("Masking", mask_value), x, mask=MASK, carried=True)


def test_dropout_matches_keras():
    x = numbers(2, 4, 3)
    compare(*pair("Dropout", 0.5), x, mask=MASK, carried=True)
    compare(*pair("Dropout", 0.0), x, training=True)
    compare(*pair("Dropout", 1.0), x, training=True)
    assert np.isclose(layers.Dropout(0.75, seed=1).forward(x, training=True)[0].max(), 4 * x.max(), rtol=0.9)


@pytest.mark.parametrize("name", [n for n in layers.activations.NAMES if n != "linear"] + ["linear", None])
def test_activation_matches_keras(name):
    ours, theirs = pair("Activation", name)
    if name == "gelu":
        compare(ours, keras.layers.Activation(lambda x: keras.activations.gelu(x)), numbers(2, 4, 3))
    compare(ours, theirs, numbers(2, 4, 3), mask=MASK, carried=True)


@pairwise(max_value=[None, 0.7, 6.0], negative_slope=[0.0, 0.3], threshold=[0.0, 0.4])
def test_relu_matches_keras(max_value, negative_slope, threshold):
    compare(*pair("ReLU", max_value, negative_slope, threshold), numbers(2, 40, 3))


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax_matches_keras(axis):
    compare(*pair("Softmax", axis), numbers(2, 4, 3))
    compare(*pair("Softmax", axis), numbers(2, 4), mask=MASK)


@pytest.mark.parametrize(
    ("name", "argument", "shape"),
    [
        ("Flatten", None, (2, 2, 3, 2)),
        ("Flatten", None, (2, 12)),
        ("Reshape", (2, -1), (2, 4, 3)),
        ("Reshape", (12,), (2, 4, 3)),
    ],
)
def test_reshaping_matches_keras(name, argument, shape):
    compare(*pair(name, argument), numbers(*shape))


def test_flatten_matches_keras_when_rows_are_scalars():
    compare(*pair("Flatten"), numbers(3))


def test_repeat_vector_matches_keras():
    compare(*pair("RepeatVector", 3), numbers(2, 4))


@pytest.mark.parametrize("name", ["Flatten", "GlobalMaxPooling1D"])
def test_layer_without_masking_warns_as_keras_does(name):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        compare(*pair(name), numbers(2, 4, 3), mask=MASK, carried=True)
    ours = {"the mask of its input ends here" in str(w.message) for w in warned}
    assert ours == {True, False}  # one warning of ours and one of Keras


@pytest.mark.parametrize("keepdims", [False, True])
def test_pooling_matches_keras(keepdims):
    x = numbers(2, 4, 3)
    compare(*pair("GlobalAveragePooling1D", keepdims=keepdims), x)
    compare(*pair("GlobalAveragePooling1D", keepdims=keepdims), x, mask=MASK)
    compare(*pair("GlobalMaxPooling1D", keepdims=keepdims), x)
    compare(*pair("GlobalMaxPooling1D", keepdims=keepdims), np.round(x))  # ties


@pairwise(axis=[-1, 2, [1, 2], (-1, -2)], center=[True, False], scale=[True, False])
def test_layer_normalization_matches_keras(axis, center, scale):
    others = {"gamma_initializer": "uniform", "beta_initializer": "normal", "center": center, "scale": scale}
    compare(*pair("LayerNormalization", axis, 0.01, **others), numbers(2, 4, 3), mask=MASK, carried=True)


@pytest.mark.parametrize("skip", [True, False])
def test_readout_matches_a_sum_of_dense_layers_of_keras(skip):
    h, x = numbers(2, 4, 5), numbers(2, 4, 3)
    h_layer, x_layer = keras.layers.Dense(3, use_bias=False), keras.layers.Dense(3, bias_initializer="normal")
    ours = layers.Readout(3, "tanh", use_bias=skip)
    expected = keras.ops.tanh(h_layer(h) + x_layer(x) if skip else h_layer(h))
    given = [h, x] if skip else h
    ours(given)
    weights = h_layer.weights + (x_layer.weights if skip else [])
    ours.set_weights([np.asarray(weight.value) for weight in weights])
    assert np.allclose(ours(given), expected, rtol=1e-5, atol=1e-6)
