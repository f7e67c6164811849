"""SimpleRNN, LSTM and GRU beside Keras's: outputs, states and gradients of every option."""

import itertools

import numpy as np
import pytest
from beside import assert_same, numbers, pair

from seqfuse import layers

keras = pytest.importorskip("keras")


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
EACH = pytest.mark.parametrize(("kind", "options"), FORMS)
KINDS = pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
MASKS = {
    "none": None,
    "all": np.ones((B, T), bool),
    "right": np.arange(T) < np.array([5, 2, 1])[:, None],
    "left": np.arange(T) >= np.array([1, 0, 4])[:, None],
    "holes": np.array([[1, 0, 1, 0, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]], bool),
}


@pytest.mark.parametrize(("sequences", "backwards"), [*itertools.product([False, True], repeat=2)])
@EACH
def test_recurrent_as_keras(kind, options, sequences, backwards):
    how = {"return_sequences": sequences, "go_backwards": backwards, "return_state": backwards} | options
    ours, theirs = pair(kind, (B, T, I), H, **how)
    assert_same(ours, theirs, numbers(B, T, I))


@pytest.mark.parametrize(("sequences", "backwards", "zero"), [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)])  # every pair
@pytest.mark.parametrize("name", MASKS)
@KINDS
def test_recurrent_as_keras_with_masks_and_initial_states(kind, name, sequences, backwards, zero):
    how = {"return_sequences": bool(sequences), "go_backwards": bool(backwards), "zero_output_for_mask": bool(zero)}
    ours, theirs = pair(kind, (B, T, I), H, return_state=True, **how)
    states = [numbers(B, H, seed=7 + i) for i in range(2 if kind == "LSTM" else 1)]
    assert_same(ours, theirs, numbers(B, T, I), states=states, mask=MASKS[name])


@pytest.mark.parametrize("backwards", [False, True])
@KINDS
def test_recurrent_as_keras_stateful_over_batches(kind, backwards):
    how = {"stateful": True, "return_sequences": True, "go_backwards": backwards}
    ours, theirs = pair(kind, (B, T, I), H, **how)
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
def test_recurrent_names_shapes_and_fixed_values_of_weights_as_keras(kind, forget):
    options = {"unit_forget_bias": forget} if kind == "LSTM" else {"reset_after": forget} if kind == "GRU" else {}
    arguments = {"kernel_initializer": "ones", "recurrent_initializer": "identity", "bias_initializer": "zeros"}
    arguments |= {} if kind == "SimpleRNN" else {"recurrent_initializer": "ones"}
    ours, theirs = (getattr(where, kind)(H, **arguments, **options) for where in (layers, keras.layers))
    ours.build((B, T, I))
    theirs.build((B, T, I))
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    for mine, other in zip(ours.weights, theirs.weights):
        np.testing.assert_array_equal(mine.value, np.asarray(other.value))


@KINDS
def test_recurrent_defaults_as_keras(kind):
    ours, theirs = (getattr(where, kind)(H).get_config() for where in (layers, keras.layers))
    for name in set(ours) & set(theirs) - {"name", "dtype"}:
        expected = theirs[name]
        if isinstance(expected, dict):
            assert expected["class_name"].lower() == ours[name].replace("_", ""), name
        else:
            assert ours[name] == expected, name
