"""Holds truncated back-propagation through time: `fit(bptt=K)` is a loop over chunks that carries states on."""

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


def by_hand(model, x, y, K, rows, rate):
    """The same training without fit: every chunk starts from the states that the one before has left."""
    lstm, gru, dense = model.layers
    for start in range(0, len(x), rows):
        xb, yb = x[start : start + rows], y[start : start + rows]
        h = c = np.zeros((len(xb), 4), np.float32)
        g = np.zeros((len(xb), 3), np.float32)
        for t in range(0, x.shape[1], K):
            xc, yc = xb[:, t : t + K], yb[:, t : t + K]
            lstm.return_state = gru.return_state = True
            (a, h, c), of_lstm = lstm.forward([xc, h, c])
            (b, g), of_gru = gru.forward([a, g])
            z, of_dense = dense.forward(b)
            dz = 2 * (z - yc) / z.size
            db, of_d = dense.backward(of_dense, dz.astype(np.float32))
            (da, _), of_g = gru.backward(of_gru, [db, None])
            _, of_l = lstm.backward(of_lstm, [da, None, None], need_dx=False)
            lstm.return_state = gru.return_state = False
            for weight, gradient in zip(model.trainable_weights, [*of_l, *of_g, *of_d]):
                weight.value -= np.float32(rate) * gradient


@pytest.mark.parametrize("K", [1, 3, 4, 10, 99])
def test_bptt_equals_a_loop_by_hand_over_chunks_with_carried_states(K):
    x, y = rng().normal(size=(5, 10, 2)).astype(np.float32), rng(1).normal(size=(5, 10, 1)).astype(np.float32)
    model, other = stacked(), stacked()
    other.set_weights(model.get_weights())
    model.compile(SGD(0.1), "mse")
    model.fit(x, y, batch_size=2, shuffle=False, bptt=K, verbose=0)
    by_hand(other, x, y, K, 2, 0.1)
    for ours, theirs in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def test_bptt_over_the_whole_sequence_is_fit_without_it():
    x, y = rng().normal(size=(6, 5, 2)), rng(1).normal(size=(6, 5, 1))
    first, second = stacked(), stacked()
    second.set_weights(first.get_weights())
    for model, bptt in ((first, None), (second, 5)):
        model.compile("adam", "mse")
        model.fit(x, y, shuffle=False, batch_size=4, epochs=2, bptt=bptt, verbose=0)
    assert first.history.history == second.history.history
    for a, b in zip(first.get_weights(), second.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_every_chunk_is_an_update_and_no_state_is_left():
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


def test_bptt_reaches_recurrent_layers_inside_other_models_and_cuts_words_and_weights():
    inside = Sequential([GRU(3, return_sequences=True)])
    model = Sequential([Input((None,)), Embedding(5, 2, mask_zero=True), inside, Dense(5, "softmax")])
    seen = []
    gru = inside.layers[0]
    forward = gru.forward

    def watched(x, **options):
        seen.append((x.shape, gru.carries, None if gru._state is None else gru._state[0].copy()))
        return forward(x, **options)

    gru.forward = watched
    model.compile("sgd", "sparse_categorical_crossentropy")
    words = rng().integers(0, 5, (4, 5))
    model.fit(words, words, sample_weight=np.ones((4, 5)), bptt=2, verbose=0)
    assert [shape for shape, _, _ in seen] == [(4, 2, 2), (4, 2, 2), (4, 1, 2)]
    assert all(carries for _, carries, _ in seen)
    assert seen[0][2] is None
    assert all(state is not None for _, _, state in seen[1:])
    model.fit(words, words, sample_weight=np.ones(4), bptt=2, verbose=0)


def test_a_weight_a_sequence_stays_with_every_chunk():
    x, y, w = rng().normal(size=(3, 4, 2)), rng(1).normal(size=(3, 4, 1)), np.array([1.0, 0.0, 3.0])
    first, second = stacked(), stacked()
    second.set_weights(first.get_weights())
    for model, weight in ((first, w), (second, np.repeat(w[:, None], 4, axis=1))):
        model.compile("sgd", "mse")
        model.fit(x, y, sample_weight=weight, shuffle=False, bptt=2, verbose=0)
    for a, b in zip(first.get_weights(), second.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_validation_after_chunks_starts_from_no_state():
    x, y = rng().normal(size=(4, 6, 2)), rng(1).normal(size=(4, 6, 1))
    model = stacked()
    model.compile("sgd", "mse")
    model.fit(x, y, bptt=2, validation_data=(x[:3], y[:3]), verbose=0)
    assert model.history.history["val_loss"][0] == model.evaluate(x[:3], y[:3], verbose=0)


@pytest.mark.parametrize("where", ["interrupt", "error"])
def test_what_ends_a_training_within_chunks_leaves_no_state(where):
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


def test_bptt_is_refused_where_it_means_nothing():
    x, y = np.ones((2, 6, 2)), np.ones((2, 6, 1))
    dense = Sequential([Input((6, 2)), Dense(1)])
    last = Sequential([Input((6, 2)), SimpleRNN(2)])
    a, b, gru = Input((6, 2)), Input((6, 2)), GRU(2, return_sequences=True, name="twice")
    shared = Model([a, b], Dense(1)(Add()([gru(a), gru(b)])))
    both = Sequential([Input((6, 2)), Bidirectional(GRU(2, return_sequences=True)), Dense(1)])
    for model, target, bptt, said in (
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
        with pytest.raises((ValueError, TypeError), match=said):
            model.fit(x, target, bptt=bptt, verbose=0)
    shared.compile("sgd", "mse")
    with pytest.raises(ValueError, match="is called twice; got twice, which is shared"):
        shared.fit([x, x], y, bptt=2, verbose=0)


def test_bptt_carries_no_state_of_layers_that_read_along_another_axis():
    x, y = rng().normal(size=(4, 6, 3, 2)), rng(1).normal(size=(4, 6, 1))

    def model():
        inside = TimeDistributed(LSTM(3, kernel_initializer="ones"))
        return Sequential([Input((6, 3, 2)), inside, SimpleRNN(2, return_sequences=True), Dense(1)])

    one, other = model(), model()
    other.set_weights(one.get_weights())
    of_words = one.layers[0](x)  # what is inside knows nothing of chunks
    one.compile(SGD(0.0), "mse")
    other.compile(SGD(0.0), "mse")
    chunked = one.fit(x, y, bptt=4, shuffle=False, verbose=0).history["loss"]
    behind = Sequential([Input((6, 3)), *other.layers[1:]])
    behind.compile(SGD(0.0), "mse")
    assert chunked == behind.fit(of_words, y, bptt=4, shuffle=False, verbose=0).history["loss"]


def test_initial_states_that_are_given_are_taken_in_every_chunk():
    x, h0 = Input((None, 2)), Input((3,))
    model = Model([x, h0], GRU(3, return_sequences=True)(x, initial_state=h0))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="same number of steps"):
        model.fit([np.ones((2, 6, 2)), np.ones((2, 3))], np.ones((2, 6, 3)), bptt=2, verbose=0)
