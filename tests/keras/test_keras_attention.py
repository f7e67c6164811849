"""Attention and MultiHeadAttention beside Keras's: outputs, weights and gradients of every option and mask."""

import numpy as np
import pytest
from beside import assert_same, numbers, pair

keras = pytest.importorskip("keras")


B, Tq, T, D = 2, 3, 5, 4
FLAG = [False, True]
QUERY_MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)
VALUE_MASK = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 1, 1]], bool)
KEY_MASK = np.array([[1, 0, 1, 1, 1], [1, 1, 1, 1, 0]], bool)
PAIRS = np.random.default_rng(5).random((B, Tq, T)) < 0.6
PAIRS[..., 0] = True


def inputs(Dv, Dk):
    return [numbers(B, Tq, D), numbers(B, T, Dv, seed=1), numbers(B, T, Dk, seed=2)]


@pytest.mark.parametrize(("query_mask", "value_mask"), [(None, None), (QUERY_MASK, VALUE_MASK), (None, VALUE_MASK)])
@pytest.mark.parametrize("causal", FLAG)
@pytest.mark.parametrize("scale", FLAG)
@pytest.mark.parametrize("mode", ["dot", "concat"])
@pytest.mark.parametrize(("Dv", "count"), [(D, 2), (D + 1, 3)])
def test_attention_as_keras(Dv, count, mode, scale, causal, query_mask, value_mask):
    options = {"use_causal_mask": causal, "return_attention_scores": causal}
    x = inputs(Dv, D)[:count]
    mask = None if value_mask is None else [query_mask, value_mask, None][:count]
    ours, theirs = pair("Attention", [one.shape for one in x], use_scale=scale, score_mode=mode)
    assert_same(ours, theirs, *x, mask=mask, call=lambda run, a: run(list(a), mask=mask, **options), **options)


@pytest.mark.parametrize(("query_mask", "value_mask"), [(None, None), (QUERY_MASK, VALUE_MASK), (None, VALUE_MASK)])
@pytest.mark.parametrize("causal", FLAG)
@pytest.mark.parametrize("scale", FLAG)
@pytest.mark.parametrize(("Dv", "count"), [(D, 2), (D + 1, 3)])
def test_additive_attention_as_keras(Dv, count, scale, causal, query_mask, value_mask):
    options = {"use_causal_mask": causal, "return_attention_scores": causal}
    x = inputs(Dv, D)[:count]
    mask = None if value_mask is None else [query_mask, value_mask, None][:count]
    ours, theirs = pair("AdditiveAttention", [one.shape for one in x], use_scale=scale)
    assert_same(ours, theirs, *x, mask=mask, call=lambda run, a: run(list(a), mask=mask, **options), **options)


@pytest.mark.parametrize("scores", FLAG)
@pytest.mark.parametrize("causal", FLAG)
@pytest.mark.parametrize("masked", ["none", "pairs", "steps", "all"])
@pytest.mark.parametrize(
    "options", [{}, {"use_bias": False, "output_shape": 5, "value_dim": 3}, {"sliding_window": 2}], ids=str
)
def test_multi_head_attention_as_keras(options, masked, causal, scores):
    how = {"use_causal_mask": causal, "return_attention_scores": scores}
    if masked in ("pairs", "all"):
        how["attention_mask"] = PAIRS
    if masked in ("steps", "all"):
        how |= {"value_mask": VALUE_MASK, "key_mask": KEY_MASK}
    ours, theirs = pair("MultiHeadAttention", [one.shape for one in inputs(3, 2)], 2, 3, **options)
    weights = ours.forward(inputs(3, 2), **how | {"return_attention_scores": True})[0][1]
    attending = weights.any(-1)  # (B, H, Tq); Keras makes something up for those that attend to nothing
    assert attending.any()

    def weigh(i, dy):
        return dy * (attending[..., None] if i else attending.all(1)[..., None])

    def call(run, a):
        return run(a[0], a[1], key=a[2], **how)

    assert_same(ours, theirs, *inputs(3, 2), call=call, weigh=weigh, **how)


@pytest.mark.parametrize("mask", [None, QUERY_MASK])
def test_multi_head_attention_of_one_sequence_as_keras(mask):
    x = numbers(B, Tq, D)
    ours, theirs = pair("MultiHeadAttention", [x.shape] * 2, 2, 3)
    rows = np.ones((B, Tq, 1)) if mask is None else mask[..., None]
    pairs = {} if mask is None else {"attention_mask": mask[:, None] & mask[:, :, None]}
    masks = None if mask is None else [mask, mask]

    def call(run, a):
        return run(a[0], a[1], **pairs)

    assert_same(ours, theirs, x, x.copy(), mask=masks, call=call, weigh=lambda _, dy: dy * rows)


@pytest.mark.parametrize("use_bias", FLAG)
def test_multi_head_attention_names_of_weights_as_keras(use_bias):
    ours, theirs = pair("MultiHeadAttention", [one.shape for one in inputs(3, 2)], 2, 3, use_bias=use_bias, name="m")
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert [w.path.split("/")[-2:] for w in ours.weights] == [w.path.split("/")[-2:] for w in theirs.weights]


@pytest.mark.parametrize("kind", ["Attention", "MultiHeadAttention"])
def test_attention_masks_in_a_model_as_keras(kind):
    """What an Embedding has masked, and what becomes of it."""
    tokens = keras.Input((Tq,))
    x = keras.layers.Embedding(7, D, mask_zero=True)(tokens)
    layer = keras.layers.Attention() if kind == "Attention" else keras.layers.MultiHeadAttention(2, 3)
    y = layer([x, x]) if kind == "Attention" else layer(x, x)
    model = keras.Model(tokens, [x, y])
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    embedded, expected = (np.asarray(one) for one in model(ids))
    mask = ids != 0
    ours, _ = pair(kind, [embedded.shape] * 2, *([] if kind == "Attention" else [2, 3]))
    ours.set_weights([np.asarray(w.value) for w in layer.weights])
    result = ours.forward([embedded, embedded], mask=[mask, mask])[0]
    np.testing.assert_allclose(result[mask], expected[mask], rtol=1e-5, atol=1e-6)
