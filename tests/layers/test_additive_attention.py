"""Tests of AdditiveAttention: gradients, masks, returned weights, config."""

import numpy as np
import pytest
from support.pairwise import pairwise

from layers.gradients import assert_gradients
from seqfuse.layers import AdditiveAttention, Attention, Input

B, Tq, T, D, Dv = 2, 3, 4, 3, 2
FLAG = [False, True]
QUERY_MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)
VALUE_MASK = np.array([[1, 1, 0, 1], [0, 1, 0, 0]], bool)


def inputs():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in ((B, Tq, D), (B, T, Dv), (B, T, D))]


@pairwise(rate=[0.0, 0.4], scale=FLAG, mask=[None, [QUERY_MASK, VALUE_MASK, None]], causal=FLAG, scores=FLAG)
def test_additive_attention_backward_matches_central_differences(rate, scale, mask, causal, scores):
    layer = AdditiveAttention(scale, rate, seed=1, dtype="float64")
    how = {"use_causal_mask": causal, "return_attention_scores": scores}
    ys = assert_gradients(layer, inputs(), mask=mask, training=True, **how)
    assert [y.shape for y in ys] == [(B, Tq, Dv)] + [(B, Tq, T)] * scores
    assert [w.shape for w in layer.weights] == [(D,)] * scale


def test_additive_attention_equals_concatenated_attention_when_scale_is_one():
    ours, other = AdditiveAttention(False, dtype="float64"), Attention(score_mode="concat", dtype="float64")
    np.testing.assert_array_equal(ours(inputs()), other(inputs()))
    scaled = AdditiveAttention(dtype="float64")
    scaled.build([one.shape for one in inputs()])
    scaled.set_weights([np.ones(D)])
    np.testing.assert_array_equal(scaled(inputs()), other(inputs()))
    scaled.set_weights([np.arange(D)])
    assert not np.array_equal(scaled(inputs()), other(inputs()))


def test_additive_attention_ignores_nan_at_masked_steps():
    spoilt = [np.where(one[..., None], x, np.nan) for one, x in zip((QUERY_MASK, VALUE_MASK, VALUE_MASK), inputs())]
    layer = AdditiveAttention(dtype="float64", seed=1)
    found = []
    for x in (inputs(), spoilt):
        y, tape = layer.forward(x, mask=[QUERY_MASK, VALUE_MASK, None])
        dx, grads = layer.backward(tape, np.ones_like(y))
        found.append([y, *dx, *grads])
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)


def test_additive_attention_output_shape_and_config():
    assert AdditiveAttention()([Input((Tq, D)), Input((None, D))]).shape == (None, Tq, D)
    layer = AdditiveAttention(False, 0.5, seed=3, name="mine")
    config = layer.get_config()
    assert config.keys() == {"use_scale", "dropout", "seed", "name", "trainable", "dtype", "input_shape"}
    assert AdditiveAttention.from_config(config).get_config() == config
    with pytest.raises(TypeError, match="score_mode"):
        AdditiveAttention(score_mode="dot")
