"""Tests of the IndRNN: its formula, and the simple RNN with a diagonal U."""

import numpy as np
import pytest
from support.cases import CALLS, Setting, make_case

from seqfuse import reference
from seqfuse._cells import CELLS

INDRNN = CELLS["indrnn"]


def test_indrnn_is_its_formula():
    case = make_case(INDRNN, T=3, bias="one")
    x, W, U, b, h = case.arguments.values()
    for t, y in enumerate(case.forward(reference)[0].y):
        h = np.maximum(x[t] @ W + U * h + b, 0)
        np.testing.assert_allclose(y, h, rtol=1e-13)


@pytest.mark.parametrize("settings", [[], [Setting("recurrent_mask")]], ids=["", "recurrent_mask"])
@pytest.mark.parametrize("call", CALLS)
def test_indrnn_is_an_rnn_with_diagonal_recurrent_weights(call, settings):
    case = make_case(INDRNN, {"activation": "tanh"}, call=call, settings=settings)
    out, _, grads = case.run(reference)
    full = case.with_argument("U", np.diag(case.arguments["U"]))
    out_full, tape = reference.rnn_forward(**full.arguments, **full.options, **full.call)
    grads_full = reference.rnn_backward(tape, **full.doutputs)
    grads_full = grads_full._replace(dU=np.diag(grads_full.dU))
    for one, other in zip((*out, *grads), (*out_full, *grads_full), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
