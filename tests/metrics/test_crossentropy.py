"""Tests of the cross-entropy metrics and perplexity over several batches."""

import math

import numpy as np
import pytest

from seqfuse import losses, metrics


def draw(seed, shape, C=5):
    rng = np.random.default_rng(seed)
    return rng.integers(C, size=shape), rng.normal(size=(*shape, C))


@pytest.mark.parametrize("options", [{}, {"ignore_class": 2}])
@pytest.mark.parametrize("way", ["plain", "weights", "mask", "both"])
def test_perplexity_is_exp_of_the_mean_over_all_labels(options, way):
    metric = metrics.Perplexity(from_logits=True, **options)
    total = count = 0.0
    for seed, shape in enumerate([(2, 3), (1, 7)]):
        y_true, y_pred = draw(seed, shape)
        rng = np.random.default_rng(seed + 5)
        weights = rng.uniform(size=shape) if way in ("weights", "both") else None
        mask = rng.random(shape) < 0.7 if way in ("mask", "both") else None
        metric.update_state(y_true, y_pred, weights, mask)
        each = np.ones(shape) if weights is None else weights
        each = each * (1 if mask is None else mask) * (y_true != options.get("ignore_class"))
        total += (losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True) * each).sum()
        count += each.sum()
    assert metric.result() == pytest.approx(math.exp(total / count))


def test_perplexity_of_uniform_probabilities_is_the_number_of_classes():
    assert metrics.Perplexity()([[3, 1]], np.full((1, 2, 8), 1 / 8)) == pytest.approx(8)


def test_perplexity_is_zero_when_empty_and_inf_when_probability_is_zero():
    metric = metrics.Perplexity(from_logits=True)
    assert metric.result() == 0
    assert metric([[0]], [[[-1e6, 0.0]]]) == math.inf


def test_labels_in_padding_may_have_any_value():
    metric = metrics.Perplexity()
    y_pred = np.full((1, 3, 2), 0.5)
    y_pred[0, 2] = np.nan
    metric.update_state([[0, 1, -7]], y_pred, mask=[[True, True, False]])
    assert metric.result() == pytest.approx(2)
    metric = metrics.Perplexity(ignore_class=-7)
    assert metric([[0, 1, -7]], y_pred) == pytest.approx(2)


@pytest.mark.parametrize("from_logits", [False, True])
def test_crossentropy_equals_the_loss_on_one_batch(from_logits):
    y_true, y_pred = draw(0, (4, 3))
    y_pred = y_pred if from_logits else np.exp(y_pred) / np.exp(y_pred).sum(-1, keepdims=True)
    for kind, target in [("Sparse", y_true), ("", np.eye(5)[y_true])]:
        metric = getattr(metrics, f"{kind}CategoricalCrossentropy")(from_logits=from_logits)
        loss = getattr(losses, f"{kind}CategoricalCrossentropy")(from_logits)
        assert metric(target, y_pred) == pytest.approx(loss(target, y_pred))
    smoothed = metrics.BinaryCrossentropy(from_logits=from_logits, label_smoothing=0.2)
    assert smoothed(np.eye(5)[y_true], y_pred) == pytest.approx(
        losses.BinaryCrossentropy(from_logits, 0.2)(np.eye(5)[y_true], y_pred)
    )
