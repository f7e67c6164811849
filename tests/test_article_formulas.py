r"""Compare every formula of the article with the kernels in float64.

Each docstring quotes a formula as it is printed, and adds the intended one if they differ. The article's `W_i x_t` is
`x_t W_i` here, because rows are samples. A formula is applied to the kernel's own values before the step, so that each
test depends on one formula only.
"""

import numpy as np
import pytest

from seqfuse import functional as F

T, B, I, H = 7, 3, 4, 5

# Both sides round every term of sums of at most 12 terms, which are below 4, and once or twice in tanh.
ROUNDING = 4 * (12 + 2) * np.finfo(np.float64).eps

rng = np.random.default_rng(1997)


def drawn(*shape):
    return rng.normal(size=shape) / 2


def assert_equal_but_for_rounding(got, formula):
    np.testing.assert_allclose(got, formula, rtol=ROUNDING, atol=ROUNDING)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def columns(weights, gates):
    """Return the columns of each gate by its letter."""
    return dict(zip(gates, np.split(weights, len(gates), axis=-1), strict=True))


def before(first, states):
    """Return a state before each step."""
    return np.concatenate([first[None], states[:-1]])


ACTIVATIONS = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda a: np.maximum(a, 0), "linear": lambda a: a}


# ---- the early RNN ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", ACTIVATIONS)
def test_rnn_state_is_the_printed_formula(f):
    r"""$$ h_t = f(Wx_t + Uh_{t-1} + b) $$"""
    x, W, U, b, h0 = drawn(T, B, I), drawn(I, H), drawn(H, H), drawn(H), drawn(B, H)
    h = F.rnn(x, W, U, b, h0, activation=f).y
    assert_equal_but_for_rounding(h, ACTIVATIONS[f](x @ W + before(h0, h) @ U + b))


@pytest.mark.parametrize("g", ACTIVATIONS)
def test_readout_is_the_printed_formula(g):
    r"""$$ y_t = g(Wh_t + Vx_t + c) $$

    This W has the shape (H, outputs). The article uses the same letter for the input weights.
    """
    h, x, W, V, c = drawn(T, B, H), drawn(T, B, I), drawn(H, 2), drawn(I, 2), drawn(2)
    assert_equal_but_for_rounding(F.readout(h, x, W, V, c, g), ACTIVATIONS[g](h @ W + x @ V + c))


# ---- LSTM ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lstm():
    """Return x W + h_{t-1} U + b by gate, the gates of the kernel, its states, and C_{t-1}."""
    x, W, U, b = drawn(T, B, I), drawn(I, 4 * H), drawn(H, 4 * H), drawn(4 * H)
    h0, c0 = drawn(B, H), drawn(B, H)
    out, tape = F.lstm_forward(x, W, U, b, h0, c0)
    states = tape.states()
    h_before, c_before = before(h0, states["h"]), before(c0, states["c"])
    W, U, b = (columns(weights, "ifgo") for weights in (W, U, b))
    sums = {gate: x @ W[gate] + h_before @ U[gate] + b[gate] for gate in "ifgo"}
    np.testing.assert_array_equal(out.y, states["h"])
    return sums, tape.gates(), states, c_before


def test_lstm_input_gate_is_the_printed_formula(lstm):
    r"""$$ i_t = \sigma(W_xi_t + U_hi_{t-1} + b_i) $$

    Intended: i_t = \sigma(x_t W_i + h_{t-1} U_i + b_i).
    """
    sums, gates, _, _ = lstm
    assert_equal_but_for_rounding(gates["i"], sigmoid(sums["i"]))


def test_lstm_forget_gate_is_the_printed_formula(lstm):
    r"""$$ f_t = \sigma(W_xf_t + U_hf_{t-1} + b_f) $$

    Intended: f_t = \sigma(x_t W_f + h_{t-1} U_f + b_f).
    """
    sums, gates, _, _ = lstm
    assert_equal_but_for_rounding(gates["f"], sigmoid(sums["f"]))


def test_lstm_output_gate_is_the_printed_formula(lstm):
    r"""$$ o_t = \sigma(W_xi_t + U_ho_{t-1} + b_o) $$

    Intended: o_t = \sigma(x_t W_o + h_{t-1} U_o + b_o); printed with i_t instead of o_t.
    """
    sums, gates, _, _ = lstm
    assert_equal_but_for_rounding(gates["o"], sigmoid(sums["o"]))


def test_lstm_candidate_is_the_printed_formula(lstm):
    r"""$$ g_t = \tanh(W_xg_t + U_hg_{t-1} + b_g) $$

    Intended: g_t = \tanh(x_t W_g + h_{t-1} U_g + b_g).
    """
    sums, gates, _, _ = lstm
    assert_equal_but_for_rounding(gates["g"], np.tanh(sums["g"]))


