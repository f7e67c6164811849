"""Tests of Bidirectional: gradients of every merge mode, masks, states, configuration and errors."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse.initializers import RandomNormal
from seqfuse.layers import GRU, LSTM, Bidirectional, Dense, Input, SimpleRNN
from seqfuse.models import Model

T, B, I, H = 4, 3, 2, 3
FLAG = [False, True]
MODES = ["concat", "sum", "mul", "ave", None]
KINDS = [SimpleRNN, LSTM, GRU]
MASK = np.array([[1, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def made(inner, mode="concat", **options):
    layer = Bidirectional(inner, mode, **options)
    layer.build((None, T, I))
    layer.set_weights([numbers(*weight.shape, seed=i) for i, weight in enumerate(layer.weights)])
    return layer


@pairwise(kind=KINDS, mode=MODES, sequences=FLAG, state=FLAG)
def test_bidirectional_backward_matches_central_differences(kind, mode, sequences, state):
    layer = made(kind(H, return_sequences=sequences, return_state=state, dtype="float64"), mode)
    ys = assert_gradients(layer, numbers(B, T, I))
    features = 2 * H if mode == "concat" else H
    first = (B, T, features) if sequences else (B, features)
    states = 2 * (2 if kind is LSTM else 1) * state
    assert [y.shape for y in ys] == [first] * (2 if mode is None else 1) + [(B, H)] * states


@pairwise(kind=[SimpleRNN, LSTM], mode=MODES, sequences=FLAG)
def test_bidirectional_backward_matches_central_differences_with_masks_and_states(kind, mode, sequences):
    layer = made(kind(H, return_sequences=sequences, return_state=True, dtype="float64"), mode)
    states = [numbers(B, H, seed=i) for i in range(2 * (2 if kind is LSTM else 1))]
    y, *_ = assert_gradients(layer, [numbers(B, T, I), *states], mask=[MASK, *[None] * len(states)])
    if sequences:
        assert not y[~MASK].any()


def test_bidirectional_backward_matches_central_differences_with_a_different_backward_layer():
    other = GRU(5, go_backwards=True, return_sequences=True, dtype="float64", reset_after=False)
    layer = made(LSTM(H, return_sequences=True, dtype="float64", dropout=0.5, seed=1), backward_layer=other)
    assert layer.backward_layer is other
    (y,) = assert_gradients(layer, numbers(B, T, I), training=True, mask=MASK)
    assert y.shape == (B, T, H + 5) == layer.compute_output_shape((B, T, I))


@pytest.mark.parametrize("mode", MODES)
def test_bidirectional_merges_the_outputs_of_both_layers(mode):
    layer, x = made(GRU(H, return_sequences=True), mode), numbers(B, T, I)
    first, second = layer.forward_layer(x), layer.backward_layer(x)[:, ::-1]
    merged = {
        "concat": np.concatenate([first, second], -1),
        "sum": first + second,
        "mul": first * second,
        "ave": (first + second) / 2,
        None: [first, second],
    }[mode]
    np.testing.assert_array_equal(layer(x), merged)


def test_bidirectional_reverses_the_second_output_when_the_first_layer_goes_backwards():
    x = numbers(B, T, I)
    layer = GRU(H, return_sequences=True, go_backwards=True)
    other = GRU(H, return_sequences=True)
    both = made(layer, "sum", backward_layer=other)
    expected = both.forward_layer(x) + other(x)[:, ::-1]  # as in Keras
    np.testing.assert_array_equal(both(x), expected)


@pytest.mark.parametrize("which", range(4))
def test_bidirectional_backward_accepts_none_for_gradients_of_zeros(which):
    layer = made(SimpleRNN(H, return_sequences=True, return_state=True, dtype="float64"), None)
    ys, tape = layer.forward(numbers(B, T, I))
    whole = [np.zeros_like(y) for y in ys]
    whole[which] += 1
    dx, grads = layer.backward(tape, [dy if i == which else None for i, dy in enumerate(whole)])
    expected, expected_grads = layer.backward(tape, whole)
    for a, b in zip([dx, *grads], [expected, *expected_grads]):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
def test_bidirectional_continues_from_the_last_batch_when_stateful(kind):
    x = numbers(B, T, I)
    layer = made(kind(H, return_sequences=True, stateful=True))
    assert layer.states is None
    first = layer(x)
    states = layer.states
    expected = made(kind(H, return_sequences=True))(x, initial_state=states)
    assert not np.array_equal(first, expected)
    np.testing.assert_array_equal(layer(x), expected)
    layer.reset_state()
    np.testing.assert_array_equal(layer(x), first)


def test_bidirectional_creates_two_new_layers():
    inner = LSTM(H, name="mine", kernel_initializer=RandomNormal(), recurrent_dropout=0.5)
    inner.build((None, T, I))
    layer = Bidirectional(inner)
    layer.build((None, T, I))
    assert inner not in layer.sublayers()
    assert [one.name for one in layer.sublayers()] == ["forward_mine", "backward_mine"]
    names = ("kernel", "recurrent_kernel", "bias")
    paths = [f"{way}_mine/{name}" for way in ("forward", "backward") for name in names]
    assert [w.path for w in layer.weights] == paths
    kernels = [layer.weights[0].value, layer.weights[3].value, inner.weights[0].value]
    assert len({kernel.tobytes() for kernel in kernels}) == 3
    assert [one.go_backwards for one in layer.sublayers()] == [False, True]
    assert layer.forward_layer.recurrent_dropout == 0.5


def test_bidirectional_from_config_restores_both_layers():
    layer = Bidirectional(GRU(H, return_sequences=True, name="inner"), "ave", name="both")
    config = layer.get_config()
    again = Bidirectional.from_config(config)
    assert again.get_config().keys() == config.keys()
    assert (again.name, again.merge_mode) == ("both", "ave")
    assert again.forward_layer.get_config() == layer.forward_layer.get_config()
    assert again.backward_layer.get_config() == layer.backward_layer.get_config()


def test_bidirectional_trainable_applies_to_both_layers():
    for layer in (Bidirectional(GRU(H), trainable=False), Bidirectional(GRU(H, trainable=False))):
        y, tape = layer.forward(numbers(B, T, I))
        dx, grads = layer.backward(tape, y)
        assert grads == layer.trainable_weights == []
        assert dx.shape == (B, T, I)
    layer.trainable = True
    assert len(layer.trainable_weights) == 6


def test_bidirectional_computes_shapes_and_masks_of_symbolic_outputs():
    x = Input((None, I))
    assert Bidirectional(GRU(H))(x).shape == (None, 2 * H)
    outputs = Bidirectional(LSTM(H, return_sequences=True, return_state=True), None)(x)
    assert [one.shape for one in outputs] == [(None, None, H)] * 2 + [(None, H)] * 4
    steps = GRU(H, return_sequences=True)
    assert Bidirectional(steps).compute_mask(None, MASK) is MASK
    assert Bidirectional(GRU(H)).compute_mask(None, MASK) is None
    assert Bidirectional(steps, None).compute_mask(None, [MASK, None, None]) == [MASK, MASK]
    states = Bidirectional(LSTM(H, return_sequences=True, return_state=True))
    assert states.compute_mask(None, MASK) == [MASK, None, None, None, None]


def test_bidirectional_accepts_initial_states_in_a_model():
    x, states = Input((T, I)), [Input((H,)) for _ in range(4)]
    layer = made(LSTM(H))
    model = Model([x, *states], layer(x, initial_state=states))
    arrays = [numbers(B, T, I), *[numbers(B, H, seed=i) for i in range(4)]]
    np.testing.assert_array_equal(model(arrays), layer(arrays[0], initial_state=arrays[1:]))
    with pytest.raises(ValueError, match="initial_state must have the states of both layers; got 3"):
        layer(arrays[0], initial_state=arrays[1:4])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((Dense(3),), TypeError, "layer must be a recurrent layer.*got Dense"),
        ((GRU(3), "mean"), ValueError, "merge_mode must be one of"),
        ((GRU(3), "sum", [1]), ValueError, "weights must be None"),
        ((GRU(3), "sum", None, GRU(3)), ValueError, "must have go_backwards=True; got False"),
        ((GRU(3), "sum", None, GRU(4, go_backwards=True)), ValueError, "same units; got 3 and 4"),
        ((GRU(3), "concat", None, GRU(3, go_backwards=True, stateful=True)), ValueError, "the same stateful"),
        ((GRU(3), "concat", None, Dense(3)), TypeError, "backward_layer must be a recurrent layer"),
    ],
)
def test_bidirectional_refuses_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=f"Bidirectional: .*{message}"):
        Bidirectional(*arguments)
    with pytest.raises(ValueError, match=r"the input must be \(batch, T, I\); got \(None, 3\)"):
        Bidirectional(GRU(3))(Input((3,)))
