"""Tests of the LSTM: its formulas and PyTorch."""

import numpy as np
import pytest
from support.cases import Setting, make_case

from seqfuse import reference
from seqfuse._activations import sigmoid
from seqfuse._cells import CELLS

from .torch_cell import assert_same_as_torch

LSTM = CELLS["lstm"]


def test_lstm_is_its_formulas():
    case = make_case(LSTM, T=3, H=4, bias="one")
    x, W, U, b, h, c = case.arguments.values()
    (Wi, Wf, Wg, Wo), (Ui, Uf, Ug, Uo), (bi, bf, bg, bo) = (np.split(a, 4, axis=-1) for a in (W, U, b))
    out, _ = case.forward(reference)
    for t, y in enumerate(out.y):
        i = sigmoid(x[t] @ Wi + h @ Ui + bi)
        f = sigmoid(x[t] @ Wf + h @ Uf + bf)
        o = sigmoid(x[t] @ Wo + h @ Uo + bo)
        c = f * c + i * np.tanh(x[t] @ Wg + h @ Ug + bg)
        h = o * np.tanh(c)
        np.testing.assert_allclose(y, h, rtol=1e-13)
    np.testing.assert_allclose(out.c, c, rtol=1e-13)


def test_lstm_biases_are_added():
    two = make_case(LSTM, bias="two")
    one = two.with_argument("b", two.arguments["b"].sum(axis=0))
    np.testing.assert_allclose(two.forward(reference)[0].y, one.forward(reference)[0].y, rtol=1e-12)


@pytest.mark.parametrize("given", ["h0", "c0"])
def test_lstm_takes_one_initial_state_alone(given):
    case = make_case(LSTM)
    other = "c0" if given == "h0" else "h0"
    zeros = case.with_argument(other, np.zeros_like(case.arguments[other]))
    absent = case.with_argument(other, None)
    np.testing.assert_array_equal(absent.forward(reference)[0].y, zeros.forward(reference)[0].y)


@pytest.mark.parametrize("reverse", [False, True])
def test_lstm_matches_torch(reverse):
    assert_same_as_torch(make_case(LSTM), reverse)


def test_lstm_with_every_option_is_its_formulas():
    settings = [Setting("peephole"), Setting("clip", 0.7), Setting("recurrent_mask"), Setting("activation", "softsign")]
    settings.append(Setting("recurrent_activation", ("hard_sigmoid", 0.3, 0.4)))
    case = make_case(LSTM, T=3, H=4, bias="one", settings=settings)
    x, W, U, b, h, c, (pi, pf, po), m = case.arguments.values()
    (Wi, Wf, Wg, Wo), (Ui, Uf, Ug, Uo), (bi, bf, bg, bo) = (np.split(a, 4, axis=-1) for a in (W, U, b))

    def clipped(a):
        return np.minimum(np.maximum(a, -0.7), 0.7)

    def gate(a):
        return np.minimum(np.maximum(0.3 * clipped(a) + 0.4, 0), 1)

    def softsign(a):
        return a / (1 + abs(a))

    out, _ = case.forward(reference)
    for t, y in enumerate(out.y):
        i = gate(x[t] @ Wi + (m * h) @ Ui + bi + pi * c)
        f = gate(x[t] @ Wf + (m * h) @ Uf + bf + pf * c)
        g = softsign(clipped(x[t] @ Wg + (m * h) @ Ug + bg))
        c = f * c + i * g
        o = gate(x[t] @ Wo + (m * h) @ Uo + bo + po * c)
        h = o * softsign(c)
        np.testing.assert_allclose(y, h, rtol=1e-13)
    np.testing.assert_allclose(out.c, c, rtol=1e-13)
