"""Test gradient_norms against central differences, and plot_gradient_norms."""

import io

import numpy as np
import pytest

from seqfuse import functional as F
from seqfuse.diagnostics import gradient_norms, plot_gradient_norms
from seqfuse.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Input,
    Masking,
    SimpleRNN,
    TimeDistributed,
)
from seqfuse.models import Model, Sequential
from seqfuse.regularizers import L2
from seqfuse.utils import set_random_seed

B, T, I, H = 3, 5, 2, 4
FUNCTIONS = {SimpleRNN: F.rnn, LSTM: F.lstm, GRU: F.gru}


def batch(seed=0, steps=T):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(B, steps, I)), rng.normal(size=(B, 1))


def compiled(*layers, steps=T, **options):
    set_random_seed(0)
    model = Sequential([Input((steps, I)), *layers])
    model.compile("sgd", "mse", **options)
    return model


# ---- values ----------------------------------------------------------------------------------------------------------


def loss_by_steps(layer, dense, x, y, mask, read, at, state, shift):
    """Return the loss with `shift` added to a state after step `at`, from forward calls of one step each."""
    states = [np.zeros((B, H))] * (2 if isinstance(layer, LSTM) else 1)
    outputs = np.zeros((B, T, H))
    weights = [weight.value for weight in layer.weights]
    for t in reversed(range(T)) if layer.go_backwards else range(T):
        step = slice(t, t + 1)
        step_mask = None if mask is None else mask[:, step]
        states = list(FUNCTIONS[type(layer)](x[:, step], *weights, *states, mask=step_mask, batch_first=True)[1:])
        if t == at:
            states[state] = states[state] + shift
        outputs[:, t] = states[0]  # at padding steps: the state carried forward
        if layer.zero_output_for_mask:
            outputs[~mask[:, t], t] = 0
    features = states[0]
    if read == "every":  # in the layer's order
        features = (outputs[:, ::-1] if layer.go_backwards else outputs).reshape(B, -1)
    elif read == "mean":
        features = np.where(mask[:, :, None], outputs, 0).sum(1) / mask.sum(1)[:, None]
    return float(np.mean((F.dense(features, *(weight.value for weight in dense.weights)) - y) ** 2))


def norms_by_differences(layer, *arguments, rows=None, step=1e-6):
    """Return the norms (states, T) from central differences, over valid rows."""
    found = np.full((2 if isinstance(layer, LSTM) else 1, T), np.nan)
    for state, t in np.ndindex(found.shape):
        slopes = np.zeros((B, H))
        for at in np.ndindex(B, H):
            shift = np.zeros((B, H))
            shift[at] = step
            above, below = (loss_by_steps(layer, *arguments, t, state, s) for s in (shift, -shift))
            slopes[at] = (above - below) / (2 * step)
        valid = slice(None) if rows is None else rows[:, t]
        found[state, t] = np.sqrt((slopes[valid] ** 2).sum())
    return found


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize(("read", "masked"), [("last", False), ("every", False), ("last", True), ("mean", True)])
@pytest.mark.parametrize("cell", [SimpleRNN, LSTM, GRU])
def test_gradient_norms_match_central_differences(cell, read, masked, backwards):
    x, y = batch()
    mask = None
    if masked:  # symmetric in time: with go_backwards the outputs are reversed but the mask is not, as in Keras
        mask = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [0, 1, 0, 1, 0]], bool)
        x[~mask] = 0
    layer = cell(H, dtype="float64", return_sequences=read != "last", go_backwards=backwards, name="cell")
    dense = Dense(1, dtype="float64")
    between = {"last": [], "every": [Flatten(dtype="float64")], "mean": [GlobalAveragePooling1D(dtype="float64")]}
    model = compiled(*([Masking(dtype="float64")] if masked else []), layer, *between[read], dense)
    found = gradient_norms(model, x, y)
    expected = norms_by_differences(layer, dense, x, y, mask, read, rows=mask)
    assert list(found) == (["cell", "cell/c"] if cell is LSTM else ["cell"])
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-6, atol=1e-9)
    assert expected.max() > 1e-3


