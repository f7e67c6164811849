"""Test the article's programs: the examples differ from the printed ones only where they must, and they train."""

import ast
import importlib.util
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from . import printed

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "article"


def without_docstring(path):
    """Return the source of a file without its docstring."""
    text = path.read_text(encoding="utf-8")
    end = ast.parse(text).body[0].end_lineno
    return "".join(text.splitlines(keepends=True)[end:]).lstrip("\n")


@pytest.mark.parametrize(("name", "program"), [("simple_rnn.py", printed.SIMPLE_RNN), ("lstm.py", printed.LSTM)])
def test_program_differs_from_the_printed_one_only_in_its_imports(name, program):
    assert without_docstring(FOLDER / name) == printed.for_seqfuse(program)


@pytest.mark.parametrize(("name", "layers"), [("simple_rnn.py", 2), ("lstm.py", 2), ("attention.py", 6)])
def test_program_reduces_the_loss_and_prints_one_line_per_epoch(name, layers, capsys):
    model = runpy.run_path(str(FOLDER / name))["model"]
    losses = model.history.history["loss"]
    assert len(model.layers) == layers
    assert len(losses) == 10
    assert losses[-1] < losses[0]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"Epoch {n}/10" for n in range(1, 11)]


def test_attention_program_differs_from_the_printed_one_only_in_four_places():
    program = printed.for_seqfuse(printed.ATTENTION)
    for before, after in (
        ("LSTM, Attention\n", "LSTM, Attention, GlobalAveragePooling1D\n"),
        ("Input(shape=(None, 1))", "Input((None,))  # 1"),
        ("LSTM(64)(x)", "LSTM(64, return_sequences=True)(x)  # 2"),
        ("x = Dense(1)(attention)", "x = GlobalAveragePooling1D()(attention)  # 3\nx = Dense(1)(x)"),
        ("np.random.random((1000, 10, 1))", "np.random.randint(0, 1000, (1000, 10))  # 4"),
    ):
        assert program.count(before) == 1
        program = program.replace(before, after)
    assert without_docstring(FOLDER / "attention.py") == program


# ---- errors of the printed third program -----------------------------------------------------------------------------


def run_until_error(program):
    """Return the message of the ValueError that ends the program, and its variables at that time."""
    names = {}
    with pytest.raises(ValueError, match=": ") as caught:
        exec(program, names)
    return str(caught.value), names


def test_printed_attention_program_error_names_all_three_changes():
    message, names = run_until_error(printed.for_seqfuse(printed.ATTENTION))
    assert message.startswith("lstm")
    assert "must be (batch, T, I); got (None, None, 1, 64)" in message
    assert "Input((None,))" in message
    assert "LSTM(64, return_sequences=True)" in message
    assert "GlobalAveragePooling1D()" in message
    assert "model" not in names


def test_attention_program_without_return_sequences_fails_before_the_model_exists():
    program = printed.for_seqfuse(printed.ATTENTION).replace("Input(shape=(None, 1))", "Input((None,))")
    message, names = run_until_error(program)
    assert message.startswith("attention")
    assert "got (None, 64)" in message
    assert "return_sequences=True" in message
    assert "GlobalAveragePooling1D()" in message
    assert "model" not in names


def test_attention_program_without_pooling_fails_in_fit():
    program = printed.for_seqfuse(printed.ATTENTION).replace("Input(shape=(None, 1))", "Input((None,))")
    program = program.replace("LSTM(64)(x)", "LSTM(64, return_sequences=True)(x)")
    message, names = run_until_error(program.replace("random((1000, 10, 1))", "randint(0, 1000, (1000, 10))"))
    assert "y_true must be as y_pred = (32, 10, 1); got (32, 1)" in message
    assert "GlobalAveragePooling1D()" in message
    assert names["model"].history.history == {}


# ---- four models -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def four_models():
    return runpy.run_path(str(FOLDER / "four_models.py"))


def test_four_models_prints_one_row_per_model_and_draws(monkeypatch, capsys, tmp_path):
    path = tmp_path / "four_models.png"
    argv = ["four_models.py", "--samples", "64", "--epochs", "2", "--picture", str(path)]
    monkeypatch.setattr(sys, "argv", argv)
    runpy.run_path(str(FOLDER / "four_models.py"), run_name="__main__")
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.strip()}
    for name, parameters in (("SimpleRNN", "1,153"), ("LSTM", "4,513"), ("GRU", "3,489"), ("Transformer", "9,409")):
        assert len(rows[name]) == 5  # name, parameters, training time, training and test error
        assert rows[name][1] == parameters
    can_draw = importlib.util.find_spec("matplotlib") is not None
    assert path.exists() == can_draw
    assert not can_draw or path.read_bytes().startswith(b"\x89PNG")


def test_four_models_target_depends_on_the_order_of_the_inputs(four_models):
    x, y = four_models["sines"](4000, np.random.default_rng(1))
    assert x.shape == (4000, 24, 2)
    assert y.shape == (4000, 1)
    sine, times = x[:, :, 0], x[0, :, 1]
    assert (
        abs(np.corrcoef(sine.mean(1), y[:, 0])[0, 1]) < 0.3
    )  # the mean of the inputs, which ignores their order, predicts little
    parabola = np.polynomial.polynomial.polyfit(times[-6:], sine[:, -6:].T, 2)
    extrapolated = np.polynomial.polynomial.polyval(times[-1] + 2 * (times[1] - times[0]), parabola)
    assert np.corrcoef(extrapolated, y[:, 0])[0, 1] > 0.6  # extrapolation of the last values predicts much


def test_four_models_recurrent_models_beat_the_last_value(four_models, capsys):
    found = four_models["compare"](500, 8)
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("last value  "))
    last = float(row.split()[-1])
    for name in ("SimpleRNN", "LSTM", "GRU"):
        seconds, training, test = found[name]
        assert len(seconds) == len(training) == len(test) == 8
        assert test[-1] < last / 2
