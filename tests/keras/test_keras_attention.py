"""Compare the attention layers with Keras: outputs, weights and gradients with every option and mask."""

import keras
import numpy as np
import pytest
from beside import compare, numbers, pair
from support.pairwise import pairwise

B, Tq, T, D = 2, 3, 5, 4
FLAG = [False, True]
QUERY_MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)
VALUE_MASK = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 1, 1]], bool)
KEY_MASK = np.array([[1, 0, 1, 1, 1], [1, 1, 1, 1, 0]], bool)
MASKS = [None, [QUERY_MASK, VALUE_MASK], [None, VALUE_MASK]]
PAIRS = np.random.default_rng(5).random((B, Tq, T)) < 0.6
PAIRS[..., 0] = True


def inputs(Dv, Dk):
    return [numbers(B, Tq, D), numbers(B, T, Dv, seed=1), numbers(B, T, Dk, seed=2)]


def assert_attention_as_keras(kind, count, mask, causal, **options):
    how = {"use_causal_mask": causal, "return_attention_scores": causal}
    x = inputs(D if count == 2 else D + 1, D)[:count]
    mask = None if mask is None else [*mask, None][:count]
    compare(*pair(kind, **options), x, mask=mask, call=lambda run, a: run(list(a), mask=mask, **how), **how)


@pytest.mark.parametrize("mode", ["dot", "concat"])
@pairwise(count=[2, 3], scale=FLAG, causal=FLAG, mask=MASKS)
def test_attention_matches_keras(mode, count, scale, causal, mask):
    assert_attention_as_keras("Attention", count, mask, causal, use_scale=scale, score_mode=mode)


@pairwise(count=[2, 3], scale=FLAG, causal=FLAG, mask=MASKS)
def test_additive_attention_matches_keras(count, scale, causal, mask):
    assert_attention_as_keras("AdditiveAttention", count, mask, causal, use_scale=scale)


@pairwise(
    options=[{}, {"use_bias": False, "output_shape": 5, "value_dim": 3}, {"sliding_window": 2}],
    masked=["none", "pairs", "steps", "all"],
    causal=FLAG,
    scores=FLAG,
)
def test_multi_head_attention_matches_keras(options, masked, causal, scores):
    how = {"use_causal_mask": causal, "return_attention_scores": scores}
    if masked in ("pairs", "all"):
        how["attention_mask"] = PAIRS
    if masked in ("steps", "all"):
        how |= {"value_mask": VALUE_MASK, "key_mask": KEY_MASK}
    ours, theirs = pair("MultiHeadAttention", 2, 3, **options)
    weights = ours.forward(inputs(3, 2), **how | {"return_attention_scores": True})[0][1]
    has_keys = weights.any(-1)  # (B, H, Tq); Keras attends to masked keys if no key is left
    assert has_keys.any()

    def weigh(i, dy):
        return dy * (has_keys[..., None] if i else has_keys.all(1)[..., None])

    def call(run, a):
        return run(a[0], a[1], key=a[2], **how)

    compare(ours, theirs, inputs(3, 2), call=call, weigh=weigh, **how)


@pytest.mark.parametrize("mask", [None, QUERY_MASK])
def test_multi_head_self_attention_matches_keras(mask):
    x = numbers(B, Tq, D)
    rows = np.ones((B, Tq, 1)) if mask is None else mask[..., None]
    pairs = {} if mask is None else {"attention_mask": mask[:, None] & mask[:, :, None]}
    masks = None if mask is None else [mask, mask]

    def call(run, a):
        return run(a[0], a[1], **pairs)

    ours, theirs = pair("MultiHeadAttention", 2, 3)
    compare(ours, theirs, [x, x.copy()], mask=masks, call=call, weigh=lambda _, dy: dy * rows)


@pytest.mark.parametrize("use_bias", FLAG)
def test_multi_head_attention_weight_names_match_keras(use_bias):
    ours, theirs = pair("MultiHeadAttention", 2, 3, use_bias=use_bias, name="m")
    sizes = [one.shape for one in inputs(3, 2)]
    ours.build(sizes)
    theirs.build(*sizes)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert [w.path.split("/")[-2:] for w in ours.weights] == [w.path.split("/")[-2:] for w in theirs.weights]


@pytest.mark.parametrize("kind", ["Attention", "MultiHeadAttention"])
def test_attention_masks_in_a_model_match_keras(kind):
    """Masks come from an Embedding."""
    tokens = keras.Input((Tq,))
    x = keras.layers.Embedding(7, D, mask_zero=True)(tokens)
    layer = keras.layers.Attention() if kind == "Attention" else keras.layers.MultiHeadAttention(2, 3)
    y = layer([x, x]) if kind == "Attention" else layer(x, x)
    model = keras.Model(tokens, [x, y])
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    embedded, expected = (np.asarray(one) for one in model(ids))
    mask = ids != 0
    ours, _ = pair(kind, *([] if kind == "Attention" else [2, 3]))
    ours.build([embedded.shape] * 2)
    ours.set_weights([np.asarray(w.value) for w in layer.weights])
    result = ours.forward([embedded, embedded], mask=[mask, mask])[0]
    np.testing.assert_allclose(result[mask], expected[mask], rtol=1e-5, atol=1e-6)
