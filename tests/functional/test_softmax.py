"""Tests of softmax: sums, excluded entries, extreme numbers and undefined rows."""

import numpy as np
import pytest

from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
WIDTHS = pytest.mark.parametrize("D", [1, 15, 16, 17, 65, 1000])


def draw(*shape, dtype=np.float64):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


@DTYPES
@WIDTHS
def test_softmax_is_positive_and_sums_to_1(D, dtype):
    # Each probability has an error of at most 2 ulp, and so has their sum.
    y = F.softmax(5 * draw(7, D, dtype=dtype))
    assert (y > 0).all()
    np.testing.assert_allclose(y.astype(np.longdouble).sum(axis=-1).astype(float), 1, rtol=2 * np.finfo(dtype).eps)


@DTYPES
@WIDTHS
def test_softmax_of_minus_infinity_is_0_and_changes_no_other_entry(D, dtype):
    x = draw(5, D, dtype=dtype)
    extended_x = np.concatenate([x, np.full((5, 70), -np.inf, dtype)], axis=-1)
    y = F.softmax(extended_x)
    np.testing.assert_array_equal(y[:, D:], 0)
    np.testing.assert_array_equal(y[:, :D], F.softmax(x))


@DTYPES
@pytest.mark.parametrize("D", [1, 17, 40])
def test_softmax_is_nan_only_in_rows_with_nan_infinity_or_only_minus_infinity(D, dtype):
    x = draw(5, D, dtype=dtype)
    x[1], x[2, 0], x[3, D // 2] = -np.inf, np.inf, np.nan
    y, tape = F.softmax_forward(x)
    dx = F.softmax_backward(tape, np.ones_like(x))
    for result in (y, dx):
        assert np.isnan(result[1:4]).all()
        assert np.isfinite(result[[0, 4]]).all()


@DTYPES
def test_softmax_does_not_overflow_with_huge_numbers(dtype):
    largest = np.finfo(dtype).max
    y = F.softmax(np.array([[largest, largest, -largest], [-largest] * 3, [largest, 0, -largest]], dtype))
    np.testing.assert_array_equal(y[0], [0.5, 0.5, 0])
    np.testing.assert_allclose(y[1], 1 / 3, rtol=2 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(y[2], [1, 0, 0])


@DTYPES
def test_softmax_does_not_change_when_a_constant_is_added_to_a_row(dtype):
    # The bits are equal because the sums x + 128 are exact.
    x = np.round(draw(9, 33, dtype=dtype) * 64) / 64
    np.testing.assert_array_equal(F.softmax(x + 128), F.softmax(x))


@DTYPES
@WIDTHS
def test_softmax_backward_of_equal_numbers_is_nearly_0(D, dtype):
    # The sum of the probabilities is constant, so only the rounding errors of that sum remain.
    y, tape = F.softmax_forward(draw(7, D, dtype=dtype))
    np.testing.assert_allclose(F.softmax_backward(tape, np.full_like(y, 3)), 0, atol=12 * np.finfo(dtype).eps)


@DTYPES
def test_softmax_agrees_with_the_gradient_of_the_cross_entropy(dtype):
    # The gradient of the loss is softmax - onehot. Near -1 it is rounded to a multiple of eps / 2.
    x, labels = draw(6, 37, dtype=dtype), np.arange(6)
    _, tape = F.softmax_cross_entropy_forward(x, labels)
    gradient = F.softmax_cross_entropy_backward(tape, 6.0)
    gradient[np.arange(6), labels] += 1
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(F.softmax(x), gradient, rtol=8 * eps, atol=eps)


@pytest.mark.parametrize("leading", [(), (6,), (2, 3)], ids=str)
def test_softmax_accepts_any_leading_axes(leading):
    x, dy = draw(2, *leading, 21)
    y, tape = F.softmax_forward(x)
    flat_y, flat_tape = F.softmax_forward(x.reshape(-1, 21))
    np.testing.assert_array_equal(y.reshape(-1, 21), flat_y)
    dx = F.softmax_backward(tape, dy)
    assert y.shape == dx.shape == x.shape
    np.testing.assert_array_equal(dx.reshape(-1, 21), F.softmax_backward(flat_tape, dy.reshape(-1, 21)))
