"""Tests of the regression losses with hand-computed values."""

import numpy as np
import pytest

from seqfuse import losses

TRUE, PRED = [[0.0, 1.0], [2.0, 2.0]], [[1.0, 3.0], [2.0, 1.5]]  # errors 1, 2 and 0, -0.5


@pytest.mark.parametrize(
    ("function", "options", "expected"),
    [
        (losses.mean_squared_error, {}, [2.5, 0.125]),
        (losses.mean_absolute_error, {}, [1.5, 0.25]),
        (losses.huber, {}, [(0.5 + 1.5) / 2, 0.125 / 2]),
        (losses.huber, {"delta": 0.25}, [((0.25 - 0.03125) + (0.5 - 0.03125)) / 2, (0.125 - 0.03125) / 2]),
    ],
)
def test_functions_return_one_value_per_row(function, options, expected):
    np.testing.assert_allclose(function(TRUE, PRED, **options), expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.MeanSquaredError("sum"), [[1, 2], [0, -0.5]]),
        (losses.MeanAbsoluteError("sum"), [[0.5, 0.5], [0, -0.5]]),
        (losses.Huber(1.0, "sum"), [[0.5, 0.5], [0, -0.25]]),
        (losses.Huber(0.0, "sum"), [[0, 0], [0, 0]]),
    ],
    ids=repr,
)
def test_backward_equals_hand_computed_gradients(loss, expected):
    np.testing.assert_array_equal(loss.backward(loss.forward(TRUE, PRED)[1]), expected)


def test_huber_does_not_overflow_when_the_square_does():
    loss = losses.Huber(2.0)
    value, tape = loss.forward(np.zeros((1, 1), np.float32), np.full((1, 1), 1e30, np.float32))
    assert value == pytest.approx(2e30, rel=1e-6)
    assert loss.backward(tape) == 2


@pytest.mark.parametrize(("delta", "error"), [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError)])
def test_huber_refuses_an_invalid_delta(delta, error):
    with pytest.raises(error, match=r"^Huber: delta must be "):
        losses.Huber(delta)
