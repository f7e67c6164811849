"""Tests of the reference readout: formula, gradients, optional arguments and dtypes."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences
from support.pairwise import pairwise

from seqfuse import reference
from seqfuse._activations import parse

FUNCTIONS = ["linear", "tanh", "softsign", ("elu", 0.7), ("hard_sigmoid", 0.3, 0.4)]


def draw(leading=(4, 2), H=3, I=2, O=5, skip=True, bias=True, dtype=np.float64):
    """Return the arguments of `readout` without the activation, and dy."""
    rng = np.random.default_rng(0)
    shapes = {"h": (*leading, H), "x": (*leading, I), "W": (H, O), "V": (I, O), "c": (O,)}
    arguments = {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    if not skip:
        arguments["x"] = arguments["V"] = None
    if not bias:
        arguments["c"] = None
    return arguments, rng.normal(size=(*leading, O)).astype(dtype)


def test_readout_equals_its_formula():
    arguments, _ = draw()
    h, x, W, V, c = arguments.values()
    np.testing.assert_allclose(reference.readout(h, x, W, V, c, "tanh"), np.tanh(h @ W + x @ V + c), rtol=1e-13)


@pairwise(activation=FUNCTIONS, skip=[False, True], bias=[False, True])
def test_readout_backward_matches_central_differences(activation, skip, bias):
    arguments, dy = draw(skip=skip, bias=bias)
    _, tape = reference.readout_forward(**arguments, activation=activation)
    kinks = {"elu": [0], "softsign": [0], "hard_sigmoid": [-4 / 3, 2]}
    for kink in kinks.get(parse("", "", activation).name, []):
        assert np.abs(tape.a - kink).min() > 1e-4
    grads = reference.readout_backward(tape, dy)
    for name, array in arguments.items():
        gradient = getattr(grads, f"d{name}")
        assert (gradient is None) == (array is None)
        if array is not None:
            numeric = central_differences(
                lambda: (reference.readout(**arguments, activation=activation) * dy).sum(), array
            )
            assert_gradient(f"d{name}", gradient, numeric)


@pytest.mark.parametrize("leading", [(), (1,), (0,), (2, 0, 3), (2, 3, 4)])
def test_readout_accepts_any_leading_axes(leading):
    arguments, dy = draw(leading)
    y, tape = reference.readout_forward(**arguments, activation="elu")
    grads = reference.readout_backward(tape, dy)
    assert y.shape == dy.shape
    assert [getattr(grads, f"d{name}").shape for name in arguments] == [a.shape for a in arguments.values()]


def test_readout_of_no_inputs_equals_readout_without_skip():
    arguments, _ = draw(I=0)
    without_skip = {**arguments, "x": None, "V": None}
    np.testing.assert_array_equal(reference.readout(**arguments), reference.readout(**without_skip))


@pairwise(skip=[False, True], bias=[False, True])
def test_readout_backward_adds_to_into_and_returns_it(skip, bias):
    arguments, dy = draw(skip=skip, bias=bias)
    _, tape = reference.readout_forward(**arguments, activation="tanh")
    grads = reference.readout_backward(tape, dy)
    into = tuple(None if d is None else np.ones_like(d) for d in (grads.dW, grads.dV, grads.dc))
    added = reference.readout_backward(tape, dy, need_dx=False, into=into)
    assert added.dx is None
    np.testing.assert_array_equal(added.dh, grads.dh)
    for total, returned, without_into in zip(into, (added.dW, added.dV, added.dc), (grads.dW, grads.dV, grads.dc)):
        assert returned is total
        if without_into is not None:
            np.testing.assert_array_equal(total, 1 + without_into)


@pairwise(activation=FUNCTIONS[:3], dtype=[np.float32, np.float64, np.longdouble])
def test_readout_computes_in_the_dtype_of_its_arguments(activation, dtype):
    arguments, dy = draw(dtype=dtype)
    y, tape = reference.readout_forward(**arguments, activation=activation)
    assert {a.dtype for a in (y, *reference.readout_backward(tape, dy.astype(np.float64)))} == {np.dtype(dtype)}
    arguments["c"] = arguments["c"].astype(np.longdouble)
    assert reference.readout(**arguments).dtype == np.longdouble


def test_readout_refuses_an_unknown_activation():
    arguments, _ = draw()
    with pytest.raises(ValueError, match="readout: activation must be one of"):
        reference.readout(**arguments, activation="relo")
