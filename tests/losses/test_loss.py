"""Tests of the base class of the losses: weights, masks, reductions, custom losses, invalid arguments."""

import re

import numpy as np
import pytest

from seqfuse import losses

TRUE, PRED = np.zeros((2, 2, 1)), np.array([[[1.0], [2.0]], [[3.0], [4.0]]])  # squares 1, 4, 9, 16
MASK = np.array([[True, True], [True, False]])


@pytest.mark.parametrize(
    ("reduction", "weights", "mask", "expected"),
    [
        ("sum_over_batch_size", None, None, 30 / 4),
        ("mean", None, None, 30 / 4),
        ("sum", None, None, 30),
        ("mean_with_sample_weight", None, None, 30 / 4),
        ("sum_over_batch_size", [2.0, 0.0], None, 10 / 4),
        ("sum_over_batch_size", [[1.0, 0.5], [0.0, 0.0]], None, 3 / 4),
        ("mean_with_sample_weight", [[1.0, 0.5], [0.0, 0.0]], None, 3 / 1.5),
        ("sum", [2.0, 0.0], None, 10),
        ("sum_over_batch_size", None, MASK, 14 / 3),
        ("mean_with_sample_weight", None, MASK, 14 / 3),
        ("sum", None, MASK, 14),
        ("sum_over_batch_size", [1.0, 2.0], MASK, (5 + 18) / 3),
        ("mean_with_sample_weight", [1.0, 2.0], MASK, (5 + 18) / 4),
        ("sum_over_batch_size", None, [True, False], 5 / 2),
        ("sum_over_batch_size", 3.0, None, 90 / 4),
    ],
)
def test_forward_applies_weights_mask_and_reduction(reduction, weights, mask, expected):
    loss = losses.MeanSquaredError(reduction=reduction)
    for y_true in (
        TRUE,
        TRUE[..., 0],
    ):  # targets (N, T) with predictions (N, T, 1): mean over T as in Keras, unless there are step weights
        if y_true.ndim == 3 or mask is MASK or np.ndim(weights) == 2:
            value, _ = loss.forward(y_true, PRED, weights, mask)
            assert value == pytest.approx(expected)
            assert type(value) is float


def test_forward_returns_all_values_when_reduction_is_none():
    loss = losses.MeanSquaredError(reduction=None)
    value, tape = loss.forward(TRUE, PRED, [1.0, 2.0], MASK)
    np.testing.assert_array_equal(value, [[1, 4], [18, 0]])
    np.testing.assert_array_equal(loss.backward(tape, [[1, 1], [1, 9]])[..., 0], [[2, 4], [12, 0]])


def test_call_returns_the_loss_without_a_tape():
    assert losses.MeanSquaredError()(TRUE, PRED) == 7.5
    assert losses.MeanSquaredError()(TRUE, PRED, [2, 0]) == 2.5


class Cubic(losses.Loss):
    """Custom loss with one value per sequence."""

    def values(self, y_true, y_pred):
        return ((y_pred - y_true) ** 3).sum(axis=(1, 2))

    def gradient(self, y_true, y_pred):
        return 3 * (y_pred - y_true) ** 2


def test_custom_loss_needs_values_and_gradient():
    loss = Cubic()
    assert loss.name == "cubic"
    value, tape = loss.forward(TRUE, PRED, sample_weight=[1.0, 2.0])
    assert value == (1 + 8 + 2 * (27 + 64)) / 2
    np.testing.assert_array_equal(loss.backward(tape)[..., 0], np.array([[3, 12], [2 * 27, 2 * 48]]) / 2)
    np.testing.assert_array_equal(loss.backward(tape, 10.0), 10 * loss.backward(tape))


class FirstClass(losses.Loss):
    """Custom loss with class indices: 1 - y_pred at the label."""

    labels = True

    def values(self, y_true, y_pred):
        return 1 - np.take_along_axis(y_pred, y_true[..., None], -1)[..., 0]

    def gradient(self, y_true, y_pred):
        return -(np.arange(y_pred.shape[-1]) == y_true[..., None]).astype(float)


def test_custom_loss_accepts_class_indices():
    loss = FirstClass()
    value, tape = loss.forward([[1.0], [0.0]], np.float32([[0.25, 0.5], [0.75, 0.0]]))
    assert value == (0.5 + 0.25) / 2
    gradient = loss.backward(tape)
    assert gradient.dtype == np.float32
    np.testing.assert_array_equal(gradient, [[0, -0.5], [-0.5, 0]])


