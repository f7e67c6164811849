"""SiLU: digits far into the tail, and what it tends to."""

import numpy as np
import pytest

from seqfuse import functional as F

pytestmark = pytest.mark.each_isa

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def both(x):
    y, tape = F.silu_forward(x)
    return y, F.silu_backward(tape, np.ones_like(x))


@DTYPES
def test_silu_keeps_its_digits_in_the_tail(dtype):
    """Rule: exp is within 0.9 ulp, and a sum, a quotient and two products are rounded once more each: 3 ulp; the slope
    adds as much, as a sum without cancellation where x < -2."""
    x = np.linspace(-80 if dtype is np.float32 else -700, -2, 2000).astype(dtype)
    wide = x.astype(np.longdouble)
    e = np.exp(wide)
    y, dx = both(x)
    np.testing.assert_allclose(y, (wide * e / (1 + e)).astype(dtype), rtol=4 * np.finfo(dtype).eps)
    slope = e / (1 + e) * (1 + wide / (1 + e))
    np.testing.assert_allclose(dx, slope.astype(dtype), rtol=16 * np.finfo(dtype).eps)


@DTYPES
def test_ends_are_what_it_tends_to(dtype):
    largest = np.finfo(dtype).max
    x = np.array([np.inf, largest, 1e4, 0, -0.0, -1e4, -largest, -np.inf], dtype)
    y, dx = both(x)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_array_equal(dx, [1, 1, 1, 0.5, 0.5, 0, 0, 0])
    assert all(np.isnan(both(np.array([np.nan], dtype))))


@DTYPES
def test_x_and_minus_x_add_up_to_x(dtype):
    """x sigmoid(x) + x sigmoid(-x) = x: the two sides are one function."""
    x = np.linspace(0, 20, 999).astype(dtype)
    np.testing.assert_allclose(F.silu(x) - F.silu(-x), x, rtol=4 * np.finfo(dtype).eps)


@DTYPES
def test_without_a_tape_it_has_the_same_bits(dtype):
    x = np.linspace(-9, 9, 999).astype(dtype)
    y, tape = F.silu_forward(x)
    np.testing.assert_array_equal(F.silu(x), y)
    assert repr(tape) == f"<SiLUTape x=(999,) {np.dtype(dtype)}>"
