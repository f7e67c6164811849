"""GELU: digits far into the tail, what it tends to, and both forms."""

import numpy as np
import pytest

from seqfuse import functional as F
from seqfuse import reference

pytestmark = pytest.mark.each_isa

FORMS = pytest.mark.parametrize("approximate", [False, True], ids=["exact", "tanh"])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def both(x, **how):
    y, tape = F.gelu_forward(x, **how)
    return y, F.gelu_backward(tape, np.ones_like(x))


@DTYPES
def test_gelu_keeps_its_digits_in_the_tail(dtype):
    """Rule: Phi(x) is within 16 ulp, and without fused multiply-adds x^2 rounded once, 64 and 520 ulp of e^(-x^2/2),
    more (cpp/tests/test_normal_distribution); a product is rounded once more."""
    last, ulps = (-12.5, 81) if dtype is np.float32 else (-37, 540)
    x = np.linspace(last, -1, 2000).astype(dtype)
    exact = reference.gelu(x.astype(np.longdouble)).astype(dtype)
    np.testing.assert_allclose(F.gelu(x), exact, rtol=ulps * np.finfo(dtype).eps)


@DTYPES
@FORMS
def test_ends_are_what_it_tends_to(approximate, dtype):
    largest = np.finfo(dtype).max
    x = np.array([np.inf, largest, 1e4, 0, -0.0, -1e4, -largest, -np.inf], dtype)
    y, dx = both(x, approximate=approximate)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_array_equal(dx, [1, 1, 1, 0.5, 0.5, 0, 0, 0])
    assert all(np.isnan(both(np.array([np.nan], dtype), approximate=approximate)))


@FORMS
def test_ends_are_those_of_the_reference(approximate):
    x = np.array([np.inf, 1e300, 30, 0, -30, -1e300, -np.inf])
    y, tape = reference.gelu_forward(x, approximate=approximate)
    got = both(x, approximate=approximate)
    for a, e in zip(got, (y, reference.gelu_backward(tape, np.ones_like(x)))):
        np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-100)


@DTYPES
def test_both_forms_are_close_and_not_the_same(dtype):
    x = np.linspace(-6, 6, 4001).astype(dtype)
    apart = np.abs(F.gelu(x) - F.gelu(x, approximate=True))
    assert 4e-4 < apart.max() < 5e-4
    y, tape = F.gelu_forward(x, approximate=True)
    np.testing.assert_array_equal(F.gelu(x, approximate=True), y)
    assert repr(tape) == f"<GELUTape x=(4001,) {np.dtype(dtype)}>"


@DTYPES
@FORMS
def test_a_gradient_times_a_slope_of_zero_is_zero(approximate, dtype):
    """The slope of the far left is 0, not something that the largest dy would show."""
    x = np.full(33, -50, dtype)
    _, tape = F.gelu_forward(x, approximate=approximate)
    np.testing.assert_array_equal(F.gelu_backward(tape, np.full(33, np.finfo(dtype).max, dtype)), 0)


@FORMS
def test_x_of_any_shape(approximate):
    for shape in [(), (1,), (3, 1, 2)]:
        x = np.full(shape, 0.5)
        y, dx = both(x, approximate=approximate)
        assert y.shape == dx.shape == shape
        np.testing.assert_array_equal(y, F.gelu([0.5], approximate=approximate)[0])
