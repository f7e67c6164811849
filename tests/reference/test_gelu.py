"""Tests of the reference GELU: formula, dtypes, gradients and PyTorch."""

import math

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse import reference

FORMS = pytest.mark.parametrize("approximate", [False, True], ids=["exact", "tanh"])


def test_gelu_equals_its_formula_to_the_last_digits():
    # The numbers include |x| = 1.5, where the series ends and the continued fraction begins, and the far tail.
    x = np.concatenate([np.linspace(-37, 9, 4001), 1.5 + np.arange(-9, 9) / 2**50, -1.5 + np.arange(-9, 9) / 2**50])
    exact = np.array([a * math.erfc(-a / math.sqrt(2)) / 2 for a in x])
    # Rounding the argument of math.erfc changes the result by up to 37^2 times as much, in relative terms.
    np.testing.assert_allclose(reference.gelu(x), exact, rtol=4e-13)
    is_near_0 = np.abs(x) < 3
    np.testing.assert_allclose(reference.gelu(x[is_near_0]), exact[is_near_0], rtol=1e-14)


def test_gelu_in_longdouble_is_more_accurate_than_float64():
    # The integral of the density from 0 to 1, from its series in integers: exact to 40 digits.
    scale = 10**45
    term = total = scale  # x = 1: sum of 1 / (3 * 5 * ... * (2n + 1))
    for n in range(3, 99, 2):
        term //= n
        total += term
    density = np.exp(np.longdouble(-0.5)) / np.sqrt(8 * np.arctan(np.longdouble(1)))
    digits = str(total)
    series = np.longdouble(digits[0] + "." + digits[1:])
    y = reference.gelu(np.ones(1, np.longdouble))[0]
    assert abs(y - (np.longdouble(0.5) + density * series)) <= 4 * np.finfo(np.longdouble).eps


def test_gelu_approximation_equals_its_formula():
    x = np.linspace(-2, 5, 101)
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    np.testing.assert_allclose(reference.gelu(x, approximate=True), x * (1 + np.tanh(u)) / 2, rtol=1e-11, atol=1e-16)


@FORMS
@pytest.mark.parametrize("shape", [(), (0,), (40,), (2, 3)])
def test_gelu_backward_matches_central_differences(shape, approximate):
    rng = np.random.default_rng(0)
    x, dy = np.array(3 * rng.normal(size=shape)), rng.normal(size=shape)
    _, tape = reference.gelu_forward(x, approximate=approximate)
    numeric = central_differences(lambda: (reference.gelu(x, approximate=approximate) * dy).sum(), x)
    assert_gradient("dx", reference.gelu_backward(tape, dy), numeric)


@FORMS
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_gelu_computes_in_the_dtype_of_x_and_has_the_right_limits(dtype, approximate):
    x = np.array([-np.inf, -np.finfo(dtype).max, np.nan, np.finfo(dtype).max, np.inf], dtype)
    y, tape = reference.gelu_forward(x, approximate=approximate)
    dx = reference.gelu_backward(tape, np.ones(5))
    assert y.dtype == dx.dtype == dtype
    np.testing.assert_array_equal(y, [0, 0, np.nan, x[3], np.inf])
    np.testing.assert_array_equal(dx, [0, 0, np.nan, 1, 1])


@FORMS
def test_gelu_matches_torch(approximate):
    torch = pytest.importorskip("torch")
    x = np.linspace(-6, 6, 201)
    torch_x = torch.tensor(x, requires_grad=True)
    torch_y = torch.nn.functional.gelu(torch_x, approximate="tanh" if approximate else "none")
    torch_y.sum().backward()
    y, tape = reference.gelu_forward(x, approximate=approximate)
    np.testing.assert_allclose(y, torch_y.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        reference.gelu_backward(tape, np.ones(201)), torch_x.grad.numpy(), rtol=1e-12, atol=1e-14
    )
