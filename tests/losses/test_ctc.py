"""Tests of the CTC loss: label lengths, masks, reductions, weights, invalid arguments."""

import re

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences
from support.pairwise import pairwise

import seqfuse as sf
from seqfuse import functional as F
from seqfuse import layers, losses, models, optimizers

Y_TRUE = np.array([[1, 2, 0, 0], [2, 2, 1, 3], [0, 0, 0, 0]])
MASK = np.arange(9) < np.array([9, 7, 4])[:, None]


def draw():
    return np.random.default_rng(0).normal(size=(3, 9, 4))


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "mask"])
def test_ctc_values_equal_those_of_functional(mask):
    y_pred = draw()
    loss = losses.CTC(reduction=None)
    values, tape = loss.forward(Y_TRUE, y_pred, mask=mask)
    options = {"label_lengths": [2, 4, 0], "batch_first": True, "mask": mask}
    expected, expected_tape = F.ctc_loss_forward(y_pred, Y_TRUE, **options)
    np.testing.assert_array_equal(values, expected)
    dloss = np.array([1.0, -2.0, 0.5])
    np.testing.assert_array_equal(loss.backward(tape, dloss), F.ctc_loss_backward(expected_tape, dloss))
    np.testing.assert_array_equal(losses.ctc(Y_TRUE, y_pred), F.ctc_loss(y_pred, Y_TRUE, **{**options, "mask": None}))


@pairwise(
    reduction=["sum_over_batch_size", "sum", "mean_with_sample_weight", None],
    mask=[None, MASK],
    weights=[None, np.array([0.5, 2.0, 1.5])],
)
def test_ctc_backward_matches_central_differences(reduction, mask, weights):
    loss, y_pred = losses.CTC(reduction), draw()
    value, tape = loss.forward(Y_TRUE, y_pred, weights, mask)
    dloss = np.random.default_rng(1).normal(size=np.shape(value))
    numeric = central_differences(lambda: float(np.sum(loss.forward(Y_TRUE, y_pred, weights, mask)[0] * dloss)), y_pred)
    assert_gradient("dy_pred", loss.backward(tape, dloss), numeric)


def test_ctc_mean_is_taken_over_rows_when_masked():
    loss, y_pred = losses.CTC(), draw()
    values = losses.CTC(reduction=None).forward(Y_TRUE, y_pred, mask=MASK)[0]
    assert loss.forward(Y_TRUE, y_pred, mask=MASK)[0] == pytest.approx(values.mean())


def test_ctc_ignores_nan_at_padding():
    loss, y_pred = losses.CTC(), draw()
    value, tape = loss.forward(Y_TRUE, y_pred, mask=MASK)
    dirty = y_pred.copy()
    dirty[~MASK] = np.nan
    again, dirty_tape = loss.forward(Y_TRUE, dirty, mask=MASK)
    assert again == value
    np.testing.assert_array_equal(loss.backward(dirty_tape), loss.backward(tape))


def test_ctc_is_inf_or_zero_when_no_alignment_exists():
    y_pred, y_true = draw()[:2, :3], [[1, 1, 1], [2, 1, 0]]
    assert losses.CTC()(y_true, y_pred) == np.inf
    loss = losses.CTC(zero_infinity=True)
    value, tape = loss.forward(y_true, y_pred)
    assert value == pytest.approx(losses.CTC()(y_true[1:], y_pred[1:]) / 2)
    assert not loss.backward(tape)[0].any()


@pytest.mark.parametrize("form", [np.ndarray.tolist, lambda y: y.astype(np.float32), lambda y: y.astype(np.uint8)])
def test_ctc_accepts_labels_of_any_type(form):
    assert losses.CTC()(form(Y_TRUE), draw()) == losses.CTC()(Y_TRUE, draw())


def test_ctc_config_round_trip():
    loss = losses.CTC("sum", "spelling", True)
    again = losses.get({"class_name": "CTC", "config": loss.get_config()})
    assert again.get_config() == {"reduction": "sum", "name": "spelling", "zero_infinity": True}
    assert type(losses.get("ctc")) is type(losses.get("CTC")) is type(losses.get(losses.ctc)) is losses.CTC


@pytest.mark.parametrize(
    ("y_true", "y_pred", "mask", "error", "message"),
    [
        (
            [[1, 0, 2]],
            (1, 5, 3),
            None,
            ValueError,
            "y_true must have zeros only after its labels; got a zero at [0, 1]. Pad",
        ),
        ([[1, 3]], (1, 5, 3), None, ValueError, "y_true must be in 0..C-1 = 0..2; got 3 at [0, 1]. Pad with 0 after"),
        ([[1, -1]], (1, 5, 3), None, ValueError, "y_true must be in 0..C-1 = 0..2; got -1 at [0, 1]. Pad with 0"),
        ([[0.5]], (1, 5, 3), None, ValueError, "y_true must be class indices, which are integers; got 0.5"),
        ([1, 2], (2, 5, 3), None, ValueError, "y_true must be (N, S) = (2, S); got (2,)"),
        ([[1]], (2, 5, 3), None, ValueError, "y_true must be (N, S) = (2, S); got (1, 1)"),
        ([[1]], (1, 3), None, ValueError, "y_pred must be (N, T, C); got (1, 3)"),
        ([[1]], (1, 5, 3), [True], ValueError, "mask must be (N, T) = (1, 5); got (1,)"),
        ([[1]], (1, 5, 3), [[1] * 5], TypeError, "mask must be bool"),
    ],
)
def test_ctc_refuses_invalid_arguments(y_true, y_pred, mask, error, message):
    with pytest.raises(error, match=re.escape(f"CTC: {message}")):
        losses.CTC().forward(y_true, np.zeros(y_pred), mask=mask)


def test_ctc_refuses_invalid_options():
    with pytest.raises(TypeError, match="CTC: zero_infinity must be True or False; got 1"):
        losses.CTC(zero_infinity=1)


def test_recurrent_model_learns_labels_at_unknown_steps():
    """Labels last one to three steps at random positions; a mask excludes the padding after them."""
    rng, classes, N = np.random.default_rng(0), 4, 64
    y_true, x = np.zeros((N, 3), int), np.full((N, 16, classes), -1, np.float32)
    for row, steps in zip(y_true, x):
        t = 0
        for i in range(rng.integers(1, 4)):
            row[i] = rng.integers(1, classes)
            begin = t + rng.integers(1, 3)
            end = begin + rng.integers(1, 4)
            steps[t : end + 1] = 0  # blank steps before and after the label
            steps[begin:end, row[i]] = 1
            t = end
    model = models.Sequential(
        [layers.Input(x.shape[1:]), layers.Masking(-1.0), layers.LSTM(24, return_sequences=True, seed=1),
         layers.Dense(classes)]
    )  # fmt: skip
    model.compile(optimizers.Adam(0.02), "ctc")
    with sf.num_threads(1):
        model.fit(x, y_true, batch_size=16, epochs=60, shuffle=False, verbose=0)
        logits = model.predict(x, verbose=0)
    decoded = F.ctc_greedy_decode(logits, mask=(x != -1).any(axis=-1), batch_first=True)
    assert [one.labels for one in decoded] == [[c for c in row if c] for row in y_true.tolist()]
