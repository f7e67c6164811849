"""Tests of the position encodings: tables, gradients, masks, invalid positions."""

import numpy as np
import pytest

from layers.gradients import assert_gradients
from seqfuse import functional as F
from seqfuse.layers import Add, Embedding, Input, PositionEmbedding, SinePositionEncoding
from seqfuse.models import Model

B, T, D = 2, 3, 5
POSITIONS = np.array([[4, 0, 2], [2, 2, 1]])


def test_sine_encoding_equals_functional_for_any_order_of_calls():
    layer, x = SinePositionEncoding(100), np.ones((B, T, D), np.float32)
    expected = F.sinusoidal_positions(40, D, base=100)
    for first in (0, 30, 2):
        y = layer(x, start_index=first)
        np.testing.assert_array_equal(y, np.repeat(expected[None, first : first + T], B, 0))
    np.testing.assert_array_equal(layer(x, positions=POSITIONS), expected[POSITIONS])
    np.testing.assert_array_equal(layer(x, positions=[7, 1, 0])[1], expected[[7, 1, 0]])
    assert layer(np.ones((B, T, 2))).shape == (B, T, 2)
    assert not layer.weights


@pytest.mark.parametrize("options", [{}, {"start_index": 2}, {"positions": POSITIONS}, {"positions": [3, 1, 1]}])
@pytest.mark.parametrize("layer", [SinePositionEncoding(dtype="float64"), PositionEmbedding(5, dtype="float64")])
def test_positions_backward_matches_central_differences(layer, options):
    (y,) = assert_gradients(layer, np.random.default_rng(0).normal(size=(B, T, D)), **options)
    assert y.shape == (B, T, D)


def test_position_embedding_returns_rows_of_its_weight():
    layer = PositionEmbedding(5)
    y = layer(np.ones((B, T, D)), start_index=1)
    np.testing.assert_array_equal(y[1], layer.position_embeddings.value[1:4])
    np.testing.assert_array_equal(layer(np.ones((B, T, D)), positions=POSITIONS), layer.get_weights()[0][POSITIONS])
    layer.trainable = False
    _, tape = layer.forward(np.ones((B, T, D)))
    assert layer.backward(tape, np.ones((B, T, D), np.float32)) == (None, [])


@pytest.mark.parametrize("layer", [SinePositionEncoding(), PositionEmbedding(8)])
def test_positions_keep_the_mask_in_a_model(layer):
    tokens = Input((T,))
    x = Embedding(7, D, mask_zero=True)(tokens)
    model = Model(tokens, Add()([x, layer(x)]))
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    y, tape = model.forward(ids)
    np.testing.assert_array_equal(tape.masks[0], ids != 0)
    np.testing.assert_array_equal(y, model.layers[1](ids) + layer(np.ones((B, T, D))))


def test_positions_refuse_invalid_positions():
    with pytest.raises(ValueError, match="p: positions must be below sequence_length = 4; got 4"):
        PositionEmbedding(4, name="p")(np.ones((B, T, D)), start_index=2)
    with pytest.raises(ValueError, match="p: positions must be below sequence_length = 4; got 9"):
        PositionEmbedding(4, name="p")(np.ones((B, T, D)), positions=[0, 9, 1])
    with pytest.raises(ValueError, match="p: positions must be below sequence_length = 2"):
        PositionEmbedding(2, name="p")(Input((T, D)))
    for kind in (lambda: SinePositionEncoding(name="p"), lambda: PositionEmbedding(9, name="p")):
        with pytest.raises(ValueError, match=r"p: positions must be \(T,\) or \(batch, T\) = \(2, 3\); got \(2,\)"):
            kind()(np.ones((B, T, D)), positions=[0, 1])
        with pytest.raises(ValueError, match=r"p: the input must be \(batch, T, D\); got \(2, 3\)"):
            kind()(np.ones((B, T)))
        with pytest.raises(ValueError, match="start_index must be"):
            kind()(np.ones((B, T, D)), start_index=-1)
    with pytest.raises(ValueError, match="sequence_length must be"):
        PositionEmbedding(0)
    with pytest.raises(ValueError, match="max_wavelength must be"):
        SinePositionEncoding(0.5)
