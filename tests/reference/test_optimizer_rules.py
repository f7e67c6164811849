"""Tests of the update rules other than Adam, against PyTorch without epsilon and at a constant learning rate."""

import numpy as np
import pytest

from seqfuse import reference

# The function, its settings, the number of states and their initial value; the same optimizer in PyTorch.
CASES = {
    "sgd": (reference.sgd_update, {}, [], "SGD", {}),
    "momentum": (reference.sgd_update, {"momentum": 0.9}, [0.0], "SGD", {"momentum": 0.9}),
    "nesterov": (
        reference.sgd_update,
        {"momentum": 0.9, "nesterov": True},
        [0.0],
        "SGD",
        {"momentum": 0.9, "nesterov": True},
    ),
    "rmsprop": (reference.rmsprop_update, {"rho": 0.8, "epsilon": 0}, [0.0], "RMSprop", {"alpha": 0.8, "eps": 0}),
    "rmsprop momentum": (
        reference.rmsprop_update,
        {"rho": 0.8, "momentum": 0.5, "epsilon": 0},
        [0.0, 0.0],
        "RMSprop",
        {"alpha": 0.8, "momentum": 0.5, "eps": 0},
    ),
    "rmsprop centered": (
        reference.rmsprop_update,
        {"rho": 0.8, "momentum": 0.5, "epsilon": 0},
        [0.0, 0.0, 0.0],
        "RMSprop",
        {"alpha": 0.8, "momentum": 0.5, "eps": 0, "centered": True},
    ),
    "adagrad": (
        reference.adagrad_update,
        {"epsilon": 0},
        [0.25],
        "Adagrad",
        {"initial_accumulator_value": 0.25, "eps": 0},
    ),
    "amsgrad": (
        reference.amsgrad_update,
        {"beta_1": 0.8, "beta_2": 0.5, "epsilon": 0},
        [0.0, 0.0, 0.0],
        "Adam",
        {"betas": (0.8, 0.5), "eps": 0, "amsgrad": True},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_updates_match_torch_without_epsilon(name):
    torch = pytest.importorskip("torch")
    update, settings, beginnings, theirs, options = CASES[name]
    rng = np.random.default_rng(0)
    params = rng.normal(size=7)
    states, tensor = [np.full(7, value) for value in beginnings], torch.tensor(params, requires_grad=True)
    optimizer = getattr(torch.optim, theirs)([tensor], lr=0.01, **options)
    for step in range(1, 7):
        grads = rng.normal(size=7) * (10 if step == 2 else 1)
        counted = {"step": step} if name == "amsgrad" else {}
        update(params, grads, *states, learning_rate=0.01, **settings, **counted)
        tensor.grad = torch.from_numpy(grads.copy())
        optimizer.step()
    np.testing.assert_allclose(params, tensor.detach().numpy(), rtol=1e-12)


def test_epsilon_stands_under_the_root_in_rmsprop_and_adagrad():
    for update, v in ((reference.rmsprop_update, 0.0), (reference.adagrad_update, 0.5)):
        params, v = np.zeros(1), np.array([v])
        update(params, np.ones(1), v, learning_rate=1.0, epsilon=0.25)
        np.testing.assert_allclose(params, -1 / np.sqrt(v + 0.25))
