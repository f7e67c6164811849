"""Tests of every update rule: accuracy against the reference, bitwise equality for threads and instruction sets."""

import inspect
from itertools import cycle

import numpy as np
import pytest
from support.pairwise import pairwise

import seqfuse as sf
from seqfuse import _backend, optimizers, reference
from seqfuse._update import Update

WIDER = {np.float32: np.float64, np.float64: np.longdouble}
TIMES = 2 if _backend.isa in _backend.with_fma() else 3  # 3 without fused multiply-add, as in accuracy.py

# For each rule its reference function, and the names of that function's arguments for the optimizer's states.
RULES = {
    "sgd": (optimizers.SGD(0.05), reference.sgd_update, {}),
    "sgd_momentum": (optimizers.SGD(0.05, 0.9), reference.sgd_update, {"m": "momentum"}),
    "sgd_nesterov": (optimizers.SGD(0.05, 0.8, nesterov=True), reference.sgd_update, {"m": "momentum"}),
    "rmsprop": (optimizers.RMSprop(0.01), reference.rmsprop_update, {"v": "velocity"}),
    "rmsprop_momentum": (
        optimizers.RMSprop(0.01, momentum=0.5),
        reference.rmsprop_update,
        {"v": "velocity", "m": "momentum"},
    ),
    "rmsprop_centered": (
        optimizers.RMSprop(0.01, epsilon=0.1, centered=True),
        reference.rmsprop_update,
        {"v": "velocity", "a": "average_gradient"},
    ),
    "rmsprop_centered_momentum": (
        optimizers.RMSprop(0.01, 0.8, 0.5, 0.1, centered=True),
        reference.rmsprop_update,
        {"v": "velocity", "m": "momentum", "a": "average_gradient"},
    ),
    "adam": (optimizers.Adam(0.01), reference.adam_update, {"m": "momentum", "v": "velocity"}),
    "adam_amsgrad": (
        optimizers.Adam(0.01, 0.8, 0.9, amsgrad=True),
        reference.amsgrad_update,
        {"m": "momentum", "v": "velocity", "v_hat": "velocity_hat"},
    ),
    "adagrad": (optimizers.Adagrad(0.1), reference.adagrad_update, {"v": "accumulator"}),
}
# Sizes: less than one packet, whole packets, one element more or less, and enough for several threads.
SIZES = [3, 16, 17, 31, 33001]


def draw(n, dtype, steps, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n).astype(dtype), rng.normal(size=(steps, n)).astype(dtype)


def by_kernel(name, parameters, gradients, **options):
    optimizer = RULES[name][0]
    optimizer = type(optimizer).from_config(optimizer.get_config() | options)
    optimizer.build(parameters.dtype, [("kernel", 0, parameters.size)])
    parameters = parameters.copy()
    for gradient in gradients:
        optimizer.update(parameters, gradient)
    state = optimizer.state
    del state["iteration"]
    return {"parameters": parameters} | state


def by_reference(name, parameters, gradients):
    optimizer, update, arguments = RULES[name]
    made = {state: np.full_like(parameters, value) for state, value in optimizer._rule().states.items()}
    parameters = parameters.copy()
    taken = inspect.signature(update).parameters
    settings = {key: value for key, value in optimizer.get_config().items() if key in taken}
    for step, gradient in enumerate(gradients, 1):
        counted = {"step": step} if "step" in taken else {}
        states = {argument: made[state] for argument, state in arguments.items()}
        update(parameters, gradient, **states, **settings, **counted)
    return {"parameters": parameters} | made


def test_every_rule_has_a_case():
    assert {name: optimizer._rule().name for name, (optimizer, _, _) in RULES.items()} == {name: name for name in RULES}


@pytest.mark.each_isa
@pairwise(name=RULES, n=SIZES, dtype=[np.float32, np.float64])
def test_updates_are_as_accurate_as_the_reference(name, n, dtype):
    """The error is at most twice that of the reference plus 1 ulp. Small sizes are repeated with many samples."""
    drawn = [draw(n, dtype, 12, seed) for seed in range(max(1, 300 // n))]
    wide = [[array.astype(WIDER[dtype]) for array in pair] for pair in drawn]
    got, plain, truth = (
        [run(name, *pair) for pair in pairs]
        for run, pairs in ((by_kernel, drawn), (by_reference, drawn), (by_reference, wide))
    )
    assert got[0].keys() == truth[0].keys()
    for key in truth[0]:
        kernel, reference, true = (np.concatenate([one[key] for one in of]) for of in (got, plain, truth))
        ulp = np.spacing(np.abs(true).max().astype(dtype))
        error, limit = (np.abs(a - true).astype(float) / ulp for a in (kernel, reference))
        rms, allowed = (float(np.sqrt(np.mean(e * e))) for e in (error, limit))
        assert rms <= TIMES * allowed + 1, key
        assert error.max() <= TIMES * limit.max() + 1, key


@pytest.mark.each_isa
@pytest.mark.parametrize(("name", "limit"), list(zip(RULES, cycle(["clipnorm", "clipvalue", "global_clipnorm"]))))
def test_updates_are_bitwise_equal_for_any_number_of_threads(name, limit):
    parameters, gradients = draw(100_003, np.float32, 3)
    results = []
    for threads in (1, 2, 3):
        with sf.num_threads(threads):
            results.append(by_kernel(name, parameters, gradients, **{limit: 0.7}))
    for result in results[1:]:
        for key, array in result.items():
            np.testing.assert_array_equal(array.view("u4"), results[0][key].view("u4"), err_msg=key)


FUSED = [isa for isa in _backend.available() if isa in _backend.with_fma()]


@pytest.mark.skipif(len(FUSED) < 2, reason="one instruction set with fused multiply-add is here")
@pairwise(name=RULES, dtype=[np.float32, np.float64], limit=["clipnorm", "clipvalue"])
def test_updates_are_bitwise_equal_for_all_instruction_sets(name, dtype, limit, monkeypatch):
    parameters, gradients = draw(20_011, dtype, 3)
    results = []
    for isa in FUSED:
        monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
        results.append(by_kernel(name, parameters, gradients, **{limit: 0.7}))
    for key, array in results[0].items():
        np.testing.assert_array_equal(array, results[1][key], err_msg=key)


def test_kernel_refuses_an_unknown_rule():
    one, runs = np.zeros(1), np.array([[0, 1, 0]])
    with pytest.raises(ValueError, match="got adams"):
        _backend.kernels.optimizer_update(Update("adams", (), (), runs), one, one, None, 1, 0.1, 0.0, 1)
    with pytest.raises(ValueError, match="wrong number of states or numbers for rule adam"):
        _backend.kernels.optimizer_update(Update("adam", (), (), runs), one, one, None, 1, 0.1, 0.0, 1)


@pytest.mark.each_isa
def test_centered_variance_is_not_negative_when_gradients_hardly_change():
    optimizer = optimizers.RMSprop(0.01, centered=True)
    optimizer.build("float32", [("kernel", 0, 40)])
    parameters = np.zeros(40, np.float32)
    for _ in range(300):
        optimizer.update(parameters, np.linspace(900, 1000, 40, dtype=np.float32))
    assert np.isfinite(parameters).all()
