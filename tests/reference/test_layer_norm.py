"""Tests of the reference layer normalization: formula, gradients and PyTorch."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse import reference

WEIGHTS = pytest.mark.parametrize("names", [(), ("gamma",), ("beta",), ("gamma", "beta")], ids=str)


def draw(leading=(4, 3), D=6, names=("gamma", "beta"), dtype=np.float64):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, *leading, D)).astype(dtype)
    return x, dy, {name: rng.normal(size=D).astype(dtype) for name in names}


def test_layer_norm_equals_its_formula():
    x, _, weights = draw()
    h = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 0.1)
    y = reference.layer_norm(x, **weights, epsilon=0.1)
    np.testing.assert_allclose(y, h * weights["gamma"] + weights["beta"], rtol=1e-13)
    np.testing.assert_allclose(reference.layer_norm(x), reference.layer_norm(x, np.ones(6), np.zeros(6), epsilon=1e-3))


@WEIGHTS
@pytest.mark.parametrize("leading", [(), (4,), (2, 3), (0,)])
def test_layer_norm_backward_matches_central_differences(leading, names):
    x, dy, weights = draw(leading, names=names)
    _, tape = reference.layer_norm_forward(x, **weights, epsilon=0.1)
    grads = reference.layer_norm_backward(tape, dy)
    for name in ("gamma", "beta"):
        assert (getattr(grads, f"d{name}") is None) == (name not in weights)
    for name, array in {"x": x, **weights}.items():
        numeric = central_differences(lambda: (reference.layer_norm(x, **weights, epsilon=0.1) * dy).sum(), array)
        assert_gradient(f"d{name}", getattr(grads, f"d{name}"), numeric)


@WEIGHTS
def test_layer_norm_backward_adds_to_into_and_returns_it(names):
    x, dy, weights = draw(names=names)
    _, tape = reference.layer_norm_forward(x, **weights)
    without_into = reference.layer_norm_backward(tape, dy)
    into = tuple(np.ones(6) if name in names else None for name in ("gamma", "beta"))
    added = reference.layer_norm_backward(tape, dy, into=into)
    for actual, given, gradient in zip(added[1:], into, without_into[1:], strict=True):
        assert actual is given
        if given is not None:
            np.testing.assert_array_equal(given, 1 + gradient)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_layer_norm_computes_in_the_widest_dtype(dtype):
    x, dy, weights = draw(dtype=np.float32)
    weights["beta"] = weights["beta"].astype(dtype)
    y, tape = reference.layer_norm_forward(x, **weights)
    assert {y.dtype, *(a.dtype for a in reference.layer_norm_backward(tape, dy))} == {np.dtype(dtype)}


def test_layer_norm_matches_torch():
    torch = pytest.importorskip("torch")
    x, dy, weights = draw()
    torch_arrays = [torch.tensor(a, requires_grad=True) for a in (x, *weights.values())]
    torch_y = torch.nn.functional.layer_norm(torch_arrays[0], (6,), *torch_arrays[1:], 1e-3)
    torch_y.backward(torch.from_numpy(dy))
    y, tape = reference.layer_norm_forward(x, **weights)
    np.testing.assert_allclose(y, torch_y.detach().numpy(), rtol=1e-12, atol=1e-14)
    for actual, expected in zip(reference.layer_norm_backward(tape, dy), torch_arrays, strict=True):
        np.testing.assert_allclose(actual, expected.grad.numpy(), rtol=1e-12, atol=1e-14)
