"""Tests of the conversion of weights from and to PyTorch and ONNX: equations, round trips and errors."""

import numpy as np
import pytest
from support import onnx_nodes

from seqfuse import functional as F
from seqfuse._cells import CELLS

T, B, I, H = 4, 3, 5, 6
CELL = pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def state_dict(cell, layers=2, bias=True, prefix=""):
    """Return random weights with the names and shapes of a bidirectional module of PyTorch."""
    rows, state = len(CELLS[cell].gates) * H, {}
    for layer in range(layers):
        for suffix in (f"_l{layer}", f"_l{layer}_reverse"):
            state[f"{prefix}weight_ih{suffix}"] = random(rows, 2 * H if layer else I, seed=layer)
            state[f"{prefix}weight_hh{suffix}"] = random(rows, H, seed=layer + 7)
            if bias:
                state[f"{prefix}bias_ih{suffix}"] = random(rows, seed=layer + 8)
                state[f"{prefix}bias_hh{suffix}"] = random(rows, seed=layer + 9)
    return state


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def pytorch_step(cell, x, h, c, state):
    """Return h and c after one step, by the equations in the documentation of PyTorch."""
    gates = len(CELLS[cell].gates)
    x_products = np.split(x @ state["weight_ih_l0"].T + state["bias_ih_l0"], gates, axis=1)
    h_products = np.split(h @ state["weight_hh_l0"].T + state["bias_hh_l0"], gates, axis=1)
    if cell == "rnn":
        return np.tanh(x_products[0] + h_products[0]), c
    if cell == "gru":
        r, z = (sigmoid(a + b) for a, b in zip(x_products[:2], h_products[:2]))
        n = np.tanh(x_products[2] + r * h_products[2])
        return (1 - z) * n + z * h, c
    i, f, g, o = (a + b for a, b in zip(x_products, h_products))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@CELL
def test_weights_from_pytorch_give_its_equations(cell):
    state, x = state_dict(cell), random(T, B, I)
    W, U, b, projection = F.weights_from_pytorch(cell, state)[0][0]
    h, c = np.zeros((B, H)), np.zeros((B, H))
    for t in range(T):
        h, c = pytorch_step(cell, x[t], h, c, state)
    np.testing.assert_allclose(getattr(F, cell)(x, W, U, b).h, h, rtol=1e-12)
    assert projection is None


@CELL
@pytest.mark.parametrize(("bias", "prefix"), [(True, ""), (False, "encoder.")])
def test_weights_to_pytorch_is_the_inverse(cell, bias, prefix):
    state = state_dict(cell, bias=bias, prefix=prefix)
    layers = F.weights_from_pytorch(cell, state, prefix)
    assert [len(directions) for directions in layers] == [2, 2]
    back = F.weights_to_pytorch(cell, layers, prefix)
    assert back.keys() == state.keys()
    for name in state:
        np.testing.assert_array_equal(back[name], state[name])
        assert back[name].flags.c_contiguous


def test_weights_to_pytorch_accepts_a_bias_of_one_row_and_a_projection():
    given = (random(I, 4 * H), random(H, 4 * H), random(4 * H), random(H, 2))
    state = F.weights_to_pytorch("lstm", [[given]])
    np.testing.assert_array_equal(state["bias_ih_l0"], given[2])
    np.testing.assert_array_equal(state["bias_hh_l0"], 0)
    np.testing.assert_array_equal(state["weight_hr_l0"], given[3].T)


def test_weights_from_pytorch_returns_the_projection():
    state = {"weight_ih_l0": random(4 * H, I), "weight_hh_l0": random(4 * H, 2), "weight_hr_l0": random(2, H)}
    W, U, b, projection = F.weights_from_pytorch("lstm", state)[0][0]
    assert (W.shape, U.shape, b, projection.shape) == ((I, 4 * H), (2, 4 * H), None, (H, 2))


def test_weights_from_pytorch_copies_no_matrix_of_an_lstm():
    state = state_dict("lstm", layers=1)
    W, U, _, _ = F.weights_from_pytorch("lstm", state)[0][0]
    assert np.shares_memory(W, state["weight_ih_l0"])
    assert np.shares_memory(U, state["weight_hh_l0"])


@CELL
def test_weights_from_onnx_agree_with_the_conversion_of_nodes(cell):
    G = len(CELLS[cell].gates)
    W, R, biases, P = random(2, G * H, I), random(2, G * H, H), random(2, 2 * G * H), random(2, 3 * H)
    P = P if cell == "lstm" else None
    inputs = {"W": W, "R": R, "B": biases} | ({} if P is None else {"P": P})
    for direction, ours in enumerate(F.weights_from_onnx(cell, W, R, biases, P)):
        expected = onnx_nodes._weights(cell, inputs, direction)
        np.testing.assert_array_equal(ours.W, expected["W"])
        np.testing.assert_array_equal(ours.U, expected["U"])
        np.testing.assert_array_equal(ours.b, expected["b"])
        if P is not None:
            np.testing.assert_array_equal(ours.peephole, expected["peephole"])


@CELL
def test_weights_to_onnx_is_the_inverse(cell):
    G = len(CELLS[cell].gates)
    W, R, biases, P = random(2, G * H, I), random(2, G * H, H), random(2, 2 * G * H), random(2, 3 * H)
    P = P if cell == "lstm" else None
    for actual, expected in zip(
        F.weights_to_onnx(cell, F.weights_from_onnx(cell, W, R, biases, P)), (W, R, biases, P), strict=True
    ):
        assert (actual is None) == (expected is None)
        if expected is not None:
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.weights_from_pytorch("indrnn", {}), "weights_from_pytorch: cell must be one of"),
        (lambda: F.weights_from_pytorch("lstm", {}), "state_dict must have 'weight_ih_l0'"),
        (
            lambda: F.weights_from_pytorch("gru", state_dict("lstm")),
            r"weight_hh_l0 must be \(3\*H, H\); got \(24, 6\)",
        ),
        (lambda: F.weights_to_pytorch("gru", [[(random(3, 8), random(2, 8))]]), r"W must be \(I, 3\*H\); got \(3, 8\)"),
        (lambda: F.weights_to_onnx("rnn", [(random(3, 2), random(2, 3))]), r"U must be \(H, 1\*H\) = \(2, 2\); got"),
        (lambda: F.weights_from_onnx("lstm", random(1, 8, 3), random(1, 8, 3)), r"R must be \(dirs, 4\*H, H\); got"),
        (lambda: F.weights_from_onnx("rnn", random(2, 3), random(1, 3, 3)), r"W must be \(1, 3, I\); got \(2, 3\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