def test_lstm_cell_state_is_the_printed_formula(lstm):
    r"""$$ C_t = f_t \odot C_{t-1} + i_t \odot g_t $$"""
    _, gates, states, c_before = lstm
    assert_equal_but_for_rounding(states["c"], gates["f"] * c_before + gates["i"] * gates["g"])


def test_lstm_hidden_state_is_the_printed_formula(lstm):
    r"""$$ h_t = o_t \odot \tanh(C_t) $$"""
    _, gates, states, _ = lstm
    assert_equal_but_for_rounding(states["h"], gates["o"] * np.tanh(states["c"]))


# ---- GRU -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gru():
    """Return x W + b and U by gate, h_{t-1}, and the gates and outputs of the kernel."""
    x, W, U, b, h0 = drawn(T, B, I), drawn(I, 3 * H), drawn(H, 3 * H), drawn(3 * H), drawn(B, H)
    out, tape = F.gru_forward(x, W, U, b, h0, reset_after=False, update_gate="candidate")
    W, U, b = (columns(weights, "zrn") for weights in (W, U, b))
    x_products = {gate: x @ W[gate] + b[gate] for gate in "zrn"}
    return x_products, U, before(h0, out.y), tape.gates(), out.y


def test_gru_update_gate_is_the_printed_formula(gru):
    r"""$$ z_t = \sigma(W_xz_t + U_hz_{t-1} + b_z) $$

    Intended: z_t = \sigma(x_t W_z + h_{t-1} U_z + b_z).
    """
    x_products, U, h_before, gates, _ = gru
    assert_equal_but_for_rounding(gates["z"], sigmoid(x_products["z"] + h_before @ U["z"]))


def test_gru_reset_gate_is_the_printed_formula(gru):
    r"""$$ r_t = \sigma(W_xr_t + U_hr_{t-1} + b_r) $$

    Intended: r_t = \sigma(x_t W_r + h_{t-1} U_r + b_r).
    """
    x_products, U, h_before, gates, _ = gru
    assert_equal_but_for_rounding(gates["r"], sigmoid(x_products["r"] + h_before @ U["r"]))


def test_gru_candidate_is_the_printed_formula(gru):
    r"""$$ \tilde{h_t} = \tanh(W_x\tilde{h_t} + U_hr_{t-1} + b_{\tilde{h}}) $$

    Intended: \tilde h_t = \tanh(x_t W_h + (r_t \odot h_{t-1}) U_h + b_h): the reset gate acts before the product,
    `reset_after=False`.
    """
    x_products, U, h_before, gates, _ = gru
    assert_equal_but_for_rounding(gates["n"], np.tanh(x_products["n"] + (gates["r"] * h_before) @ U["n"]))


def test_gru_hidden_state_is_the_printed_formula(gru):
    r"""$$ h_t = (1 - z_t) \odot h_{t-1} + z_t \odot \tilde{h_t} $$

    `update_gate="candidate"`: Keras and PyTorch have z_t and 1 - z_t the other way round.
    """
    _, _, h_before, gates, h = gru
    assert_equal_but_for_rounding(h, (1 - gates["z"]) * h_before + gates["z"] * gates["n"])


# ---- Transformer -----------------------------------------------------------------------------------------------------


def formula_of_attention(Q, K, V):
    return softmax(Q @ np.swapaxes(K, -1, -2) / np.sqrt(K.shape[-1])) @ V


def test_attention_is_the_printed_formula():
    r"""$$ Attention(Q, K, V) = softmax(\frac{QK^T}{\sqrt{d_k}})V $$"""
    Q, K, V = drawn(B, 2, T, I), drawn(B, 2, 6, I), drawn(B, 2, 6, H)
    assert_equal_but_for_rounding(F.attention(Q, K, V), formula_of_attention(Q, K, V))


def test_multi_head_attention_is_the_printed_formula():
    r"""$$ MultiHeadAttention(Q, K, V) = Concat(head_1, ..., head_h)W^O $$

    Each head attends to projections of its own: head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V).
    """
    heads, d, dv = 3, 2, 4
    Q, K, V = drawn(B, T, I), drawn(B, 6, H), drawn(B, 6, 3)
    WQ, WK, WV, WO = drawn(I, heads, d), drawn(H, heads, d), drawn(3, heads, dv), drawn(heads, dv, 5)
    each = [formula_of_attention(Q @ WQ[:, i], K @ WK[:, i], V @ WV[:, i]) for i in range(heads)]
    y = F.multi_head_attention(Q, WQ, WK, WV, WO, key=K, value=V)
    assert_equal_but_for_rounding(y, np.concatenate(each, axis=-1) @ WO.reshape(heads * dv, 5))
