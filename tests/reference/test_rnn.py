"""Tests of the simple RNN: its formula and PyTorch."""

import numpy as np
import pytest
from support.cases import make_case

from seqfuse import reference
from seqfuse._cells import CELLS

from .torch_cell import assert_same_as_torch

RNN = CELLS["rnn"]


def test_rnn_is_its_formula():
    case = make_case(RNN, T=3, bias="one")
    x, W, U, b, h = case.arguments.values()
    for t, y in enumerate(case.forward(reference)[0].y):
        h = np.tanh(x[t] @ W + h @ U + b)
        np.testing.assert_allclose(y, h, rtol=1e-13)


def test_rnn_biases_are_added():
    two = make_case(RNN, bias="two")
    one = two.with_argument("b", two.arguments["b"].sum(axis=0))
    np.testing.assert_allclose(two.forward(reference)[0].y, one.forward(reference)[0].y, rtol=1e-13)


@pytest.mark.parametrize("reverse", [False, True])
def test_rnn_matches_torch(reverse):
    assert_same_as_torch(make_case(RNN), reverse)
