"""Comparison of SimpleRNN, LSTM and GRU with Keras: outputs, states and gradients of every option."""

import numpy as np
import pytest
from beside import assert_same_config, built, compare, from_states, numbers, pair
from support.pairwise import pairwise

T, B, I, H = 5, 3, 2, 4
FORMS = [
    ("SimpleRNN", {}),
    ("SimpleRNN", {"activation": "relu", "use_bias": False}),
    ("LSTM", {}),
    ("LSTM", {"activation": "softsign", "recurrent_activation": "hard_sigmoid"}),
    ("LSTM", {"activation": None, "use_bias": False}),
    ("GRU", {}),
    ("GRU", {"reset_after": False}),
    ("GRU", {"activation": "elu", "recurrent_activation": "relu", "use_bias": False}),
    ("GRU", {"reset_after": False, "activation": "softplus", "recurrent_activation": "leaky_relu"}),
]
KINDS = pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
MASKS = {
    "none": None,
    "all": np.ones((B, T), bool),
    "right": np.arange(T) < np.array([5, 2, 1])[:, None],
    "left": np.arange(T) >= np.array([1, 0, 4])[:, None],
    "holes": np.array([[1, 0, 1, 0, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]], bool),
}


@pairwise(form=FORMS, sequences=[False, True], backwards=[False, True])
def test_recurrent_matches_keras(form, sequences, backwards):
    kind, options = form
    how = {"return_sequences": sequences, "go_backwards": backwards, "return_state": backwards} | options
    compare(*built(*pair(kind, H, **how), (B, T, I)), numbers(B, T, I))


@pairwise(
    kind=["SimpleRNN", "LSTM", "GRU"],
    name=MASKS,
    sequences=[False, True],
    backwards=[False, True],
    zero=[False, True],
)
def test_recurrent_matches_keras_with_masks_and_initial_states(kind, name, sequences, backwards, zero):
    how = {"return_sequences": sequences, "go_backwards": backwards, "zero_output_for_mask": zero}
    ours, theirs = built(*pair(kind, H, return_state=True, **how), (B, T, I))
    states = [numbers(B, H, seed=7 + i) for i in range(2 if kind == "LSTM" else 1)]
    masks = [MASKS[name], *[None] * len(states)]
    compare(ours, theirs, [numbers(B, T, I), *states], mask=masks, call=from_states(MASKS[name]))


@pytest.mark.parametrize("backwards", [False, True])
@KINDS
def test_recurrent_matches_keras_when_stateful(kind, backwards):
    how = {"stateful": True, "return_sequences": True, "go_backwards": backwards}
    ours, theirs = built(*pair(kind, H, **how), (B, T, I))
    for seed in range(2):
        x = numbers(B, T, I, seed=seed)
        np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)
    for mine, other in zip(ours.states, theirs.states):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
    ours.reset_state()
    theirs.reset_state()
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("forget", [False, True])
@KINDS
def test_recurrent_weights_have_the_names_shapes_and_constants_of_keras(kind, forget):
    options = {"unit_forget_bias": forget} if kind == "LSTM" else {"reset_after": forget} if kind == "GRU" else {}
    arguments = {"kernel_initializer": "ones", "recurrent_initializer": "identity", "bias_initializer": "zeros"}
    arguments |= {} if kind == "SimpleRNN" else {"recurrent_initializer": "ones"}
    ours, theirs = pair(kind, H, **arguments, **options)
    ours.build((B, T, I))
    theirs.build((B, T, I))
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    for mine, other in zip(ours.weights, theirs.weights):
        np.testing.assert_array_equal(mine.value, np.asarray(other.value))


@KINDS
def test_recurrent_has_the_defaults_of_keras(kind):
    ours, theirs = pair(kind, H)
    assert_same_config(ours.get_config(), theirs.get_config())
