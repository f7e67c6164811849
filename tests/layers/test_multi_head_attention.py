"""Tests of MultiHeadAttention: gradients with every option, masks, returned weights, invalid inputs."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse.initializers import RandomNormal
from seqfuse.layers import Input, MultiHeadAttention
from seqfuse.models import Model

B, Tq, T, E, Ev, Ek = 2, 3, 4, 3, 2, 4
H, D, Dv = 2, 2, 3
FLAG = [False, True]
QUERY_MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)
VALUE_MASK = np.array([[1, 1, 0, 1], [1, 1, 0, 0]], bool)
KEY_MASK = np.array([[1, 0, 1, 1], [1, 1, 1, 0]], bool)
PAIRS = np.random.default_rng(5).random((B, H, Tq, T)) < 0.7


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def made(x, **options):
    layer = MultiHeadAttention(H, D, **{"value_dim": Dv, "dtype": "float64"} | options)
    layer.build([(None, *one.shape[1:]) for one in x])
    layer.set_weights([numbers(*weight.shape, seed=i) for i, weight in enumerate(layer.weights)])
    return layer


def inputs(key=True):
    if not key:
        return [numbers(B, Tq, E), numbers(B, T, Ev, seed=1)]
    return [numbers(B, Tq, E), numbers(B, T, Ev, seed=1), numbers(B, T, Ek, seed=2)]


@pairwise(
    options=[{}, {"use_bias": False, "output_shape": 5}, {"dropout": 0.4, "seed": 1}, {"sliding_window": 2}],
    key=FLAG,
    causal=FLAG,
    scores=FLAG,
)
def test_multi_head_attention_backward_matches_central_differences(options, key, causal, scores):
    x = inputs(key)
    how = {"use_causal_mask": causal, "return_attention_scores": scores}
    ys = assert_gradients(made(x, **options), x, training=True, **how)
    assert [y.shape for y in ys] == [(B, Tq, options.get("output_shape", E))] + [(B, H, Tq, T)] * scores


@pairwise(pairs=[None, PAIRS, PAIRS[:, 0], PAIRS[0, 0].astype(int)], given=FLAG, scores=FLAG)
def test_multi_head_attention_backward_matches_central_differences_with_masks(pairs, given, scores):
    x = inputs()
    masks = {"query_mask": QUERY_MASK, "value_mask": VALUE_MASK, "key_mask": KEY_MASK}
    how = masks if given else {"mask": [*masks.values()]}
    layer = made(x)
    assert_gradients(layer, x, attention_mask=pairs, return_attention_scores=scores, **how)
    weights = layer.forward(x, attention_mask=pairs, return_attention_scores=True, **how)[0][1]
    allowed = QUERY_MASK[:, None, :, None] & (VALUE_MASK & KEY_MASK)[:, None, None]
    if pairs is not None:
        allowed = allowed & (pairs[:, None] if pairs.ndim == 3 else pairs).astype(bool)
    allowed = np.broadcast_to(allowed, weights.shape)
    assert not weights[~allowed].any()
    assert (weights[allowed] > 0).all()


@pytest.mark.parametrize("same", ["qv", "qvk", "vk", "qk"])
@pytest.mark.parametrize("scores", FLAG)
def test_multi_head_attention_returns_one_gradient_when_inputs_are_the_same(same, scores):
    """An input with several roles has one gradient, the sum over its roles, at its first position."""
    a, b = numbers(B, T, E), numbers(B, T, E, seed=1)
    x = {"qv": [a, a], "qvk": [a, a, a], "vk": [b, a, a], "qk": [a, b, a]}[same]
    layer = made(x)
    copies = [one.copy() for one in x]
    found = []
    for given in (x, copies):
        y, tape = layer.forward(given, return_attention_scores=scores)
        dx, grads = layer.backward(tape, [np.ones_like(y[0]), y[1]] if scores else np.cos(y))
        found.append((y, dx, grads))
    (y, dx, grads), (expected_y, expected_dx, expected) = found
    for i, one in enumerate(x):
        first = next(j for j, other in enumerate(x) if other is one)
        if not scores:
            assert (dx[i] is None) == (first < i)
        total = sum(d for d, other in zip(expected_dx, x) if other is one)
        ours = sum(d for d, other in zip(dx, x) if other is one and d is not None)
        np.testing.assert_allclose(ours, total, atol=1e-12)
    for p, q in zip([*(y if scores else [y]), *grads], [*(expected_y if scores else [expected_y]), *expected]):
        np.testing.assert_allclose(p, q, atol=1e-12)


def test_multi_head_attention_gradient_in_a_model_sums_all_roles():
    x = Input((T, E))
    layer = MultiHeadAttention(H, D, dtype="float64")
    model = Model(x, layer(x, x))
    a = numbers(B, T, E)
    y, tape = model.forward(a)
    dx, grads = model.backward(tape, y, need_dx=True)
    b = a.copy()
    z, layer_tape = layer.forward([a, b])
    (da, db), others = layer.backward(layer_tape, z)
    np.testing.assert_allclose(dx, da + db, atol=1e-12)
    for p, q in zip(grads, others):
        np.testing.assert_allclose(p, q, atol=1e-12)


@pytest.mark.parametrize("scores", FLAG)
def test_multi_head_attention_output_does_not_depend_on_returned_weights(scores):
    x = inputs()
    layer = made(x, dropout=0.5, seed=3)
    options = {"training": True, "use_causal_mask": scores, "attention_mask": PAIRS}
    state = layer._seeds.state
    y = layer.forward(x, **options)[0]
    layer._seeds.state = state
    z, weights = layer.forward(x, return_attention_scores=True, **options)[0]
    np.testing.assert_array_equal(y, z)
    rows = weights.sum(-1)
    assert (np.isclose(rows, 1) | (rows == 0)).all()  # the weights before dropout


def test_multi_head_attention_ignores_nan_at_masked_steps():
    masks = [QUERY_MASK, VALUE_MASK, VALUE_MASK]
    spoilt = [np.where(mask[..., None], x, np.nan) for mask, x in zip(masks, inputs())]
    layer = made(spoilt)
    found = []
    for x in (inputs(), spoilt):
        y, tape = layer.forward(x, mask=masks)
        dx, grads = layer.backward(tape, np.ones_like(y))
        found.append([y, *dx, *grads])
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)


def test_multi_head_attention_weights_have_keras_order_and_shapes():
    layer = made(inputs(), output_shape=(5,), name="heads")
    parts = ("query", "key", "value", "attention_output")
    assert [w.path for w in layer.weights] == [f"heads/{part}/{name}" for part in parts for name in ("kernel", "bias")]
    assert [w.name for w in layer.weights] == ["kernel", "bias"] * 4
    shapes = [(E, H, D), (H, D), (Ek, H, D), (H, D), (Ev, H, Dv), (H, Dv), (H, Dv, 5), (5,)]
    assert [w.shape for w in layer.weights] == shapes


def test_multi_head_attention_initializes_each_kernel_independently():
    layer = MultiHeadAttention(H, D, kernel_initializer=RandomNormal())
    layer(np.ones((B, T, E)), np.ones((B, T, E)))
    query, key = (layer.weights[i].value for i in (0, 2))
    assert not np.array_equal(query, key)


def test_multi_head_attention_compute_output_shape_and_mask():
    query, value = Input((None, E)), Input((T, Ev))
    y, weights = MultiHeadAttention(H, D, output_shape=7)(query, value, return_attention_scores=True)
    assert (y.shape, weights.shape) == ((None, None, 7), (None, H, None, T))
    assert MultiHeadAttention(H, D)(query, value, key=Input((T, Ek))).shape == (None, None, E)
    assert MultiHeadAttention(H, D).compute_mask(None, [QUERY_MASK, None]) is QUERY_MASK


def test_multi_head_attention_config_round_trip():
    layer = MultiHeadAttention(H, D, Dv, 0.5, False, (7,), sliding_window=3, seed=4)
    assert MultiHeadAttention.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "num_heads must be"),
        ({"key_dim": 0}, "key_dim must be"),
        ({"use_gate": True}, "use_gate must have its default"),
        ({"attention_axes": (1, 2)}, "attention_axes must have its default"),
        ({"output_shape": (2, 3)}, r"output_shape must be O or \(O,\)"),
        ({"sliding_window": 0}, "sliding_window must be"),
        ({"dropout": 1.5}, "dropout must be"),
    ],
)
def test_multi_head_attention_refuses_invalid_arguments(options, message):
    with pytest.raises(ValueError, match=f"MultiHeadAttention: {message}"):
        MultiHeadAttention(**{"num_heads": H, "key_dim": D} | options)


def test_multi_head_attention_refuses_invalid_inputs():
    layer = MultiHeadAttention(H, D, name="heads")
    with pytest.raises(ValueError, match=r"heads: the input must be \[query, value\]"):
        layer(np.ones((B, T, E)))
    with pytest.raises(ValueError, match=r"heads: the input must be \(batch, T, I\).*return_sequences=True"):
        layer(np.ones((B, E)), np.ones((B, E)))
    layer(*inputs())
    with pytest.raises(ValueError, match=r"heads: features of query, value, key must be \(3, 2, 4\).*got \(3, 2, 2\)"):
        layer(*inputs(key=False))
    with pytest.raises(ValueError, match=r"heads: query, value, key must be"):
        layer(numbers(B, T, E), numbers(B, T, Ev), numbers(B, T + 1, Ek))
    with pytest.raises(ValueError, match=r"heads: mask must be \(batch, T\) = \(2, 4\); got \(2, 3\)"):
        layer(*inputs(), value_mask=QUERY_MASK)
    with pytest.raises(TypeError, match="attention_mask must be an array"):
        layer(Input((T, E)), Input((T, Ev)), Input((T, Ek)), attention_mask=Input((T, T)))


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4)])
def test_multi_head_attention_scores_are_empty_when_inputs_are(shape):
    layer, x = MultiHeadAttention(2, 3), np.zeros(shape)
    (y, scores), tape = layer.forward([x, x], return_attention_scores=True)
    assert (y.shape, scores.shape) == (shape, (shape[0], 2, shape[1], shape[1]))
    dx, grads = layer.backward(tape, [y, scores])
    assert [one.shape for one in dx] == [shape, shape]
    assert not any(gradient.any() for gradient in grads)
