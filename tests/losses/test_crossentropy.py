"""Tests of the binary and categorical cross-entropy: hand-computed values, clipping, invalid arguments."""

import numpy as np
import pytest

from seqfuse import losses

log = np.log


@pytest.mark.parametrize(
    ("function", "options", "y_true", "y_pred", "expected"),
    [
        (losses.binary_crossentropy, {}, [1, 0], [0.25, 0.5], -(log(0.25) + log(0.5)) / 2),
        (losses.binary_crossentropy, {"label_smoothing": 0.5}, [1], [0.25], -(0.75 * log(0.25) + 0.25 * log(0.75))),
        (losses.binary_crossentropy, {"from_logits": True}, [1, 0], [0, 0], log(2)),
        (losses.binary_crossentropy, {}, [0, 1], [1, 0], -log(1e-7)),
        (losses.categorical_crossentropy, {}, [0, 1, 0], [1, 2, 1], log(2)),
        (
            losses.categorical_crossentropy,
            {"label_smoothing": 0.5},
            [0, 1],
            [1, 3],
            -(0.25 * log(0.25) + 0.75 * log(0.75)),
        ),
        (losses.categorical_crossentropy, {"from_logits": True}, [0, 1], [0, log(3)], -log(0.75)),
        (losses.categorical_crossentropy, {}, [0, 1], [1, 0], -log(1e-7)),
    ],
)
def test_functions_return_one_value_per_row(function, options, y_true, y_pred, expected):
    np.testing.assert_allclose(function([y_true], np.array([y_pred], float), **options), [expected], rtol=1e-7)


@pytest.mark.parametrize("loss", [losses.BinaryCrossentropy(True), losses.CategoricalCrossentropy(True)], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_crossentropy_does_not_overflow_when_logits_are_huge(loss, dtype):
    value, tape = loss.forward([[0, 1]], np.array([[1e4, -1e4]], dtype))
    count = 2 if isinstance(loss, losses.BinaryCrossentropy) else 1
    assert value == pytest.approx(2e4 / 1 if count == 1 else 1e4)
    np.testing.assert_allclose(loss.backward(tape) * count, [[1, -1]])


@pytest.mark.parametrize("loss", [losses.BinaryCrossentropy(), losses.CategoricalCrossentropy()], ids=repr)
def test_gradient_is_zero_when_probability_is_clipped(loss):
    value, tape = loss.forward([[0.0, 1.0]], [[1.0, 0.0]])
    assert np.isfinite(value)
    np.testing.assert_array_equal(loss.backward(tape), [[0, 0]])


@pytest.mark.parametrize("cls", [losses.BinaryCrossentropy, losses.CategoricalCrossentropy])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"from_logits": 1}, TypeError, "from_logits must be True or False; got 1"),
        ({"label_smoothing": 1.5}, ValueError, r"label_smoothing must be in \[0, 1\); got 1.5"),
        ({"axis": 1}, ValueError, "axis must be -1; got 1. Move the classes last"),
    ],
)
def test_constructor_refuses_invalid_options(cls, options, error, message):
    with pytest.raises(error, match=f"^{cls.__name__}: {message}"):
        cls(**options)


def test_categorical_crossentropy_refuses_class_indices():
    with pytest.raises(
        ValueError, match=r"y_true must be as y_pred = \(3, 4\); got \(3,\)\. For class indices .* to_categorical"
    ):
        losses.CategoricalCrossentropy()([0, 1, 2], np.ones((3, 4)))
