"""The readout: formula, gradients, and what may be left out."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences
from support.pairwise import pairwise

from seqfuse import reference
from seqfuse._activations import parse

FUNCTIONS = ["linear", "tanh", "softsign", ("elu", 0.7), ("hard_sigmoid", 0.3, 0.4)]


def draw(leading=(4, 2), H=3, I=2, O=5, skip=True, bias=True, dtype=np.float64):
    """The arguments of `readout` but the activation, and the gradient of y."""
    rng = np.random.default_rng(0)
    shapes = {"h": (*leading, H), "x": (*leading, I), "W": (H, O), "V": (I, O), "c": (O,)}
    given = {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    if not skip:
        given["x"] = given["V"] = None
    if not bias:
        given["c"] = None
    return given, rng.normal(size=(*leading, O)).astype(dtype)


def test_readout_is_its_formula():
    given, _ = draw()
    h, x, W, V, c = given.values()
    np.testing.assert_allclose(reference.readout(h, x, W, V, c, "tanh"), np.tanh(h @ W + x @ V + c), rtol=1e-13)


@pairwise(activation=FUNCTIONS, skip=[False, True], bias=[False, True])
def test_readout_backward_matches_central_differences(activation, skip, bias):
    given, dy = draw(skip=skip, bias=bias)
    _, tape = reference.readout_forward(**given, activation=activation)
    kinks = {"elu": [0], "softsign": [0], "hard_sigmoid": [-4 / 3, 2]}
    for kink in kinks.get(parse("", "", activation).name, []):
        assert np.abs(tape.a - kink).min() > 1e-4
    grads = reference.readout_backward(tape, dy)
    for name, array in given.items():
        gradient = getattr(grads, f"d{name}")
        assert (gradient is None) == (array is None)
        if array is not None:
            numeric = central_differences(lambda: (reference.readout(**given, activation=activation) * dy).sum(), array)
            assert_gradient(f"d{name}", gradient, numeric)


@pytest.mark.parametrize("leading", [(), (1,), (0,), (2, 0, 3), (2, 3, 4)])
def test_readout_takes_any_leading_axes(leading):
    given, dy = draw(leading)
    y, tape = reference.readout_forward(**given, activation="elu")
    grads = reference.readout_backward(tape, dy)
    assert y.shape == dy.shape
    assert [getattr(grads, f"d{name}").shape for name in given] == [a.shape for a in given.values()]


def test_readout_of_no_inputs_is_that_without_a_skip():
    given, _ = draw(I=0)
    without = {**given, "x": None, "V": None}
    np.testing.assert_array_equal(reference.readout(**given), reference.readout(**without))


@pairwise(skip=[False, True], bias=[False, True])
def test_readout_backward_adds_into_arrays_and_returns_them(skip, bias):
    given, dy = draw(skip=skip, bias=bias)
    _, tape = reference.readout_forward(**given, activation="tanh")
    grads = reference.readout_backward(tape, dy)
    into = tuple(None if d is None else np.ones_like(d) for d in (grads.dW, grads.dV, grads.dc))
    added = reference.readout_backward(tape, dy, need_dx=False, into=into)
    assert added.dx is None
    np.testing.assert_array_equal(added.dh, grads.dh)
    for total, returned, alone in zip(into, (added.dW, added.dV, added.dc), (grads.dW, grads.dV, grads.dc)):
        assert returned is total
        if alone is not None:
            np.testing.assert_array_equal(total, 1 + alone)


@pairwise(activation=FUNCTIONS[:3], dtype=[np.float32, np.float64, np.longdouble])
def test_readout_computes_in_the_type_of_its_arguments(activation, dtype):
    given, dy = draw(dtype=dtype)
    y, tape = reference.readout_forward(**given, activation=activation)
    assert {a.dtype for a in (y, *reference.readout_backward(tape, dy.astype(np.float64)))} == {np.dtype(dtype)}
    given["c"] = given["c"].astype(np.longdouble)
    assert reference.readout(**given).dtype == np.longdouble


def test_readout_refuses_an_unknown_activation():
    given, _ = draw()
    with pytest.raises(ValueError, match="readout: activation must be one of"):
        reference.readout(**given, activation="relo")
