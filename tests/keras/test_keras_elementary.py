"""Embedding, masks, dropout, activations, shapes, pooling and normalisation beside Keras's."""

import warnings

import numpy as np
import pytest

from seqfuse import layers

keras = pytest.importorskip("keras")

from beside_keras import check_beside_keras  # noqa: E402  (where there is no Keras, it cannot be imported)

MASK = np.array([[True, False, True, True], [False, True, False, False]])


def drawn(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def pair(name, *arguments, **others):
    """Our layer and Keras's, made with the same arguments."""
    return getattr(layers, name)(*arguments, **others), getattr(keras.layers, name)(*arguments, **others)


@pytest.mark.parametrize("mask_zero", [False, True])
@pytest.mark.parametrize("dtype", ["int32", "int8", "float32"])
@pytest.mark.parametrize("shape", [(6,), (2, 6), (2, 3, 2)])
def test_embedding_as_keras(mask_zero, dtype, shape):
    x = np.random.default_rng(2).integers(0, 5, shape).astype(dtype)
    ours, theirs = pair("Embedding", 5, 3, mask_zero=mask_zero)
    if dtype == "float32":  # Keras casts, and jax.grad would ask for a gradient: compare the outputs
        theirs.build()
        ours.build(None)
        ours.set_weights([np.asarray(weight.value) for weight in theirs.weights])
        assert np.array_equal(ours(x), theirs(x))
    else:
        check_beside_keras(ours, theirs, x)


@pytest.mark.parametrize("mask_value", [0.0, -1.0, 0.1])
def test_masking_as_keras(mask_value):
    x = drawn(2, 4, 3)
    x[0, 1:] = mask_value
    x[1, 2, 0] = mask_value
    check_beside_keras(*pair("Masking", mask_value), x)
    check_beside_keras(*pair("Masking", mask_value), x, MASK)


def test_dropout_as_keras():
    x = drawn(2, 4, 3)
    check_beside_keras(*pair("Dropout", 0.5), x, MASK)
    check_beside_keras(*pair("Dropout", 0.0), x, training=True)
    check_beside_keras(*pair("Dropout", 1.0), x, training=True)
    assert np.isclose(layers.Dropout(0.75, seed=1).forward(x, training=True)[0].max(), 4 * x.max(), rtol=0.9)


@pytest.mark.parametrize("name", [n for n in layers.activations.NAMES if n != "linear"] + ["linear", None])
def test_activation_as_keras(name):
    ours, theirs = pair("Activation", name)
    if name == "gelu":
        check_beside_keras(ours, keras.layers.Activation(lambda x: keras.activations.gelu(x)), drawn(2, 4, 3))
    check_beside_keras(ours, theirs, drawn(2, 4, 3), MASK)


@pytest.mark.parametrize("max_value", [None, 0.7, 6.0])
@pytest.mark.parametrize("negative_slope", [0.0, 0.3])
@pytest.mark.parametrize("threshold", [0.0, 0.4])
def test_relu_as_keras(max_value, negative_slope, threshold):
    check_beside_keras(*pair("ReLU", max_value, negative_slope, threshold), drawn(2, 40, 3))


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax_as_keras(axis):
    check_beside_keras(*pair("Softmax", axis), drawn(2, 4, 3))
    check_beside_keras(*pair("Softmax", axis), drawn(2, 4), MASK, carried=False)


@pytest.mark.parametrize(("name", "argument"), [("Flatten", None), ("Reshape", (2, -1)), ("Reshape", (12,))])
@pytest.mark.parametrize("shape", [(2, 4, 3), (2, 12), (2, 2, 3, 2)])
def test_reshaping_as_keras(name, argument, shape):
    check_beside_keras(*pair(name, argument), drawn(*shape))


def test_flatten_of_numbers_as_keras():
    check_beside_keras(*pair("Flatten"), drawn(3))


def test_repeat_vector_as_keras():
    check_beside_keras(*pair("RepeatVector", 3), drawn(2, 4))


@pytest.mark.parametrize("name", ["Flatten", "GlobalMaxPooling1D"])
def test_masks_end_as_in_keras(name):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_beside_keras(*pair(name), drawn(2, 4, 3), MASK)
    assert {"the mask of its input ends here" in str(w.message) for w in said} == {True, False}  # ours, and Keras's


@pytest.mark.parametrize("keepdims", [False, True])
def test_pooling_as_keras(keepdims):
    x = drawn(2, 4, 3)
    check_beside_keras(*pair("GlobalAveragePooling1D", keepdims=keepdims), x)
    check_beside_keras(*pair("GlobalAveragePooling1D", keepdims=keepdims), x, MASK, carried=False)
    check_beside_keras(*pair("GlobalMaxPooling1D", keepdims=keepdims), x)
    check_beside_keras(*pair("GlobalMaxPooling1D", keepdims=keepdims), np.round(x))  # ties


@pytest.mark.parametrize("axis", [-1, 2, [1, 2], (-1, -2)])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_layer_normalization_as_keras(axis, center, scale):
    others = {"gamma_initializer": "uniform", "beta_initializer": "normal", "center": center, "scale": scale}
    check_beside_keras(*pair("LayerNormalization", axis, 0.01, **others), drawn(2, 4, 3), MASK)


@pytest.mark.parametrize("skip", [True, False])
def test_readout_is_a_sum_of_dense_layers(skip):
    h, x = drawn(2, 4, 5), drawn(2, 4, 3)
    of_h, of_x = keras.layers.Dense(3, use_bias=False), keras.layers.Dense(3, bias_initializer="normal")
    ours = layers.Readout(3, "tanh", use_bias=skip)
    wanted = keras.ops.tanh(of_h(h) + of_x(x) if skip else of_h(h))
    given = [h, x] if skip else h
    ours(given)
    weights = of_h.weights + (of_x.weights if skip else [])
    ours.set_weights([np.asarray(weight.value) for weight in weights])
    assert np.allclose(ours(given), wanted, rtol=1e-5, atol=1e-6)
