"""Tests of Adam: its formula, its first step, and PyTorch without epsilon."""

import numpy as np
import pytest

from seqfuse import reference


def test_adam_update_is_its_formula():
    rng = np.random.default_rng(0)
    params, m, v = rng.normal(size=(3, 2)), np.zeros((3, 2)), np.zeros((3, 2))
    expected, expected_m, expected_v = params.copy(), m.copy(), v.copy()
    for step in range(1, 6):
        grads = rng.normal(size=(3, 2))
        reference.adam_update(
            params, grads, m, v, step=step, learning_rate=0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-3, grad_scale=0.5
        )
        expected_m = 0.8 * expected_m + 0.2 * (grads / 2)
        expected_v = 0.9 * expected_v + 0.1 * (grads / 2) ** 2
        alpha = 0.1 * np.sqrt(1 - 0.9**step) / (1 - 0.8**step)
        expected -= alpha * expected_m / (np.sqrt(expected_v) + 1e-3)
        for actual, wanted in ((params, expected), (m, expected_m), (v, expected_v)):
            np.testing.assert_allclose(actual, wanted, rtol=1e-12, atol=1e-15)


def test_adam_update_moves_by_the_learning_rate_in_its_first_step():
    params, grads = np.zeros(3, np.float32), np.array([1e-2, -3, 1e6], np.float32)
    reference.adam_update(params, grads, np.zeros_like(params), np.zeros_like(params), step=1)
    np.testing.assert_allclose(params, [-0.001, 0.001, -0.001], rtol=1e-3)
    assert params.dtype == np.float32


def test_adam_update_matches_torch_without_epsilon():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    params = rng.normal(size=7)
    m, v, theirs = np.zeros(7), np.zeros(7), torch.tensor(params, requires_grad=True)
    optimizer = torch.optim.Adam([theirs], lr=0.01, eps=0)
    for step in range(1, 5):
        grads = rng.normal(size=7)
        reference.adam_update(params, grads, m, v, step=step, learning_rate=0.01, epsilon=0)
        theirs.grad = torch.from_numpy(grads)
        optimizer.step()
    np.testing.assert_allclose(params, theirs.detach().numpy(), rtol=1e-12)