@pytest.mark.parametrize("zero", [False, True], ids=["repeated", "zero"])
def test_gradient_norms_include_the_use_of_outputs_at_padding_steps(zero):
    x, y = batch()
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 0]], bool)
    layer = LSTM(H, dtype="float64", return_sequences=True, zero_output_for_mask=zero, name="cell")
    dense = Dense(1, dtype="float64")
    x[~mask] = 0
    model = compiled(Masking(dtype="float64"), layer, Flatten(dtype="float64"), dense)
    with pytest.warns(UserWarning, match="the mask of its input ends here"):
        found = gradient_norms(model, x, y)
    expected = norms_by_differences(layer, dense, x, y, mask, "every", rows=mask)
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-6, atol=1e-9)


def test_gradient_norms_halve_per_step_when_a_linear_cell_halves_its_state():
    layer = SimpleRNN(H, activation=None, name="half")
    model = compiled(layer, Dense(1), steps=30)
    layer.recurrent_kernel.assign(np.eye(H) / 2)
    norms = gradient_norms(model, *batch(steps=30))["half"]
    np.testing.assert_array_equal(norms[:-1], norms[1:] / 2)  # powers of two are exact


@pytest.mark.parametrize("cell", [SimpleRNN, LSTM, GRU])
def test_gradient_norms_have_the_bits_of_a_backward_pass_over_the_whole_sequence(cell):
    x, y = batch(steps=9)
    layer, dense = cell(H, name="cell"), Dense(1)
    model = compiled(layer, dense, steps=9)
    norms = list(gradient_norms(model, x, y).values())
    weights = [weight.value for weight in layer.weights]
    forward = getattr(F, f"{FUNCTIONS[cell].__name__}_forward")
    backward = getattr(F, f"{FUNCTIONS[cell].__name__}_backward")
    prediction, tape = model.forward(x)
    dh, _ = dense.backward(tape.tapes[-1], model.objective.losses[0].backward(
        model.objective.losses[0].forward(y, prediction)[1]))  # fmt: skip
    x = x.astype(np.float32)
    for t in range(8):
        head = FUNCTIONS[cell](x[:, : t + 1], *weights, batch_first=True)
        _, tape = forward(x[:, t + 1 :], *weights, *head[1:], batch_first=True)
        grads = backward(tape, dh=dh)
        for norm, name in zip(norms, ("dh0", "dc0")):
            assert norm[t] == np.sqrt((getattr(grads, name).astype(np.float64) ** 2).sum())


def test_gradient_norms_are_nan_at_steps_that_are_valid_in_no_row():
    x, y = batch()
    x[:, 3:] = 0
    layer = LSTM(H, name="memory")
    norms = gradient_norms(compiled(Masking(), layer, Dense(1)), x, y)
    for one in norms.values():
        assert list(np.isnan(one)) == [False] * 3 + [True] * 2


# ---- layers that are included ----------------------------------------------------------------------------------------


def test_gradient_norms_include_nested_layers_and_repeated_calls():
    inputs = Input((T, I))
    shared = GRU(I, return_sequences=True, name="shared")
    inner = Model(inputs, Bidirectional(LSTM(3, return_sequences=True, name="lstm"))(inputs))
    x = inner(shared(shared(inputs)))
    model = Model(inputs, Dense(1)(SimpleRNN(2, name="top")(x)))
    model.compile("sgd", "mse")
    norms = gradient_norms(model, *batch())
    lstms = ["forward_lstm", "forward_lstm/c", "backward_lstm", "backward_lstm/c"]
    assert list(norms) == ["shared", "shared (2)", *lstms, "top"]
    assert all(one.shape == (T,) and np.isfinite(one).all() for one in norms.values())


