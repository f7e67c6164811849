"""Tests of the reference RMS normalization: formula, gradients and PyTorch."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse import reference

GAMMA = pytest.mark.parametrize("with_gamma", [False, True], ids=["", "gamma"])


def draw(leading=(4, 3), D=6, with_gamma=True, dtype=np.float64):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, *leading, D)).astype(dtype)
    return x, dy, rng.normal(size=D).astype(dtype) if with_gamma else None


def test_rms_norm_equals_its_formula():
    x, _, gamma = draw()
    expected = x / np.sqrt((x * x).mean(-1, keepdims=True) + 0.1) * gamma
    np.testing.assert_allclose(reference.rms_norm(x, gamma, epsilon=0.1), expected, rtol=1e-13)
    np.testing.assert_array_equal(reference.rms_norm(x), reference.rms_norm(x, np.ones(6), epsilon=1e-6))


def test_rms_norm_of_rows_with_mean_0_equals_layer_norm():
    x, _, gamma = draw()
    x -= x.mean(-1, keepdims=True)
    np.testing.assert_allclose(
        reference.rms_norm(x, gamma, epsilon=0.1), reference.layer_norm(x, gamma, epsilon=0.1), rtol=1e-12
    )


@GAMMA
@pytest.mark.parametrize("leading", [(), (4,), (2, 3), (0,)])
def test_rms_norm_backward_matches_central_differences(leading, with_gamma):
    x, dy, gamma = draw(leading, with_gamma=with_gamma)
    _, tape = reference.rms_norm_forward(x, gamma, epsilon=0.1)
    grads = reference.rms_norm_backward(tape, dy)
    assert (grads.dgamma is None) == (gamma is None)
    for name, array in (("x", x), ("gamma", gamma)):
        if array is not None:
            numeric = central_differences(lambda: (reference.rms_norm(x, gamma, epsilon=0.1) * dy).sum(), array)
            assert_gradient(f"d{name}", getattr(grads, f"d{name}"), numeric)


@GAMMA
def test_rms_norm_backward_adds_to_into_and_returns_it(with_gamma):
    x, dy, gamma = draw(with_gamma=with_gamma)
    _, tape = reference.rms_norm_forward(x, gamma)
    into = (np.ones(6) if with_gamma else None,)
    added = reference.rms_norm_backward(tape, dy, into=into)
    assert added.dgamma is into[0]
    if with_gamma:
        np.testing.assert_array_equal(into[0], 1 + reference.rms_norm_backward(tape, dy).dgamma)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_rms_norm_computes_in_the_wider_dtype(dtype):
    x, dy, gamma = draw(dtype=np.float32)
    y, tape = reference.rms_norm_forward(x, gamma.astype(dtype))
    assert {y.dtype, *(a.dtype for a in reference.rms_norm_backward(tape, dy))} == {np.dtype(dtype)}


def test_rms_norm_matches_torch():
    torch = pytest.importorskip("torch")
    x, dy, gamma = draw()
    torch_arrays = [torch.tensor(a, requires_grad=True) for a in (x, gamma)]
    torch_y = torch.nn.functional.rms_norm(torch_arrays[0], (6,), torch_arrays[1], 1e-6)
    torch_y.backward(torch.from_numpy(dy))
    y, tape = reference.rms_norm_forward(x, gamma)
    np.testing.assert_allclose(y, torch_y.detach().numpy(), rtol=1e-12, atol=1e-14)
    for actual, expected_array in zip(reference.rms_norm_backward(tape, dy), torch_arrays, strict=True):
        np.testing.assert_allclose(actual, expected_array.grad.numpy(), rtol=1e-12, atol=1e-14)
