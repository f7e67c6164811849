"""Tests of TimeDistributed: outputs, gradients, masks and errors."""

import numpy as np
import pytest

from layers.gradients import assert_gradients
from seqfuse.layers import GRU, LSTM, Dense, Input, TimeDistributed
from seqfuse.models import Model, Sequential

B, T, S, I = 2, 3, 4, 2
F64 = {"dtype": "float64"}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def model_of_two():
    return Sequential([Input((S, I)), LSTM(3, return_sequences=True, **F64), Dense(2, **F64)])


@pytest.mark.parametrize(
    ("inner", "shape"),
    [
        (Dense(3, activation="tanh", **F64), (B, T, I)),
        (Dense(3, **F64), (B, T, S, I)),
        (GRU(3, **F64), (B, T, S, I)),
        (LSTM(3, return_sequences=True, go_backwards=True, **F64), (B, T, S, I)),
        (LSTM(3, dropout=0.5, recurrent_dropout=0.5, seed=1, **F64), (B, T, S, I)),
        (model_of_two(), (B, T, S, I)),
        (TimeDistributed(GRU(2, **F64)), (B, 2, T, S, I)),
    ],
)
def test_time_distributed_backward_matches_central_differences(inner, shape):
    layer, x = TimeDistributed(inner, dtype="float64"), numbers(*shape)
    (y,) = assert_gradients(layer, x, training=True)
    assert y.shape == layer.compute_output_shape(shape)


@pytest.mark.parametrize("inner", [Dense(3), GRU(3), model_of_two()])
def test_time_distributed_applies_its_layer_to_every_step(inner):
    x = numbers(B, T, S, I)
    y = TimeDistributed(inner)(x)
    for t in range(T):
        np.testing.assert_array_equal(y[:, t], inner(x[:, t]))
    fortran_order = np.asfortranarray(x)
    np.testing.assert_array_equal(TimeDistributed(inner)(fortran_order), y)


def test_time_distributed_passes_the_mask_of_each_step_to_its_layer():
    mask = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 1, 0, 1]], bool)[None] & np.ones((B, 1, 1), bool)
    layer = TimeDistributed(GRU(3, **F64))
    x = numbers(B, T, S, I)
    (y,) = assert_gradients(layer, x, mask=mask)
    for t in range(T):
        np.testing.assert_array_equal(y[:, t], layer.layer(x[:, t], mask=mask[:, t]))
    np.testing.assert_array_equal(layer(x, mask=np.ones((B, T), bool)), layer(x))
    assert layer.compute_mask(x, mask) is mask
    with pytest.raises(ValueError, match=r"mask must be \(batch, T, ...\) = \(2, 3, ...\); got \(2, 4\)"):
        layer(x, mask=np.ones((B, S), bool))


def test_time_distributed_shares_its_weights_and_shapes_with_a_model():
    inner = Dense(3)
    layer = TimeDistributed(inner)
    x = Input((None, I))
    y = layer(x)
    assert y.shape == (None, None, 3)
    model = Model(x, y)
    assert model.weights == inner.weights == layer.weights
    layer.trainable = False
    assert not inner.trainable_weights
    assert TimeDistributed(Dense(3), trainable=False).layer.trainable is False


def test_time_distributed_does_not_cast_the_input_of_its_layer():
    class Count(Dense):
        def forward(self, x, training=False, mask=None, *, keep=True):
            assert x.dtype == np.int32
            return super().forward(x, training, mask, keep=keep)

    assert TimeDistributed(Count(2))(np.ones((B, T, I), np.int32)).dtype == np.float32


def test_time_distributed_accepts_empty_batches_and_sequences():
    layer = TimeDistributed(Dense(3))
    for batch, steps in ((0, T), (B, 0)):
        y, tape = layer.forward(np.ones((batch, steps, I)))
        assert y.shape == (batch, steps, 3)
        assert layer.backward(tape, y)[0].shape == (batch, steps, I)


def test_time_distributed_from_config_restores_the_layer():
    layer = TimeDistributed(Dense(3), name="each")
    again = TimeDistributed.from_config(layer.get_config())
    assert (again.name, again.layer) == ("each", layer.layer)


def test_time_distributed_refuses_wrong_layers_and_inputs():
    with pytest.raises(TypeError, match=r"layer must be a layer.*got int"):
        TimeDistributed(3)
    with pytest.raises(ValueError, match="must not be stateful; got memory"):
        TimeDistributed(GRU(3, stateful=True, name="memory"))
    layer = TimeDistributed(GRU(3), name="each")
    with pytest.raises(ValueError, match=r"each: the input must be \(batch, T, ...\).*got \(2, 3\)"):
        layer(np.ones((B, T)))
    with pytest.raises(ValueError, match=r"gru.*the input must be \(batch, T, I\); got \(None, 4\)"):
        layer(Input((T, S)))
