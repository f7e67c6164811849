"""Tests of the reference SiLU: formula, dtypes, gradients and PyTorch."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse import reference


def test_silu_equals_its_formula():
    x = np.linspace(-30, 30, 601)
    np.testing.assert_allclose(reference.silu(x), x / (1 + np.exp(-x)), rtol=1e-14)


@pytest.mark.parametrize("shape", [(), (0,), (40,), (2, 3)])
def test_silu_backward_matches_central_differences(shape):
    rng = np.random.default_rng(0)
    x, dy = np.array(3 * rng.normal(size=shape)), rng.normal(size=shape)
    _, tape = reference.silu_forward(x)
    numeric = central_differences(lambda: (reference.silu(x) * dy).sum(), x)
    assert_gradient("dx", reference.silu_backward(tape, dy), numeric)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_silu_computes_in_the_dtype_of_x_and_has_the_right_limits(dtype):
    x = np.array([-np.inf, -np.finfo(dtype).max, np.nan, np.finfo(dtype).max, np.inf], dtype)
    y, tape = reference.silu_forward(x)
    dx = reference.silu_backward(tape, np.ones(5))
    assert y.dtype == dx.dtype == dtype
    np.testing.assert_array_equal(y, [0, 0, np.nan, x[3], np.inf])
    np.testing.assert_array_equal(dx, [0, 0, np.nan, 1, 1])


def test_silu_matches_torch():
    torch = pytest.importorskip("torch")
    x = np.linspace(-20, 20, 201)
    torch_x = torch.tensor(x, requires_grad=True)
    torch_y = torch.nn.functional.silu(torch_x)
    torch_y.sum().backward()
    y, tape = reference.silu_forward(x)
    np.testing.assert_allclose(y, torch_y.detach().numpy(), rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(
        reference.silu_backward(tape, np.ones(201)), torch_x.grad.numpy(), rtol=1e-12, atol=1e-14
    )
