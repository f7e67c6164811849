"""Tests of truncated backpropagation through time: `fit(bptt=K)` trains on chunks and carries the states over."""

import numpy as np
import pytest

from models.whole import rng
from seqfuse.callbacks import Callback
from seqfuse.layers import GRU, LSTM, Add, Bidirectional, Dense, Embedding, Input, SimpleRNN, TimeDistributed
from seqfuse.models import Model, Sequential
from seqfuse.optimizers import SGD


def stacked():
    return Sequential(
        [Input((None, 2)), LSTM(4, return_sequences=True), GRU(3, return_sequences=True), Dense(1)], name="stacked"
    )


def train_manually(model, x, y, K, rows, rate):
    """Train like `fit(bptt=K)` in a plain loop: each chunk starts from the final states of the previous chunk."""
    lstm, gru, dense = model.layers
    for start in range(0, len(x), rows):
        xb, yb = x[start : start + rows], y[start : start + rows]
        h = c = np.zeros((len(xb), 4), np.float32)
        g = np.zeros((len(xb), 3), np.float32)
        for t in range(0, x.shape[1], K):
            xc, yc = xb[:, t : t + K], yb[:, t : t + K]
            lstm.return_state = gru.return_state = True
            (a, h, c), lstm_tape = lstm.forward([xc, h, c])
            (b, g), gru_tape = gru.forward([a, g])
            z, dense_tape = dense.forward(b)
            dz = 2 * (z - yc) / z.size
            db, dense_grads = dense.backward(dense_tape, dz.astype(np.float32))
            (da, _), gru_grads = gru.backward(gru_tape, [db, None])
            _, lstm_grads = lstm.backward(lstm_tape, [da, None, None], need_dx=False)
            lstm.return_state = gru.return_state = False
            for weight, gradient in zip(model.trainable_weights, [*lstm_grads, *gru_grads, *dense_grads]):
                weight.value -= np.float32(rate) * gradient


