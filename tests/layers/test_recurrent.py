"""Tests of SimpleRNN, LSTM and GRU: gradients of every option, masks, states, dropout and errors."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse.layers import GRU, LSTM, Input, SimpleRNN
from seqfuse.models import Model

T, B, I, H = 4, 3, 2, 3
FORMS = [
    (SimpleRNN, {}),
    (SimpleRNN, {"activation": "softplus", "use_bias": False}),
    (LSTM, {}),
    (LSTM, {"activation": "softsign", "recurrent_activation": "hard_sigmoid", "use_bias": False}),
    (GRU, {}),
    (GRU, {"reset_after": False, "activation": None}),
    (GRU, {"update_gate": "candidate"}),
    (GRU, {"update_gate": "candidate", "reset_after": False, "use_bias": False}),
]
EACH = pytest.mark.parametrize(("kind", "options"), FORMS)
ALL = [SimpleRNN, LSTM, GRU]
KINDS = pytest.mark.parametrize("kind", ALL)
MASKS = {
    "all": np.ones((B, T), bool),
    "right": np.arange(T) < np.array([4, 2, 1])[:, None],
    "left": np.arange(T) >= np.array([1, 0, 3])[:, None],
    "holes": np.array([[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool),
}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def made(kind, **options):
    layer = kind(H, dtype="float64", **options)
    layer.build((None, T, I))
    layer.set_weights([numbers(*weight.shape, seed=i) for i, weight in enumerate(layer.weights)])
    return layer


@pairwise(form=FORMS, sequences=[False, True], backwards=[False, True])
def test_recurrent_backward_matches_central_differences(form, sequences, backwards):
    kind, options = form
    layer = made(kind, return_sequences=sequences, go_backwards=backwards, return_state=sequences, **options)
    ys = assert_gradients(layer, numbers(B, T, I))
    assert ys[0].shape == ((B, T, H) if sequences else (B, H))


@pairwise(kind=ALL, name=MASKS, sequences=[False, True], backwards=[False, True], zero=[False, True])
def test_recurrent_backward_matches_central_differences_with_masks(kind, name, sequences, backwards, zero):
    how = {"return_sequences": sequences, "go_backwards": backwards, "zero_output_for_mask": zero}
    states = [numbers(B, H, seed=i) for i in range(2 if kind is LSTM else 1)]
    layer = made(kind, return_state=True, **how)
    assert_gradients(layer, [numbers(B, T, I), *states], mask=[MASKS[name], None, None])


@pairwise(kind=ALL, zero=[False, True], name=["right", "left", "holes"])
def test_recurrent_outputs_at_padding_are_the_last_state_or_zeros(kind, zero, name):
    mask, x = MASKS[name], numbers(B, T, I)
    layer = made(kind, return_sequences=True, return_state=True, zero_output_for_mask=zero)
    y, h = layer(x, mask=mask)[:2]
    carried = np.zeros((B, H))
    for t in range(T):
        valid = mask[:, t, None]
        np.testing.assert_array_equal(y[:, t], np.where(valid, y[:, t], 0 if zero else carried))
        carried = np.where(valid, y[:, t], carried)
    np.testing.assert_array_equal(h, carried)


@pairwise(kind=ALL, zero=[False, True], sequences=[False, True])
def test_recurrent_results_do_not_depend_on_padding_when_it_is_nan(kind, zero, sequences):
    mask = MASKS["holes"]
    x = numbers(B, T, I)
    layer = made(kind, return_sequences=sequences, zero_output_for_mask=zero)
    padded_with_nan = np.where(mask[:, :, None], x, np.nan)
    (y, tape), (clean, clean_tape) = (layer.forward(one, mask=mask) for one in (padded_with_nan, x))
    dx, grads = layer.backward(tape, np.ones_like(y))
    np.testing.assert_array_equal(y, clean)
    expected_dx, expected = layer.backward(clean_tape, np.ones_like(y))
    for a, b in zip([dx, *grads], [expected_dx, *expected]):
        np.testing.assert_array_equal(a, b)
    assert not dx[~mask].any()


def test_recurrent_accepts_masks_of_any_numeric_type():
    x, mask = numbers(B, T, I), MASKS["holes"]
    layer = made(GRU, return_sequences=True)
    for given in (mask.astype(int), mask.astype("f4"), mask.tolist()):
        np.testing.assert_array_equal(layer(x, mask=given), layer(x, mask=mask))


@pairwise(kind=ALL, k=[1, 3])
def test_recurrent_results_have_the_same_bits_with_checkpoint(kind, k):
    x = numbers(B, T, I)
    every_step, thinned = (made(kind, return_sequences=True, checkpoint=c) for c in (None, k))
    (y, tape), (z, thinned_tape) = every_step.forward(x), thinned.forward(x)
    np.testing.assert_array_equal(y, z)
    (dx, grads), (dz, others) = every_step.backward(tape, y), thinned.backward(thinned_tape, y)
    for a, b in zip([dx, *grads], [dz, *others]):
        np.testing.assert_array_equal(a, b)


# ---- dropout -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.0, 0.5), (0.4, 0.3)])
@pytest.mark.parametrize(("kind", "options"), [*((kind, {}) for kind in ALL), (GRU, {"reset_after": False})])
def test_recurrent_backward_matches_central_differences_with_dropout(kind, options, rates):
    layer = made(kind, dropout=rates[0], recurrent_dropout=rates[1], seed=3, return_sequences=True, **options)
    assert_gradients(layer, numbers(B, T, I), training=True)


@KINDS
def test_recurrent_dropout_mask_is_the_same_at_all_steps_and_depends_on_the_seed(kind):
    def outputs(seed, training=True, calls=1):
        layer = made(kind, dropout=0.5, recurrent_dropout=0.5, seed=seed, return_sequences=True)
        return [layer(np.ones((8, T, I)), training=training) for _ in range(calls)][-1]

    np.testing.assert_array_equal(outputs(1), outputs(1))
    assert not np.array_equal(outputs(1), outputs(2))
    assert not np.array_equal(outputs(1), outputs(1, calls=2))
    np.testing.assert_array_equal(outputs(1, training=False), outputs(2, training=False))
    layer = SimpleRNN(I, dropout=0.5, seed=0, return_sequences=True, activation=None, use_bias=False)
    layer.build((None, T, I))
    layer.set_weights([np.eye(I), np.zeros((I, I))])
    y = layer(np.ones((50, T, I)), training=True)
    assert (y == y[:, :1]).all()
    assert set(np.unique(y)) == {0, 2}


# ---- states ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backwards", [False, True])
@KINDS
def test_recurrent_continues_from_the_last_batch_when_stateful(kind, backwards):
    x = numbers(B, 2 * T, I)
    halves = [x[:, T:], x[:, :T]] if backwards else [x[:, :T], x[:, T:]]
    whole = made(kind, return_sequences=True, go_backwards=backwards)(x)
    layer = made(kind, return_sequences=True, go_backwards=backwards, stateful=True)
    assert layer.states is None
    first, second = (layer(half) for half in halves)
    np.testing.assert_array_equal(np.concatenate([first, second], 1), whole)
    np.testing.assert_array_equal(layer.states[0], whole[:, -1])
    layer.reset_state()
    np.testing.assert_array_equal(layer(halves[0]), first)
    with pytest.raises(ValueError, match=r"3 rows.*got 2.*reset_state"):
        layer(x[:2])


@KINDS
def test_recurrent_states_are_copies(kind):
    layer = made(kind, stateful=True)
    layer(numbers(B, T, I))
    before = layer.states[0].copy()
    layer.states[0][...] = 7
    np.testing.assert_array_equal(layer.states[0], before)


@KINDS
def test_recurrent_state_does_not_change_when_the_caller_modifies_the_output(kind):
    layer, x = made(kind, stateful=True), numbers(B, T, I)
    y = layer(x)
    before = layer.states[0]
    y[...] = 7
    np.testing.assert_array_equal(layer.states[0], before)


@KINDS
def test_recurrent_accepts_initial_states(kind):
    n = 2 if kind is LSTM else 1
    states = [numbers(B, H, seed=i) for i in range(n)]
    layer = made(kind, return_state=True)
    y, *final = layer(numbers(B, T, I), initial_state=states if n == 2 else states[0])
    np.testing.assert_array_equal(y, final[0])
    assert len(final) == n
    x, h0 = Input((T, I)), [Input((H,)) for _ in range(n)]
    model = Model([x, *h0], layer(x, initial_state=h0))
    np.testing.assert_array_equal(model([numbers(B, T, I), *states])[0], y)
    with pytest.raises(
        ValueError, match=rf"{layer.name}: mask must be \(batch, T\) = \({B}, {T}\); got \({B}, {T + 1}\)"
    ):
        layer(numbers(B, T, I), mask=np.ones((B, T + 1), bool))
    for given, first in ((states, numbers(B, T, I)), (h0, x)):
        with pytest.raises(ValueError, match=rf"initial_state must be {n} arrays"):
            layer(first, initial_state=[*given, given[0]])
    with pytest.raises(ValueError, match=r"h of initial_state must be \(batch, units\) = \(None, 3\); got \(None, 4\)"):
        layer(x, initial_state=[Input((H + 1,)), *h0[1:]])
    with pytest.raises(ValueError, match=r"h of initial_state must be \(batch, units\) = \(3, 3\)"):
        layer(numbers(B, T, I), initial_state=[state[:2] for state in states])


# ---- weights, shapes, errors -------------------------------------------------------------------------------------


def test_recurrent_weights_have_the_shapes_and_initial_values_of_keras():
    for kind, G, bias in ((SimpleRNN, 1, (H,)), (LSTM, 4, (4 * H,)), (GRU, 3, (2, 3 * H))):
        layer = kind(H)
        layer.build((None, T, I))
        assert [w.shape for w in layer.weights] == [(I, G * H), (H, G * H), bias]
        U = layer.recurrent_kernel.value
        np.testing.assert_allclose((U[:, None] * U).sum(-1), np.eye(H), atol=1e-6)
    forget = [0] * H + [1] * H + [0] * 2 * H
    layer = LSTM(H)
    layer.build((None, T, I))
    np.testing.assert_array_equal(layer.bias.value, forget)
    layer = LSTM(H, unit_forget_bias=False, bias_initializer="ones")
    layer.build((None, T, I))
    np.testing.assert_array_equal(layer.bias.value, np.ones(4 * H))
    layer = GRU(H, reset_after=False)
    layer.build((None, T, I))
    assert layer.bias.shape == (3 * H,)


@EACH
def test_recurrent_from_config_restores_the_layer(kind, options):
    layer = kind(H, return_sequences=True, go_backwards=True, dropout=0.25, checkpoint=2, **options)
    again = kind.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@KINDS
def test_recurrent_computes_shapes_and_masks_of_symbolic_outputs(kind):
    n = 2 if kind is LSTM else 1
    assert kind(H)(Input((None, I))).shape == (None, H)
    outputs = kind(H, return_sequences=True, return_state=True)(Input((None, I)))
    assert [one.shape for one in outputs] == [(None, None, H)] + [(None, H)] * n
    mask = MASKS["right"]
    assert kind(H).compute_mask(None, mask) is None
    assert kind(H, return_sequences=True).compute_mask(None, mask) is mask
    assert kind(H, return_state=True, return_sequences=True).compute_mask(None, [mask, None]) == [mask] + [None] * n


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        (SimpleRNN, {"units": 0}, ValueError, "SimpleRNN: units must be"),
        *((kind, {"activation": "tahn"}, ValueError, "Did you mean .tanh") for kind in ALL),
        (LSTM, {"dropout": 1.0}, ValueError, "LSTM: dropout must be"),
        (GRU, {"recurrent_dropout": -0.1}, ValueError, "GRU: recurrent_dropout must be"),
        (LSTM, {"kernel_constraint": "non_neg"}, ValueError, "LSTM: kernel_constraint must be None"),
        *((kind, {"return_sequence": True}, TypeError, "return_sequence") for kind in ALL),
    ],
)
def test_recurrent_refuses_wrong_arguments(kind, options, error, message):
    with pytest.raises(error, match=message):
        kind(**{"units": H} | options)


def test_recurrent_names_itself_when_it_refuses_an_input():
    layer = SimpleRNN(H, name="third")
    with pytest.raises(ValueError, match=r"third: the input must be \(batch, T, I\); got \(3, 4\).*return_sequences"):
        layer(np.ones((3, 4)))
    layer(np.ones((3, 4, I)))
    with pytest.raises(ValueError, match=r"third: the input must be \(batch, T, I\) = \(..., 2\); got \(3, 4, 5\)"):
        layer(np.ones((3, 4, 5)))


@KINDS
def test_recurrent_accepts_empty_batches_and_sequences(kind):
    layer = made(kind, return_sequences=True)
    for batch, steps in ((0, T), (B, 0)):
        y, tape = layer.forward(np.ones((batch, steps, I)))
        assert y.shape == (batch, steps, H)
        dx, grads = layer.backward(tape, y)
        assert dx.shape == (batch, steps, I)
        assert not any(grad.any() for grad in grads)


def test_recurrent_outputs_do_not_share_memory():
    y, h, _ = LSTM(3, return_state=True)(np.ones((2, 4, 3)))
    np.testing.assert_array_equal(y, h)
    assert not np.shares_memory(y, h)
