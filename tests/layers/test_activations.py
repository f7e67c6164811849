"""Tests of the table of activations: the backward functions, the names and errors."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse.layers import activations

X = np.array([[-2.6, -0.7, 0.3], [0.9, 2.0, 4.0]])


@pytest.mark.parametrize("name", activations.NAMES)
def test_activation_backward_is_the_derivative_of_forward(name):
    forward, backward = activations.functions_for(activations.parse("f", "activation", name))
    x, dy = X.copy(), np.random.default_rng(0).normal(size=X.shape)
    y, tape = forward(x)
    assert y.shape == x.shape
    assert_gradient(name, backward(tape, dy), central_differences(lambda: float((forward(x)[0] * dy).sum()), x))


@pytest.mark.parametrize("value", [None, "linear", "Linear"])
def test_parse_returns_the_identity_for_none_and_linear(value):
    forward, backward = activations.functions_for(activations.parse("f", "activation", value))
    y, tape = forward(X)
    np.testing.assert_array_equal(y, X)
    np.testing.assert_array_equal(backward(tape, X), X)


def test_activation_forward_accepts_arrays_that_are_not_contiguous():
    forward, _ = activations.functions_for(activations.parse("f", "activation", "tanh"))
    np.testing.assert_allclose(forward(X.T)[0], np.tanh(X).T, rtol=1e-14)


def test_parse_accepts_upper_case_and_constants():
    assert activations.parse("f", "activation", "ReLU") == activations.parse("f", "activation", "relu")
    assert activations.parse("f", "activation", "Softmax") is activations.parse("f", "activation", "softmax")
    forward, _ = activations.functions_for(activations.parse("f", "activation", ("leaky_relu", 0.5)))
    assert forward(np.array([-2.0]))[0] == [-1.0]
    assert activations.check_cell_activation("f", "activation", None) == "linear"


@pytest.mark.parametrize("value", ["tahn", "soft max"])
def test_parse_suggests_a_similar_name_when_the_name_is_unknown(value):
    with pytest.raises(ValueError, match=r'f: activation must be one of .*Did you mean "(tanh|softmax)"\?'):
        activations.parse("f", "activation", value)


def test_check_cell_activation_refuses_softmax():
    with pytest.raises(ValueError, match="LSTM: activation must be"):
        activations.check_cell_activation("LSTM", "activation", "softmax")


@pytest.mark.parametrize("value", [3, np.tanh, ("tanh",) * 4])
def test_parse_refuses_other_types(value):
    with pytest.raises((TypeError, ValueError), match="f: activation must be"):
        activations.parse("f", "activation", value)
