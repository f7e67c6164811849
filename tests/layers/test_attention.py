"""Tests of Attention: gradients with every option, masks, returned weights, invalid inputs."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse.layers import LSTM, Attention, Input
from seqfuse.models import Model

B, Tq, T, D, Dv = 2, 3, 4, 3, 2
FLAG, MODES, RATES = [False, True], ["dot", "concat"], [0.0, 0.4]
QUERY_MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)
VALUE_MASK = np.array([[1, 1, 0, 1], [0, 1, 0, 0]], bool)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def made(**options):
    layer = Attention(dtype="float64", **options)
    layer.build([(None, Tq, D), (None, T, D)])
    layer.set_weights([0.7 + 0.6 * i * np.ones(()) for i in range(len(layer.weights))])
    return layer


def inputs(key=True):
    if not key:
        return [numbers(B, Tq, D), numbers(B, T, D, seed=1)]
    return [numbers(B, Tq, D), numbers(B, T, Dv, seed=1), numbers(B, T, D, seed=2)]


@pytest.mark.parametrize("mode", MODES)
@pairwise(scale=FLAG, rate=RATES, key=FLAG, causal=FLAG, scores=FLAG)
def test_attention_backward_matches_central_differences(mode, scale, rate, key, causal, scores):
    how = {"use_causal_mask": causal, "return_attention_scores": scores}
    layer = made(use_scale=scale, score_mode=mode, dropout=rate, seed=1)
    ys = assert_gradients(layer, inputs(key), training=True, **how)
    assert [y.shape for y in ys] == [(B, Tq, Dv if key else D)] + [(B, Tq, T)] * scores


@pytest.mark.parametrize("mode", MODES)
@pairwise(scale=FLAG, rate=RATES, masks=[(True, True), (True, False), (False, True)], scores=FLAG)
def test_attention_backward_matches_central_differences_with_masks(mode, scale, rate, masks, scores):
    layer = made(use_scale=scale, score_mode=mode, dropout=rate, seed=1)
    mask = [one if there else None for one, there in zip((QUERY_MASK, VALUE_MASK, None), (*masks, False))]
    y, *weights = assert_gradients(
        layer, inputs(), mask=mask, use_causal_mask=True, training=True, return_attention_scores=scores
    )
    if masks[0]:
        assert not y[~QUERY_MASK].any()
    if masks[1] and scores:
        assert not weights[0][np.broadcast_to(~VALUE_MASK[:, None], (B, Tq, T))].any()


@pairwise(mode=MODES, scale=FLAG)
def test_attention_ignores_nan_at_masked_steps(mode, scale):
    query, value, key = inputs()
    mask = [QUERY_MASK, VALUE_MASK, None]
    spoilt = [np.where(one[..., None], x, np.nan) for one, x in zip((QUERY_MASK, VALUE_MASK, VALUE_MASK), inputs())]
    found = []
    for x in ([query, value, key], spoilt):
        layer = made(use_scale=scale, score_mode=mode)
        y, tape = layer.forward(x, mask=mask)
        dx, grads = layer.backward(tape, np.ones_like(y))
        found.append([y, *dx, *grads])
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)


@pairwise(mode=MODES, rate=RATES)
def test_attention_returns_the_weights_applied_to_the_values(mode, rate):
    query, value, key = inputs()
    layer = made(score_mode=mode, dropout=rate, seed=1)
    y, weights = layer([query, value, key], training=True, return_attention_scores=True)
    np.testing.assert_allclose((weights[..., None] * value[:, None]).sum(2), y, atol=1e-12)
    if not rate:
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-12)


@pairwise(mode=MODES, rate=RATES, which=[0, 1])
def test_attention_backward_accepts_none_as_zero_gradient(mode, rate, which):
    layer = made(use_scale=True, score_mode=mode, dropout=rate, seed=1)
    (y, weights), tape = layer.forward(inputs(), return_attention_scores=True)
    whole = [np.zeros_like(y), np.zeros_like(weights)]
    whole[which] += 1
    dx, grads = layer.backward(tape, [None if i != which else whole[i] for i in range(2)])
    expected, expected_grads = layer.backward(tape, whole)
    for a, b in zip([*dx, *grads], [*expected, *expected_grads]):
        np.testing.assert_allclose(0 if a is None else a, b, atol=1e-14)
    dx, grads = layer.backward(tape, [None, None])
    assert dx == [None] * 3
    assert not any(grad.any() for grad in grads)


@pytest.mark.parametrize("mode", ["dot", "concat"])
def test_attention_is_zero_when_no_key_is_left(mode):
    mask = [None, np.zeros((B, T), bool)]
    layer = made(score_mode=mode)
    y, tape = layer.forward(inputs(), mask=mask)
    assert not y.any()
    dx, grads = layer.backward(tape, np.ones_like(y))
    assert not any(one.any() for one in [*dx, *grads])


def test_attention_gradient_sums_all_roles_when_inputs_are_the_same():
    x = Input((T, D))
    model = Model(x, Attention(use_scale=True, dtype="float64")([x, x]))
    model.layers[-1].set_weights([np.array(0.8)])
    a = numbers(B, T, D)
    y, tape = model.forward(a)
    dx, _ = model.backward(tape, np.ones_like(y), need_dx=True)
    alone = model.layers[-1]
    _, layer_tape = alone.forward([a, a])
    dxs, _ = alone.backward(layer_tape, np.ones_like(y))
    np.testing.assert_array_equal(dx, dxs[0] + dxs[1])
    assert_gradients(made(use_scale=True), [a, a.copy()])


def test_attention_compute_output_shape_and_mask():
    query, value = Input((None, D)), Input((T, Dv))
    y, weights = Attention()([query, value, Input((T, D))], return_attention_scores=True)
    assert (y.shape, weights.shape) == ((None, None, Dv), (None, None, T))
    assert Attention()([query, Input((T, D))]).shape == (None, None, D)
    assert Attention().compute_mask(None, [QUERY_MASK, None]) is QUERY_MASK
    assert Attention().compute_mask(None, [None, VALUE_MASK]) is None
    assert Attention().compute_mask(None) is None


def test_attention_config_round_trip():
    layer = Attention(use_scale=True, score_mode="concat", dropout=0.5, seed=3, name="mine")
    assert Attention.from_config(layer.get_config()).get_config() == layer.get_config()


def test_attention_refuses_two_axes_and_suggests_return_sequences():
    x = LSTM(D, name="short")(Input((T, 1)))
    with pytest.raises(ValueError, match=r"attention.*got \(None, 3\).*set return_sequences=True in short.*pooling"):
        Attention()([x, x])
    with pytest.raises(ValueError, match=r"mine: the input must be \(batch, T, I\).*return_sequences=True"):
        Attention(name="mine")([np.ones((B, D)), np.ones((B, D))])


@pytest.mark.parametrize(
    ("x", "mask", "message"),
    [
        (np.ones((B, T, D)), None, r"must be \[query, value\].*got one"),
        ([np.ones((B, T, D))], None, r"got 1"),
        ([np.ones((B, T, D))] * 4, None, r"got 4"),
        ([np.ones((B, T, D)), np.ones((B, T, D + 1))], None, r"same number of features; got 3 and 4"),
        ([np.ones((B, T, D)), np.ones((B + 1, T, D))], None, r"query, value must be.*\(2, 4, 3\), \(3, 4, 3\)"),
        ([np.ones((B, T, D)), np.ones((B, T, D)), np.ones((B, T + 1, D))], None, r"query, value, key must be"),
        ([np.ones((B, T, D))] * 2, np.ones((B, T)), r"mask must be \[query_mask, value_mask\]"),
        ([np.ones((B, T, D))] * 2, [None, np.ones((B, T + 1))], r"mask must be \(batch, T\) = \(2, 4\); got \(2, 5\)"),
    ],
)
def test_attention_refuses_invalid_inputs(x, mask, message):
    with pytest.raises(ValueError, match=message):
        Attention(name="mine")(x, mask=mask)
    if mask is None and not isinstance(x, np.ndarray):
        with pytest.raises(ValueError, match=message.split(".*")[0]):
            Attention()([Input(batch_shape=one.shape) for one in x])


def test_attention_refuses_invalid_arguments():
    with pytest.raises(ValueError, match='score_mode must be "dot" or "concat"'):
        Attention(score_mode="sum")
    with pytest.raises(ValueError, match="dropout must be"):
        Attention(dropout=1)
    with pytest.raises(TypeError, match="complex"):
        Attention()([np.ones((B, T, D), complex)] * 2)


def test_attention_accepts_empty_batches_and_sequences():
    for batch, steps, keys in ((0, Tq, T), (B, 0, T), (B, Tq, 0)):
        for mode in ("dot", "concat"):
            layer = made(score_mode=mode, use_scale=True)
            x = [np.ones((batch, steps, D)), np.ones((batch, keys, D))]
            y, tape = layer.forward(x)
            assert y.shape == (batch, steps, D)
            assert not y.any() or keys
            dx, _ = layer.backward(tape, y)
            assert [one.shape for one in dx] == [one.shape for one in x]
