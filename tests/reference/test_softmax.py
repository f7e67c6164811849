"""Tests of the reference softmax: formula, gradients, extreme numbers and PyTorch."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse import reference


def draw(shape, dtype=np.float64):
    return np.random.default_rng(0).normal(size=(2, *shape)).astype(dtype)


def test_softmax_equals_its_formula():
    x, _ = draw((4, 3, 5))
    np.testing.assert_allclose(reference.softmax(x), np.exp(x) / np.exp(x).sum(-1, keepdims=True), rtol=1e-14)


@pytest.mark.parametrize("shape", [(1,), (5,), (2, 3, 4), (0, 3), (3, 0)])
def test_softmax_backward_matches_central_differences(shape):
    x, dy = draw(shape)
    _, tape = reference.softmax_forward(x)
    numeric = central_differences(lambda: (reference.softmax(x) * dy).sum(), x)
    assert_gradient("dx", reference.softmax_backward(tape, dy), numeric)


def test_softmax_of_extreme_numbers():
    inf, nan = np.inf, np.nan
    x = [[1e300, 1e300, -1e300], [0, -inf, 0], [-inf, -inf, -inf], [inf, 0, 0], [nan, 0, 0]]
    expected = [[0.5, 0.5, 0], [0.5, 0, 0.5], [nan] * 3, [nan] * 3, [nan] * 3]
    expected[3][1:] = [nan, nan]
    np.testing.assert_array_equal(reference.softmax(x), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_softmax_computes_in_the_dtype_of_x(dtype):
    x, dy = draw((3, 4), dtype)
    y, tape = reference.softmax_forward(x)
    assert y.dtype == reference.softmax_backward(tape, dy.astype(np.float64)).dtype == dtype


def test_softmax_matches_torch():
    torch = pytest.importorskip("torch")
    x, dy = draw((2, 3, 5))
    torch_x = torch.tensor(x, requires_grad=True)
    torch_y = torch.nn.functional.softmax(torch_x, -1)
    torch_y.backward(torch.from_numpy(dy))
    y, tape = reference.softmax_forward(x)
    np.testing.assert_allclose(y, torch_y.detach().numpy(), rtol=1e-14)
    np.testing.assert_allclose(reference.softmax_backward(tape, dy), torch_x.grad.numpy(), rtol=1e-12, atol=1e-16)
