"""CTC as a loss: lengths from the labels' zeros and from the mask, reductions, weights, and what is refused."""

import re

import numpy as np
import pytest
from cases import assert_gradient, central_differences

from seqfuse import functional as F
from seqfuse import losses

pytestmark = pytest.mark.once

Y_TRUE = np.array([[1, 2, 0, 0], [2, 2, 1, 3], [0, 0, 0, 0]])
MASK = np.arange(9) < np.array([9, 7, 4])[:, None]


def draw():
    return np.random.default_rng(0).normal(size=(3, 9, 4))


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "mask"])
def test_values_are_those_of_the_function(mask):
    y_pred = draw()
    loss = losses.CTC(reduction=None)
    values, tape = loss.forward(Y_TRUE, y_pred, mask=mask)
    options = {"label_lengths": [2, 4, 0], "batch_first": True, "mask": mask}
    expected, expected_tape = F.ctc_loss_forward(y_pred, Y_TRUE, **options)
    np.testing.assert_array_equal(values, expected)
    dloss = np.array([1.0, -2.0, 0.5])
    np.testing.assert_array_equal(loss.backward(tape, dloss), F.ctc_loss_backward(expected_tape, dloss))
    np.testing.assert_array_equal(losses.ctc(Y_TRUE, y_pred), F.ctc_loss(y_pred, Y_TRUE, **{**options, "mask": None}))


@pytest.mark.parametrize("weights", [None, np.array([0.5, 2.0, 1.5])], ids=["even", "weights"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "mask"])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", None])
def test_backward_matches_central_differences(reduction, mask, weights):
    loss, y_pred = losses.CTC(reduction), draw()
    value, tape = loss.forward(Y_TRUE, y_pred, weights, mask)
    dloss = np.random.default_rng(1).normal(size=np.shape(value))
    numeric = central_differences(lambda: float(np.sum(loss.forward(Y_TRUE, y_pred, weights, mask)[0] * dloss)), y_pred)
    assert_gradient("dy_pred", loss.backward(tape, dloss), numeric)


def test_the_mean_is_that_of_the_rows_whatever_the_mask():
    loss, y_pred = losses.CTC(), draw()
    values = losses.CTC(reduction=None).forward(Y_TRUE, y_pred, mask=MASK)[0]
    assert loss.forward(Y_TRUE, y_pred, mask=MASK)[0] == pytest.approx(values.mean())


def test_nan_where_the_mask_is_false_reaches_nothing():
    loss, y_pred = losses.CTC(), draw()
    value, tape = loss.forward(Y_TRUE, y_pred, mask=MASK)
    dirty = y_pred.copy()
    dirty[~MASK] = np.nan
    again, dirty_tape = loss.forward(Y_TRUE, dirty, mask=MASK)
    assert again == value
    np.testing.assert_array_equal(loss.backward(dirty_tape), loss.backward(tape))


def test_rows_that_cannot_be_spelled_are_inf_or_count_as_0():
    y_pred, y_true = draw()[:2, :3], [[1, 1, 1], [2, 1, 0]]
    assert losses.CTC()(y_true, y_pred) == np.inf
    loss = losses.CTC(zero_infinity=True)
    value, tape = loss.forward(y_true, y_pred)
    assert value == pytest.approx(losses.CTC()(y_true[1:], y_pred[1:]) / 2)
    assert not loss.backward(tape)[0].any()


@pytest.mark.parametrize("form", [np.ndarray.tolist, lambda y: y.astype(np.float32), lambda y: y.astype(np.uint8)])
def test_labels_may_come_in_any_form(form):
    assert losses.CTC()(form(Y_TRUE), draw()) == losses.CTC()(Y_TRUE, draw())


def test_a_configuration_makes_an_equal_loss():
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
            "y_true must have its zeros behind its labels; got one at [0, 1]. Pad",
        ),
        ([[1, 3]], (1, 5, 3), None, ValueError, "y_true must be in 0..C-1 = 0..2; got 3 at [0, 1]. Pad with 0 behind"),
        ([[1, -1]], (1, 5, 3), None, ValueError, "y_true must be in 0..C-1 = 0..2; got -1 at [0, 1]. Pad with 0"),
        ([[0.5]], (1, 5, 3), None, ValueError, "y_true must be whole numbers, a class each; got 0.5"),
        ([1, 2], (2, 5, 3), None, ValueError, "y_true must be (N, S) = (2, S); got (2,)"),
        ([[1]], (2, 5, 3), None, ValueError, "y_true must be (N, S) = (2, S); got (1, 1)"),
        ([[1]], (1, 3), None, ValueError, "y_pred must be (N, T, C); got (1, 3)"),
        ([[1]], (1, 5, 3), [True], ValueError, "mask must be (N, T) = (1, 5); got (1,)"),
        ([[1]], (1, 5, 3), [[1] * 5], TypeError, "mask must be bool"),
    ],
)
def test_wrong_calls_are_refused(y_true, y_pred, mask, error, message):
    with pytest.raises(error, match=re.escape(f"CTC: {message}")):
        losses.CTC().forward(y_true, np.zeros(y_pred), mask=mask)


def test_wrong_options_are_refused():
    with pytest.raises(TypeError, match="CTC: zero_infinity must be True or False; got 1"):
        losses.CTC(zero_infinity=1)
