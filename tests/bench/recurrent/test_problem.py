"""Test problems of the recurrent benchmark: their arrays, expected results, and gate orders of the peers."""

import numpy as np
import pytest

from seqfuse.bench.recurrent.problem import STEPS, from_peer, make, to_peer
from seqfuse.bench.recurrent.shapes import CELLS, GATES, Shape

SHAPE = Shape(4, 3, 2, 5)


@pytest.mark.parametrize("cell", CELLS)
def test_make_returns_the_same_float32_arrays_in_every_call(cell):
    problem, second = make(cell, SHAPE), make(cell, SHAPE)
    assert problem.x.shape == (4, 3, 2)
    assert problem.W.shape == (2, GATES[cell] * 5)
    shapes = {"indrnn": (5,), "mingru": None}
    assert (None if problem.U is None else problem.U.shape) == shapes.get(cell, (5, GATES[cell] * 5))
    assert len(problem.weights) == (3 if shapes.get(cell, ()) is not None else 2)
    for a, b in zip((problem.x, *problem.weights, problem.dy), (second.x, *second.weights, second.dy)):
        assert a.dtype == np.float32
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("peer", "cell", "ours", "theirs"),
    [
        ("pytorch", "rnn", "h", "h"),
        ("pytorch", "lstm", "ifgo", "ifgo"),
        ("pytorch", "gru", "zrn", "rzn"),
        ("onnx", "rnn", "h", "h"),
        ("onnx", "lstm", "ifgo", "iofg"),
        ("onnx", "gru", "zrn", "zrn"),
    ],
)
def test_to_peer_reorders_gates_and_from_peer_restores_them(peer, cell, ours, theirs):
    a = np.repeat([list(ours)], 2, axis=0)
    assert to_peer(peer, cell, a).tolist() == [list(theirs)] * 2
    assert from_peer(peer, cell, to_peer(peer, cell, a)).tolist() == a.tolist()
    wide = to_peer(peer, cell, np.arange(3 * len(ours)))
    assert wide.tolist() == [3 * ours.index(gate) + unit for gate in theirs for unit in range(3)]


def test_expected_has_the_results_of_each_kind_of_call():
    problem = make("lstm", SHAPE)
    assert set(problem.expected("forward")) == {"y", "h"}
    grads = problem.expected("forward+backward")
    assert {name: a.shape for name, a in grads.items()} == {
        "y": (4, 3, 5),
        "dx": (4, 3, 2),
        "dW": (2, 20),
        "dU": (5, 20),
    }


def test_expected_uses_the_options_of_the_problem():
    problem = make("lstm", SHAPE)
    padded = problem._replace(options={"lengths": [4, 0, 2]})
    y = padded.expected("forward")["y"]
    assert not y[:, 1].any()
    np.testing.assert_array_equal(y[:, 0], problem.expected("forward")["y"][:, 0])
    peephole = problem._replace(options={"peephole": np.zeros((3, 5))})
    assert peephole.expected("forward+backward")["dpeephole"].shape == (3, 5)


def test_expected_step_continues_from_the_previous_state():
    problem = make("rnn", Shape(1, 1, 2, 5))
    h = np.zeros((1, 5))
    for _ in range(STEPS):
        h = np.tanh(problem.x[0] @ problem.W + h @ problem.U + problem.b)
    np.testing.assert_allclose(problem.expected("step")["h"], h, rtol=1e-5)


@pytest.mark.parametrize(
    ("cell", "options", "kinked"),
    [
        ("rnn", {}, False),
        ("indrnn", {}, True),
        ("indrnn", {"activation": "elu"}, False),
        ("lstm", {"recurrent_activation": "hard_sigmoid"}, True),
        ("lstm", {"lengths": [1, 2, 3]}, False),
        ("gru", {"clip": 3.0}, True),
    ],
)
def test_problem_is_kinked_when_an_activation_has_a_kink_or_values_are_clipped(cell, options, kinked):
    assert make(cell, SHAPE)._replace(options=options).kinked == kinked