def test_gradient_norms_pass_through_layers_that_are_not_trainable():
    set_random_seed(0)
    frozen = LSTM(H, return_sequences=True, trainable=False, name="frozen")
    model = Sequential([Input((T,)), Embedding(7, I, trainable=False), frozen, GRU(H, name="upper"), Dense(1)])
    model.compile("sgd", "mse")
    norms = gradient_norms(model, np.arange(B * T).reshape(B, T) % 7, np.ones((B, 1)))
    assert list(norms) == ["frozen", "frozen/c", "upper"]
    assert (norms["frozen"] > 0).all()


def test_gradient_norms_include_layers_inside_time_distributed():
    inputs = Input((2, T, I))
    model = Model(inputs, Dense(1)(Flatten()(TimeDistributed(GRU(H, name="inner"))(inputs))))
    model.compile("sgd", "mse")
    assert gradient_norms(model, np.ones((B, 2, T, I)), np.ones((B, 1)))["inner"].shape == (T,)


def test_gradient_norms_omit_layers_on_which_no_loss_depends():
    inputs = Input((T, I))
    outputs = [Dense(1, name="with_loss")(GRU(H, name="used")(inputs)), Dense(1)(GRU(H, name="unused")(inputs))]
    model = Model(inputs, outputs)
    model.compile("sgd", {"with_loss": "mse"})
    x, y = batch()
    assert list(gradient_norms(model, x, [y, y])) == ["used"]


# ---- side effects ----------------------------------------------------------------------------------------------------


def test_gradient_norms_do_not_change_the_model():
    x, y = batch()
    inputs = Input((T, I))
    layer = LSTM(H, stateful=True, dropout=0.5, kernel_regularizer=L2(0.1), name="memory")
    h = layer(inputs)
    model = Model(inputs, [Dense(1, name="a")(h), Dense(1, name="b")(h)])
    model.compile("adam", "mse", metrics=[["mae"], ["mae"]])
    model.train_on_batch(x, [y, y])
    arrays = [*model.get_weights(), *layer.states]
    logs = model._logs()
    seed = layer._seeds.state
    gradient_norms(model, x, [y, y])
    for before, after in zip(arrays, [*model.get_weights(), *layer.states]):
        np.testing.assert_array_equal(before, after)
    assert model._logs() == logs
    assert layer._seeds.state == seed
    assert "functions" not in vars(layer)


def test_gradient_norms_restore_the_layers_after_an_error():
    layer = LSTM(H)
    model = compiled(layer, Dense(1))
    with pytest.raises(ValueError, match="must be"):
        gradient_norms(model, np.ones((B, T, I + 1)), np.ones((B, 1)))
    assert "functions" not in vars(layer)


def test_gradient_norms_reject_models_without_recurrent_layer_or_loss():
    x, y = batch()
    with pytest.raises(ValueError, match=r"gradient_norms: sequential.* must have a recurrent layer"):
        gradient_norms(compiled(Flatten(), Dense(1)), x, y)
    with pytest.raises(RuntimeError, match="compile it first"):
        gradient_norms(Sequential([Input((T, I)), LSTM(H), Dense(1)]), x, y)
    model = Sequential([Input((T, I)), LSTM(H), Dense(1)])
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"gradient_norms: .* must have a loss"):
        gradient_norms(model, x, y)


# ---- plot_gradient_norms ---------------------------------------------------------------------------------------------


def test_plot_gradient_norms_draws_one_line_per_entry_on_a_logarithmic_axis():
    pytest.importorskip("matplotlib")
    norms = {"lstm": np.array([1e-9, 1e-3, 1.0]), "lstm/c": [1e-8, 1e-2, 0.0], "gru": [1.0, 1.0, 1.0]}
    figure, numbers = plot_gradient_norms(norms, "Two layers")
    figure.savefig(io.BytesIO())
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == "time step"
    assert axes.get_ylabel() == "norm of the gradient of the loss\nwith respect to the state"
    assert axes.get_title() == "Two layers"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(norms)
    h, c, gru = axes.get_lines()
    np.testing.assert_array_equal(h.get_ydata(), norms["lstm"])
    assert np.isnan(c.get_ydata()[-1])  # 0 has no logarithm
    assert h.get_color() == c.get_color() != gru.get_color()
    assert numbers["lstm/c"][-1] == 0.0
