"""Comparison of Bidirectional and TimeDistributed with Keras: outputs, states and gradients of every option."""

import keras
import numpy as np
import pytest
from beside import built, compare, from_states, numbers, pair
from support.pairwise import pairwise

from seqfuse import layers

T, B, I, H = 4, 3, 2, 3
KINDS = pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
MASKS = {
    "none": None,
    "right": np.arange(T) < np.array([4, 2, 1])[:, None],
    "holes": np.array([[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool),
}


@pairwise(
    kind=["SimpleRNN", "LSTM", "GRU"], mode=["concat", "sum", "mul", "ave", None], sequences=[False, True], name=MASKS
)
def test_bidirectional_matches_keras(kind, mode, sequences, name):
    def inner(where):
        return getattr(where, kind)(H, return_sequences=sequences, return_state=name == "holes", name="inner")

    ours, theirs = built(*pair("Bidirectional", inner=inner, merge_mode=mode), (B, T, I))
    assert [w.path.split("/")[-3] for w in theirs.weights] == [w.path.split("/")[-2] for w in ours.weights]
    if name != "right":
        compare(ours, theirs, numbers(B, T, I), mask=MASKS[name])
        return
    states = [numbers(B, H, seed=7 + i) for i in range(4 if kind == "LSTM" else 2)]
    masks = [MASKS[name], *[None] * len(states)]
    compare(ours, theirs, [numbers(B, T, I), *states], mask=masks, call=from_states(MASKS[name]))


@KINDS
def test_bidirectional_matches_keras_with_a_different_backward_layer(kind):
    def both(where):
        first = getattr(where, kind)(H, return_sequences=True)
        return first, getattr(where, kind)(H + 1, return_sequences=True, go_backwards=True, use_bias=False)

    others = {where: both(where) for where in (layers, keras.layers)}
    ours = layers.Bidirectional(others[layers][0], backward_layer=others[layers][1])
    theirs = keras.layers.Bidirectional(others[keras.layers][0], backward_layer=others[keras.layers][1])
    compare(ours, theirs, numbers(B, T, I), mask=MASKS["holes"])


@KINDS
def test_bidirectional_matches_keras_when_stateful(kind):
    def inner(where):
        return getattr(where, kind)(H, stateful=True, return_sequences=True)

    ours, theirs = built(*pair("Bidirectional", inner=inner), (B, T, I))
    for seed in range(2):
        x = numbers(B, T, I, seed=seed)
        np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)
    for mine, other in zip(ours.states, theirs.states):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("inner", "shape", "masked"),
    [
        (lambda where: where.Dense(3, activation="tanh"), (B, T, I), True),
        (lambda where: where.Dense(3), (B, T, 2, I), True),
        (lambda where: where.GRU(H), (B, 3, T, I), False),
        (lambda where: where.GRU(H), (B, 3, T, I), "steps"),
        (lambda where: where.LSTM(H, return_sequences=True, go_backwards=True), (B, 3, T, I), False),
        (lambda where: where.TimeDistributed(where.Dense(2)), (B, 3, T, I), False),
    ],
)
def test_time_distributed_matches_keras(inner, shape, masked):
    ours, theirs = built(*pair("TimeDistributed", inner=inner), shape)
    mask = None
    if masked:
        mask = np.random.default_rng(2).random(shape[:3] if masked == "steps" else shape[:2]) < 0.5
    compare(ours, theirs, numbers(*shape), mask=mask)


def test_time_distributed_matches_keras_in_a_model():
    tokens = keras.Input((T,))
    x = keras.layers.Embedding(5, I, mask_zero=True)(tokens)
    y = keras.layers.TimeDistributed(keras.layers.Dense(2))(x)
    ids = np.array([[1, 2, 0, 0], [3, 0, 4, 0]])
    theirs = keras.layers.TimeDistributed(keras.layers.Dense(2))
    ours = layers.TimeDistributed(layers.Dense(2))
    np.testing.assert_array_equal(ours.compute_mask(None, ids != 0), theirs.compute_mask(x, ids != 0))
    assert y.shape == (None, T, 2)
