"""The CTC loss and greedy decoding beside Keras's: values and gradients."""

import jax
import keras
import numpy as np
import pytest

from seqfuse import functional as F
from seqfuse import losses

N, T, C, S = 5, 20, 6, 4


def draw(seed=0):
    """Labels of any number up to S, 0 behind them, and logits."""
    rng = np.random.default_rng(seed)
    y_true = rng.integers(1, C, size=(N, S))
    y_true[np.arange(S) >= np.array([4, 2, 0, 3, 1])[:, None]] = 0
    return y_true, rng.normal(size=(N, T, C)) * 2


def theirs(value_of, y_pred):
    """Value and gradient of a function of y_pred, of the sum where it is an array."""

    def summed(prediction):
        value = value_of(prediction)
        return value.sum(), value

    (_, value), gradient = jax.value_and_grad(summed, has_aux=True)(jax.numpy.asarray(y_pred, "float32"))
    return np.asarray(value), np.asarray(gradient)


def assert_close(ours, gradient, expected, expected_gradient):
    """Keras adds up logarithms in float32 whatever it is given, here 20 steps of numbers up to 32: 2e-6 each."""
    np.testing.assert_allclose(ours, expected, rtol=2e-6)
    np.testing.assert_allclose(gradient, expected_gradient, atol=20 * 2e-6)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", None])
@pytest.mark.parametrize("weights", [None, np.array([0.5, 2.0, 1.5, 0.0, 1.0])], ids=["even", "weights"])
def test_loss_and_gradient_are_those_of_keras(reduction, weights):
    y_true, y_pred = draw()
    theirs_too = keras.losses.CTC(reduction=reduction)
    expected, gradient = theirs(lambda prediction: theirs_too(y_true, prediction, weights), y_pred)
    loss = losses.CTC(reduction)
    value, tape = loss.forward(y_true, y_pred, weights)
    assert_close(value, loss.backward(tape), expected, gradient)


@pytest.mark.parametrize("blank", [0, C - 1])
def test_the_function_is_that_of_keras_with_lengths(blank):
    y_true, y_pred = draw(1)
    labels = (y_true + blank) % C  # zeros become the blank
    counts, lengths = (y_true != 0).sum(axis=1), np.array([20, 7, 3, 12, 1])
    expected, gradient = theirs(
        lambda prediction: keras.ops.ctc_loss(labels, prediction, counts, lengths, mask_index=blank), y_pred
    )
    ours, tape = F.ctc_loss_forward(
        y_pred, labels, lengths=lengths, label_lengths=counts, blank=blank, batch_first=True
    )
    assert_close(ours, F.ctc_loss_backward(tape), expected, gradient)


def test_greedy_decoding_is_that_of_keras():
    _, y_pred = draw(2)
    lengths = np.array([20, 7, 3, 12, 1])
    decoded, scores = keras.ops.ctc_decode(y_pred.astype("f"), lengths, strategy="greedy", mask_index=0)
    ours = F.ctc_greedy_decode(y_pred, lengths=lengths, batch_first=True)
    assert [one.labels for one in ours] == [[c for c in row if c >= 0] for row in np.asarray(decoded)[0].tolist()]
    # Keras adds up logits, without their normalizer
    expected = [-y_pred[b, :n].max(axis=-1).sum() for b, n in enumerate(lengths)]
    np.testing.assert_allclose(np.asarray(scores)[:, 0], expected, rtol=1e-5)


def test_beam_decoding_is_that_of_keras_where_the_beam_is_wide():
    """Keras counts labels that are said again behind a blank as we do, and adds up logits too."""
    y_pred = draw(3)[1][:, :4, :3]
    log_p = y_pred - np.log(np.exp(y_pred).sum(axis=-1, keepdims=True))
    decoded, scores = keras.ops.ctc_decode(
        log_p.astype("f"), np.full(N, 4), strategy="beam_search", beam_width=64, top_paths=3, mask_index=0
    )
    for b, row in enumerate(F.ctc_beam_decode(log_p, beam_width=64, top_paths=3, batch_first=True)):
        for k, (labels, score) in enumerate(row):
            assert labels == [c for c in np.asarray(decoded)[k, b].tolist() if c >= 0]
            assert score == pytest.approx(float(scores[b, k]), rel=1e-4)
