"""Tests of the minGRU: its formulas, and the GRU without recurrent weights."""

import numpy as np
import pytest
from support.cases import BIASES, CALLS, make_case

from seqfuse import reference
from seqfuse._activations import sigmoid
from seqfuse._cells import CELLS

MINGRU = CELLS["mingru"]


def test_mingru_is_its_formulas():
    case = make_case(MINGRU, T=3, bias="one")
    x, W, b, h = case.arguments.values()
    (Wz, Wn), (bz, bn) = (np.split(a, 2, axis=-1) for a in (W, b))
    for t, y in enumerate(case.forward(reference)[0].y):
        z = sigmoid(x[t] @ Wz + bz)
        h = (1 - z) * h + z * (x[t] @ Wn + bn)
        np.testing.assert_allclose(y, h, rtol=1e-13)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("call", CALLS)
def test_mingru_is_a_gru_without_recurrent_weights(call, bias):
    case = make_case(MINGRU, call=call, bias=bias)
    out, _, grads = case.run(reference)
    H = case.doutputs["dh"].shape[1]
    here = [*range(H), *range(2 * H, 3 * H)]  # the columns z and n among z, r, n
    gru = {"x": case.arguments["x"], "h0": case.arguments["h0"], "U": np.zeros((H, 3 * H))}
    for name in ("W", "b"):
        if name in case.arguments:
            gru[name] = np.zeros((*case.arguments[name].shape[:-1], 3 * H))
            gru[name][..., here] = case.arguments[name]
    if bias == "two":  # the reset gate acts on the second row of the candidate
        gru["b"] = gru["b"].sum(axis=0)
    out_gru, tape = reference.gru_forward(**gru, activation="linear", update_gate="candidate", **case.call)
    grads_gru = reference.gru_backward(tape, **case.doutputs)
    for one, other in zip(out, out_gru, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    for name in ("dx", "dW", "dh0"):
        other = getattr(grads_gru, name)
        np.testing.assert_allclose(
            getattr(grads, name), other[..., here] if name == "dW" else other, rtol=1e-11, atol=1e-13
        )
    if bias != "none":
        np.testing.assert_allclose(grads.db, np.broadcast_to(grads_gru.db[here], grads.db.shape), rtol=1e-11)