@pytest.mark.parametrize("K", [1, 3, 4, 10, 99])
def test_fit_bptt_equals_a_manual_loop_over_chunks(K):
    x, y = rng().normal(size=(5, 10, 2)).astype(np.float32), rng(1).normal(size=(5, 10, 1)).astype(np.float32)
    model, other = stacked(), stacked()
    other.set_weights(model.get_weights())
    model.compile(SGD(0.1), "mse")
    model.fit(x, y, batch_size=2, shuffle=False, bptt=K, verbose=0)
    train_manually(other, x, y, K, 2, 0.1)
    for ours, theirs in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def test_fit_bptt_equals_plain_fit_when_one_chunk_has_the_whole_sequence():
    x, y = rng().normal(size=(6, 5, 2)), rng(1).normal(size=(6, 5, 1))
    first, second = stacked(), stacked()
    second.set_weights(first.get_weights())
    for model, bptt in ((first, None), (second, 5)):
        model.compile("adam", "mse")
        model.fit(x, y, shuffle=False, batch_size=4, epochs=2, bptt=bptt, verbose=0)
    assert first.history.history == second.history.history
    for a, b in zip(first.get_weights(), second.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_fit_bptt_updates_once_per_chunk_and_clears_the_states():
    class Count(Callback):
        def __init__(self):
            self.batches, self.carried = [], []

        def on_train_batch_begin(self, batch, logs=None):
            self.batches.append(batch)
            self.carried.append(self.model.layers[0].states is not None)

    model, count = stacked(), Count()
    model.compile("sgd", "mse")
    model.fit(np.ones((3, 10, 2)), np.ones((3, 10, 1)), batch_size=2, bptt=4, callbacks=[count], verbose=0)
    assert count.batches == list(range(6))
    assert count.carried == [False, True, True, False, True, True]
    assert model.optimizer.iterations == 6
    for layer in model.layers[:2]:
        assert layer.states is None
        assert not layer.carries


def test_fit_bptt_splits_integer_inputs_and_sample_weights_when_layers_are_nested():
    inside = Sequential([GRU(3, return_sequences=True)])
    model = Sequential([Input((None,)), Embedding(5, 2, mask_zero=True), inside, Dense(5, "softmax")])
    seen = []
    gru = inside.layers[0]
    forward = gru.forward

    def recorded_forward(x, **options):
        seen.append((x.shape, gru.carries, None if gru._state is None else gru._state[0].copy()))
        return forward(x, **options)

    gru.forward = recorded_forward
    model.compile("sgd", "sparse_categorical_crossentropy")
    words = rng().integers(0, 5, (4, 5))
    model.fit(words, words, sample_weight=np.ones((4, 5)), bptt=2, verbose=0)
    assert [shape for shape, _, _ in seen] == [(4, 2, 2), (4, 2, 2), (4, 1, 2)]
    assert all(carries for _, carries, _ in seen)
    assert seen[0][2] is None
    assert all(state is not None for _, _, state in seen[1:])
    model.fit(words, words, sample_weight=np.ones(4), bptt=2, verbose=0)


def test_fit_bptt_applies_sample_weights_per_sequence_to_every_chunk():
    x, y, w = rng().normal(size=(3, 4, 2)), rng(1).normal(size=(3, 4, 1)), np.array([1.0, 0.0, 3.0])
    first, second = stacked(), stacked()
    second.set_weights(first.get_weights())
    for model, weight in ((first, w), (second, np.repeat(w[:, None], 4, axis=1))):
        model.compile("sgd", "mse")
        model.fit(x, y, sample_weight=weight, shuffle=False, bptt=2, verbose=0)
    for a, b in zip(first.get_weights(), second.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_fit_bptt_validates_from_zero_states():
    x, y = rng().normal(size=(4, 6, 2)), rng(1).normal(size=(4, 6, 1))
    model = stacked()
    model.compile("sgd", "mse")
    model.fit(x, y, bptt=2, validation_data=(x[:3], y[:3]), verbose=0)
    assert model.history.history["val_loss"][0] == model.evaluate(x[:3], y[:3], verbose=0)


@pytest.mark.parametrize("where", ["interrupt", "error"])
def test_fit_bptt_clears_the_states_when_training_is_interrupted(where):
    class End(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt if where == "interrupt" else RuntimeError

    model = stacked()
    model.compile("sgd", "mse")
    with pytest.raises(KeyboardInterrupt if where == "interrupt" else RuntimeError):
        model.fit(np.ones((2, 6, 2)), np.ones((2, 6, 1)), bptt=2, callbacks=[End()], verbose=0)
    assert all(layer.states is None and not layer.carries for layer in model.layers[:2])
    assert model.predict(np.ones((3, 4, 2))).shape == (3, 4, 1)


def test_fit_bptt_rejects_unsuitable_models_and_targets():
    x, y = np.ones((2, 6, 2)), np.ones((2, 6, 1))
    dense = Sequential([Input((6, 2)), Dense(1)])
    last = Sequential([Input((6, 2)), SimpleRNN(2)])
    a, b, gru = Input((6, 2)), Input((6, 2)), GRU(2, return_sequences=True, name="twice")
    shared = Model([a, b], Dense(1)(Add()([gru(a), gru(b)])))
    both = Sequential([Input((6, 2)), Bidirectional(GRU(2, return_sequences=True)), Dense(1)])
    for model, target, bptt, message in (
        (dense, y, 2, "bptt must be None for a model without recurrent layers"),
        (both, y, 2, "bptt must be None for layers with go_backwards; got backward_"),
        (
            last,
            np.ones((2, 2)),
            2,
            r"same number of steps, \(batch, T, \.\.\.\); got \(2, 6, 2\), \(2, 2\)\. Give every",
        ),
        (stacked(), y[:, :5], 2, "same number of steps"),
        (stacked(), y, 0, "bptt must be at least 1; got 0"),
        (stacked(), y, 2.5, "bptt must be an integer"),
    ):
        model.compile("sgd", "mse")
        with pytest.raises((ValueError, TypeError), match=message):
            model.fit(x, target, bptt=bptt, verbose=0)
    shared.compile("sgd", "mse")
    with pytest.raises(ValueError, match="is called twice; got twice, which is shared"):
        shared.fit([x, x], y, bptt=2, verbose=0)


def test_fit_bptt_carries_no_states_of_layers_inside_time_distributed():
    x, y = rng().normal(size=(4, 6, 3, 2)), rng(1).normal(size=(4, 6, 1))

    def model():
        inside = TimeDistributed(LSTM(3, kernel_initializer="ones"))
        return Sequential([Input((6, 3, 2)), inside, SimpleRNN(2, return_sequences=True), Dense(1)])

    one, other = model(), model()
    other.set_weights(one.get_weights())
    features = one.layers[0](x)  # the nested LSTM reads along another axis, so chunks do not affect it
    one.compile(SGD(0.0), "mse")
    other.compile(SGD(0.0), "mse")
    chunked = one.fit(x, y, bptt=4, shuffle=False, verbose=0).history["loss"]
    rest = Sequential([Input((6, 3)), *other.layers[1:]])
    rest.compile(SGD(0.0), "mse")
    assert chunked == rest.fit(features, y, bptt=4, shuffle=False, verbose=0).history["loss"]


def test_fit_bptt_rejects_initial_states_as_inputs():
    x, h0 = Input((None, 2)), Input((3,))
    model = Model([x, h0], GRU(3, return_sequences=True)(x, initial_state=h0))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="same number of steps"):
        model.fit([np.ones((2, 6, 2)), np.ones((2, 3))], np.ones((2, 6, 3)), bptt=2, verbose=0)
