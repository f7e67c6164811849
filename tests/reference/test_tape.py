"""Tests of the states and gates of a tape, against the outputs and the equations."""

import numpy as np
import pytest
from support.cases import CALLS, VARIANTS, make_case

from seqfuse import reference
from seqfuse._activations import parse

from .settings import OPTIONS


def in_time_order(case, arrays):
    return {name: a.swapaxes(0, 1) if case.call.get("batch_first") else a for name, a in arrays.items()}


def read(case):
    """Return output, states and gates, (T, B, H) each, and the states before each step."""
    out, tape = case.forward(reference)
    states, gates = (in_time_order(case, arrays) for arrays in (tape.states(), tape.gates()))
    before = {}
    for name, s in states.items():
        initial = case.arguments[f"{name}0"][None]
        before[name] = np.concatenate([s[1:], initial] if case.call.get("reverse") else [initial, s[:-1]])
    y = in_time_order(case, {"y": out.y})["y"]
    return out, y, states, gates, before


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("cell", "options"), VARIANTS[:3])
def test_states_equal_the_outputs_and_are_carried_over_padding(cell, options, call):
    case = make_case(cell, options, call=call)
    out, y, states, _, before = read(case)
    assert list(states) == list(cell.states)
    np.testing.assert_array_equal(states["h"][case.real], y[case.real])
    for name, s in states.items():
        np.testing.assert_array_equal(s[~case.real], before[name][~case.real])
        np.testing.assert_array_equal(s[0 if case.call.get("reverse") else -1], getattr(out, name))


@pytest.mark.parametrize(("cell", "settings"), OPTIONS)
def test_states_follow_from_the_gates_by_the_equations(cell, settings):
    case = make_case(cell, settings=settings)
    _, _, states, gates, before = read(case)
    assert list(gates) == list(cell.gates)
    h_prev = before["h"]
    if cell.name == "lstm":
        i, f, g, o = gates.values()
        c = f * before["c"] + i * g
        k = parse("", "", case.options.get("activation", "tanh")).value(c)
        np.testing.assert_allclose(states["c"][case.real], c[case.real], rtol=1e-13)
        h = o * k
    elif len(cell.gates) == 1:
        h = gates["h"]
    else:
        z, n = gates["z"], gates["n"]
        kept = 1 - z if cell.name == "mingru" or case.options.get("update_gate") == "candidate" else z
        h = kept * h_prev + (1 - kept) * n
    np.testing.assert_allclose(states["h"][case.real], h[case.real], rtol=1e-12, atol=1e-14)
    for gate in gates.values():
        assert not gate[~case.real].any()


@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_states_and_gates_are_new_arrays(cell, options):
    case = make_case(cell, options)
    _, tape, grads = case.run(reference)
    for read_again in (tape.states, tape.gates):
        first = read_again()
        expected = {name: a.copy() for name, a in first.items()}
        for a in first.values():
            a[...] = np.nan
        for name, a in read_again().items():
            np.testing.assert_array_equal(a, expected[name])
    np.testing.assert_array_equal(case.backward(reference, tape).dW, grads.dW)


@pytest.mark.parametrize(("cell", "options"), VARIANTS)
def test_states_and_gates_of_nothing_are_empty(cell, options):
    for T, B in ((0, 2), (2, 0)):
        tape = make_case(cell, options, T=T, B=B, H=3).forward(reference)[1]
        for arrays in (tape.states(), tape.gates()):
            assert {a.shape for a in arrays.values()} == {(T, B, 3)}
