"""Tests of SiLU: accuracy in the tail and limits."""

import numpy as np
import pytest

from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def forward_and_backward(x):
    y, tape = F.silu_forward(x)
    return y, F.silu_backward(tape, np.ones_like(x))


@DTYPES
def test_silu_is_accurate_in_the_tail(dtype):
    # exp has an error of at most 0.9 ulp. A sum, a quotient and two products are rounded once each: 3 ulp in all. The
    # slope is a sum without cancellation for x < -2 and adds as much again.
    x = np.linspace(-80 if dtype is np.float32 else -700, -2, 2000).astype(dtype)
    wide = x.astype(np.longdouble)
    e = np.exp(wide)
    y, dx = forward_and_backward(x)
    np.testing.assert_allclose(y, (wide * e / (1 + e)).astype(dtype), rtol=4 * np.finfo(dtype).eps)
    slope = e / (1 + e) * (1 + wide / (1 + e))
    np.testing.assert_allclose(dx, slope.astype(dtype), rtol=16 * np.finfo(dtype).eps)


@DTYPES
def test_silu_of_infinite_and_large_numbers_is_the_limit(dtype):
    largest = np.finfo(dtype).max
    x = np.array([np.inf, largest, 1e4, 0, -0.0, -1e4, -largest, -np.inf], dtype)
    y, dx = forward_and_backward(x)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_array_equal(dx, [1, 1, 1, 0.5, 0.5, 0, 0, 0])
    assert all(np.isnan(forward_and_backward(np.array([np.nan], dtype))))


@DTYPES
def test_silu_of_x_minus_silu_of_minus_x_is_x(dtype):
    # x sigmoid(x) + x sigmoid(-x) = x
    x = np.linspace(0, 20, 999).astype(dtype)
    np.testing.assert_allclose(F.silu(x) - F.silu(-x), x, rtol=4 * np.finfo(dtype).eps)


@DTYPES
def test_silu_without_a_tape_has_the_same_bits(dtype):
    x = np.linspace(-9, 9, 999).astype(dtype)
    y, tape = F.silu_forward(x)
    np.testing.assert_array_equal(F.silu(x), y)
    assert repr(tape) == f"<SiLUTape x=(999,) {np.dtype(dtype)}>"
