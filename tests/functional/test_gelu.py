"""Tests of GELU: accuracy in the tail, limits, and both forms."""

import numpy as np
import pytest

from seqfuse import functional as F
from seqfuse import reference

pytestmark = pytest.mark.each_isa

FORMS = pytest.mark.parametrize("approximate", [False, True], ids=["exact", "tanh"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def forward_and_backward(x, **options):
    y, tape = F.gelu_forward(x, **options)
    return y, F.gelu_backward(tape, np.ones_like(x))


@DTYPES
def test_gelu_is_accurate_in_the_tail(dtype):
    # Phi(x) has an error of at most 16 ulp. Without fused multiply-add, x^2 is rounded once more, which adds 64 ulp of
    # exp(-x^2/2) in float32 and 520 in float64; see cpp/tests/test_normal_distribution.cpp. The product adds one.
    last, ulps = (-12.5, 81) if dtype is np.float32 else (-37, 540)
    x = np.linspace(last, -1, 2000).astype(dtype)
    exact = reference.gelu(x.astype(np.longdouble)).astype(dtype)
    np.testing.assert_allclose(F.gelu(x), exact, rtol=ulps * np.finfo(dtype).eps)


@DTYPES
@FORMS
def test_gelu_of_infinite_and_large_numbers_is_the_limit(approximate, dtype):
    largest = np.finfo(dtype).max
    x = np.array([np.inf, largest, 1e4, 0, -0.0, -1e4, -largest, -np.inf], dtype)
    y, dx = forward_and_backward(x, approximate=approximate)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_array_equal(dx, [1, 1, 1, 0.5, 0.5, 0, 0, 0])
    assert all(np.isnan(forward_and_backward(np.array([np.nan], dtype), approximate=approximate)))


@FORMS
def test_gelu_of_infinite_and_large_numbers_matches_the_reference(approximate):
    x = np.array([np.inf, 1e300, 30, 0, -30, -1e300, -np.inf])
    y, tape = reference.gelu_forward(x, approximate=approximate)
    actual = forward_and_backward(x, approximate=approximate)
    for a, e in zip(actual, (y, reference.gelu_backward(tape, np.ones_like(x)))):
        np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-100)


@DTYPES
def test_gelu_approximation_differs_by_at_most_5e_4(dtype):
    x = np.linspace(-6, 6, 4001).astype(dtype)
    difference = np.abs(F.gelu(x) - F.gelu(x, approximate=True))
    assert 4e-4 < difference.max() < 5e-4
    y, tape = F.gelu_forward(x, approximate=True)
    np.testing.assert_array_equal(F.gelu(x, approximate=True), y)
    assert repr(tape) == f"<GELUTape x=(4001,) {np.dtype(dtype)}>"


@DTYPES
@FORMS
def test_gelu_backward_is_0_far_left_for_the_largest_dy(approximate, dtype):
    # Far to the left the slope is exactly 0. A tiny nonzero slope would show with the largest dy.
    x = np.full(33, -50, dtype)
    _, tape = F.gelu_forward(x, approximate=approximate)
    np.testing.assert_array_equal(F.gelu_backward(tape, np.full(33, np.finfo(dtype).max, dtype)), 0)


@FORMS
def test_gelu_accepts_x_of_any_shape(approximate):
    for shape in [(), (1,), (3, 1, 2)]:
        x = np.full(shape, 0.5)
        y, dx = forward_and_backward(x, approximate=approximate)
        assert y.shape == dx.shape == shape
        np.testing.assert_array_equal(y, F.gelu([0.5], approximate=approximate)[0])
