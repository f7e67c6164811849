"""Holds the table of activations: each is a pair, with the values and slopes of its definition."""

import numpy as np
import pytest
from support.cases import assert_gradient, central_differences

from seqfuse.layers import activations

X = np.array([[-2.6, -0.7, 0.3], [0.9, 2.0, 4.0]])


@pytest.mark.parametrize("name", activations.NAMES)
def test_backward_is_the_derivative_of_forward(name):
    forward, backward = activations.functions_for(activations.parse("f", "activation", name))
    x, dy = X.copy(), np.random.default_rng(0).normal(size=X.shape)
    y, tape = forward(x)
    assert y.shape == x.shape
    assert_gradient(name, backward(tape, dy), central_differences(lambda: float((forward(x)[0] * dy).sum()), x))


@pytest.mark.parametrize("value", [None, "linear", "Linear"])
def test_none_is_linear(value):
    forward, backward = activations.functions_for(activations.parse("f", "activation", value))
    y, tape = forward(X)
    np.testing.assert_array_equal(y, X)
    np.testing.assert_array_equal(backward(tape, X), X)


def test_an_array_that_is_not_contiguous_is_read_as_it_is():
    forward, _ = activations.functions_for(activations.parse("f", "activation", "tanh"))
    np.testing.assert_allclose(forward(X.T)[0], np.tanh(X).T, rtol=1e-14)


def test_names_in_upper_case_and_with_parameters_are_found():
    assert activations.parse("f", "activation", "ReLU") == activations.parse("f", "activation", "relu")
    assert activations.parse("f", "activation", "Softmax") is activations.parse("f", "activation", "softmax")
    forward, _ = activations.functions_for(activations.parse("f", "activation", ("leaky_relu", 0.5)))
    assert forward(np.array([-2.0]))[0] == [-1.0]
    assert activations.check_cell_activation("f", "activation", None) == "linear"


@pytest.mark.parametrize("value", ["tahn", "soft max"])
def test_other_names_are_refused_with_the_near_one(value):
    with pytest.raises(ValueError, match=r'f: activation must be one of .*Did you mean "(tanh|softmax)"\?'):
        activations.parse("f", "activation", value)


def test_a_cell_takes_no_softmax():
    with pytest.raises(ValueError, match="LSTM: activation must be"):
        activations.check_cell_activation("LSTM", "activation", "softmax")


@pytest.mark.parametrize("value", [3, np.tanh, ("tanh",) * 4])
def test_what_is_no_activation_is_refused(value):
    with pytest.raises((TypeError, ValueError), match="f: activation must be"):
        activations.parse("f", "activation", value)
