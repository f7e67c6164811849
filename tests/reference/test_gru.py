"""Tests of the four variants of the GRU: published formulas, relations between variants, and PyTorch."""

import numpy as np
import pytest
from support.cases import CALLS, Setting, make_case

from seqfuse import reference
from seqfuse._activations import sigmoid
from seqfuse._cells import CELLS

from .torch_cell import assert_same_as_torch

GRU = CELLS["gru"]


def thirds(*arrays):
    return (np.split(a, 3, axis=-1) for a in arrays)


def test_gru_is_the_formula_in_print_with_the_reset_before_and_the_candidate_update():
    # z = s(x Wz + h Uz + bz), r likewise, n = tanh(x Wn + Un (r * h) + bn), h' = (1 - z) h + z n
    case = make_case(GRU, {"reset_after": False, "update_gate": "candidate"}, T=3, bias="one")
    x, W, U, b, h = case.arguments.values()
    (Wz, Wr, Wn), (Uz, Ur, Un), (bz, br, bn) = thirds(W, U, b)
    for t, y in enumerate(case.forward(reference)[0].y):
        z = sigmoid(x[t] @ Wz + h @ Uz + bz)
        r = sigmoid(x[t] @ Wr + h @ Ur + br)
        h = (1 - z) * h + z * np.tanh(x[t] @ Wn + (r * h) @ Un + bn)
        np.testing.assert_allclose(y, h, rtol=1e-13)


def test_gru_is_the_frameworks_formula_by_default():
    case = make_case(GRU, T=3, bias="two")
    x, W, U, (bx, bh), h = case.arguments.values()
    (Wz, Wr, Wn), (Uz, Ur, Un), (bz, br, bn), (cz, cr, cn) = thirds(W, U, bx, bh)
    for t, y in enumerate(case.forward(reference)[0].y):
        z = sigmoid(x[t] @ Wz + bz + h @ Uz + cz)
        r = sigmoid(x[t] @ Wr + br + h @ Ur + cr)
        h = z * h + (1 - z) * np.tanh(x[t] @ Wn + bn + r * (h @ Un + cn))
        np.testing.assert_allclose(y, h, rtol=1e-13)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_update_turns_into_the_other_when_the_z_columns_are_negated(reset_after, call):
    previous = make_case(GRU, {"reset_after": reset_after, "update_gate": "previous"}, call=call)
    candidate = make_case(GRU, {"reset_after": reset_after, "update_gate": "candidate"}, call=call)
    H = previous.arguments["U"].shape[0]
    for name in ("W", "U", "b"):
        candidate.arguments[name][..., :H] *= -1
    (out, _, grads), (out_negated, _, grads_negated) = previous.run(reference), candidate.run(reference)
    for name in ("dW", "dU", "db"):
        getattr(grads_negated, name)[..., :H] *= -1
    for one, other in zip((*out, *grads), (*out_negated, *grads_negated)):
        np.testing.assert_allclose(other, one, rtol=1e-11, atol=1e-13)


def test_gru_row_of_the_bias_matters_only_to_the_candidate_with_the_reset_after():
    for reset_after in (True, False):
        two = make_case(GRU, {"reset_after": reset_after})
        H, b = two.arguments["U"].shape[0], two.arguments["b"]
        gates = np.stack([b[1], b[0]])
        gates[:, 2 * H :] = b[:, 2 * H :]
        candidate = np.stack([b[0], b[1]])
        candidate[:, 2 * H :] = b[::-1, 2 * H :]
        y, y_gates, y_candidate = (two.with_argument("b", s).forward(reference)[0].y for s in (b, gates, candidate))
        np.testing.assert_allclose(y_gates, y, rtol=1e-12)
        assert np.allclose(y_candidate, y, rtol=1e-12) == (not reset_after)


@pytest.mark.parametrize("reverse", [False, True])
def test_gru_matches_torch(reverse):
    assert_same_as_torch(make_case(GRU), reverse)


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_with_every_option_is_its_formulas(reset_after):
    settings = [Setting("clip", 0.7), Setting("recurrent_mask"), Setting("activation", ("leaky_relu", 0.1))]
    settings.append(Setting("recurrent_activation", "softplus"))
    case = make_case(GRU, {"reset_after": reset_after}, T=3, bias="two", settings=settings)
    x, W, U, (bx, bh), h, m = case.arguments.values()
    (Wz, Wr, Wn), (Uz, Ur, Un), (bz, br, bn), (cz, cr, cn) = thirds(W, U, bx, bh)

    def gate(a):
        return np.log(1 + np.exp(np.minimum(np.maximum(a, -0.7), 0.7)))

    for t, y in enumerate(case.forward(reference)[0].y):
        hm = m * h
        z = gate(x[t] @ Wz + bz + hm @ Uz + cz)
        r = gate(x[t] @ Wr + br + hm @ Ur + cr)
        a = x[t] @ Wn + bn + (r * (hm @ Un + cn) if reset_after else (r * hm) @ Un + cn)
        a = np.minimum(np.maximum(a, -0.7), 0.7)
        h = z * h + (1 - z) * np.where(a > 0, a, 0.1 * a)
        np.testing.assert_allclose(y, h, rtol=1e-12)