@pytest.mark.parametrize(
    ("method", "result", "message"),
    [
        ("values", np.zeros(3), "Cubic.values: values must be the first axes of y_pred = (2, 2, 1); got (3,)"),
        ("gradient", np.zeros(2), "Cubic.gradient: dy_pred must be as y_pred = (2, 2, 1); got (2,)"),
    ],
)
def test_custom_loss_with_wrong_result_shape_is_refused(monkeypatch, method, result, message):
    monkeypatch.setattr(Cubic, method, lambda self, y_true, y_pred: result)
    loss = Cubic()
    with pytest.raises(ValueError, match=re.escape(message)):
        loss.backward(loss.forward(TRUE, PRED)[1])


@pytest.mark.parametrize("method", ["values", "gradient"])
def test_missing_method_is_named(method):
    with pytest.raises(NotImplementedError, match=rf"Loss must define {method}\(y_true, y_pred\)"):
        getattr(losses.Loss(), method)(TRUE, PRED)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((TRUE, PRED[0]), ValueError, "y_true must be as y_pred = (2, 1); got (2, 2, 1)"),
        ((np.zeros(4), np.zeros((4, 3))), ValueError, "must be as y_pred = (4, 3); got (4,). For class indices use"),
        ((0.0, 0.0), ValueError, "y_pred must be (N, ...); got ()"),
        ((TRUE, PRED * 1j), TypeError, "y_pred must be float64, float32, half, integers or bool; got complex128"),
        (("text", PRED), TypeError, "y_true must be float64, float32, half, integers or bool; got <U4"),
        (
            (TRUE, PRED, np.ones(3)),
            ValueError,
            "sample_weight must be (...), one number per value, or the first axes of that shape, =",
        ),
        ((TRUE, PRED, np.ones((2, 2, 2))), ValueError, "= (2, 2); got (2, 2, 2)"),
        ((TRUE, PRED, "no"), TypeError, "sample_weight must be float64, float32, half, integers or bool; got <U2"),
        (
            (TRUE, PRED, None, [1, 0]),
            TypeError,
            "mask must be bool, True where a value counts; got int64. Pass mask.astype",
        ),
        ((TRUE, PRED, None, [True]), None, ""),
        (
            (TRUE, PRED, None, [True] * 3),
            ValueError,
            "mask must be (...), one number per value, or the first axes of that shape,",
        ),
    ],
)
def test_forward_refuses_invalid_arguments(arguments, error, message):
    loss = losses.MeanSquaredError()
    if error is None:
        assert loss.forward(*arguments)[0] == 7.5
        return
    with pytest.raises(error, match="^" + re.escape("MeanSquaredError: ")) as caught:
        loss.forward(*arguments)
    assert message in str(caught.value)


def test_backward_refuses_invalid_dloss():
    loss = losses.MeanSquaredError()
    _, tape = loss.forward(TRUE, PRED)
    with pytest.raises(
        ValueError, match=re.escape("MeanSquaredError.backward: dloss must be as the loss = (); got (2,)")
    ):
        loss.backward(tape, [1.0, 2.0])
    with pytest.raises(
        TypeError, match=r"MeanSquaredError\.backward: tape must come from forward of the same loss; got <LossTape"
    ):
        losses.MeanSquaredError().backward(tape)
    with pytest.raises(TypeError, match="tape must come from forward of the same loss; got None"):
        loss.backward(None)
    loss = losses.MeanSquaredError(None)
    with pytest.raises(ValueError, match=re.escape("dloss must be as the loss = (2, 2); got (2,)")):
        loss.backward(loss.forward(TRUE, PRED)[1], [1.0, 2.0])


def test_invalid_reduction_suggests_the_nearest_name():
    with pytest.raises(
        ValueError, match=r'Huber: reduction must be one of .* or None; got \'sums\'\. Did you mean "sum"'
    ):
        losses.Huber(reduction="sums")


def test_tape_repr_names_its_loss():
    assert repr(losses.Huber().forward(TRUE, PRED)[1]) == "<LossTape Huber y_pred=(2, 2, 1) float64>"
