"""The article's programs: as printed but for the changes that they need, and what the printed one is told."""

import ast
import importlib.util
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from . import printed

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "article"


def below_the_docstring(path):
    """The source without the docstring that it begins with."""
    text = path.read_text(encoding="utf-8")
    end = ast.parse(text).body[0].end_lineno
    return "".join(text.splitlines(keepends=True)[end:]).lstrip("\n")


@pytest.mark.parametrize(("name", "program"), [("simple_rnn.py", printed.SIMPLE_RNN), ("lstm.py", printed.LSTM)])
def test_program_is_the_printed_one_but_for_its_imports(name, program):
    assert below_the_docstring(FOLDER / name) == printed.for_seqfuse(program)


@pytest.mark.parametrize(("name", "layers"), [("simple_rnn.py", 2), ("lstm.py", 2), ("attention.py", 6)])
def test_program_learns_and_prints_a_line_an_epoch(name, layers, capsys):
    model = runpy.run_path(str(FOLDER / name))["model"]
    losses = model.history.history["loss"]
    assert len(model.layers) == layers
    assert len(losses) == 10
    assert losses[-1] < losses[0]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"Epoch {n}/10" for n in range(1, 11)]


def test_attention_program_differs_from_the_printed_one_in_its_four_places_alone():
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
    assert below_the_docstring(FOLDER / "attention.py") == program


# ---- what the printed form of the third program is told --------------------------------------------------------------


def refusal_of(program):
    """The message with which the program ends, and the names that it had made by then."""
    names = {}
    with pytest.raises(ValueError, match=": ") as refused:
        exec(program, names)
    return str(refused.value), names


def test_printed_attention_program_is_refused_with_all_three_changes_before_there_is_a_model():
    message, names = refusal_of(printed.for_seqfuse(printed.ATTENTION))
    assert message.startswith("lstm")
    assert "must be (batch, T, I); got (None, None, 1, 64)" in message
    assert "Input((None,))" in message
    assert "LSTM(64, return_sequences=True)" in message
    assert "GlobalAveragePooling1D()" in message
    assert "model" not in names


def test_attention_program_without_return_sequences_is_refused_before_there_is_a_model():
    program = printed.for_seqfuse(printed.ATTENTION).replace("Input(shape=(None, 1))", "Input((None,))")
    message, names = refusal_of(program)
    assert message.startswith("attention")
    assert "got (None, 64)" in message
    assert "return_sequences=True" in message
    assert "GlobalAveragePooling1D()" in message
    assert "model" not in names


def test_attention_program_without_pooling_is_refused_by_fit():
    program = printed.for_seqfuse(printed.ATTENTION).replace("Input(shape=(None, 1))", "Input((None,))")
    program = program.replace("LSTM(64)(x)", "LSTM(64, return_sequences=True)(x)")
    message, names = refusal_of(program.replace("random((1000, 10, 1))", "randint(0, 1000, (1000, 10))"))
    assert "y_true must be as y_pred = (32, 10, 1); got (32, 1)" in message
    assert "GlobalAveragePooling1D()" in message
    assert names["model"].history.history == {}


# ---- four models -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def four_models():
    return runpy.run_path(str(FOLDER / "four_models.py"))


def test_four_models_prints_a_line_for_each_and_draws(monkeypatch, capsys, tmp_path):
    path = tmp_path / "four_models.png"
    argv = ["four_models.py", "--samples", "64", "--epochs", "2", "--picture", str(path)]
    monkeypatch.setattr(sys, "argv", argv)
    runpy.run_path(str(FOLDER / "four_models.py"), run_name="__main__")
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.strip()}
    for name, parameters in (("SimpleRNN", "1,153"), ("LSTM", "4,513"), ("GRU", "3,489"), ("Transformer", "9,409")):
        assert len(rows[name]) == 5  # parameters, seconds, loss, held out
        assert rows[name][1] == parameters
    drawn = importlib.util.find_spec("matplotlib") is not None
    assert path.exists() == drawn
    assert not drawn or path.read_bytes().startswith(b"\x89PNG")


def test_four_models_wants_what_the_order_of_the_values_tells(four_models):
    x, y = four_models["sines"](4000, np.random.default_rng(1))
    assert x.shape == (4000, 24, 2)
    assert y.shape == (4000, 1)
    sine, at = x[:, :, 0], x[0, :, 1]
    assert abs(np.corrcoef(sine.mean(1), y[:, 0])[0, 1]) < 0.3  # a sum, which forgets the order, says little
    line = np.polynomial.polynomial.polyfit(at[-6:], sine[:, -6:].T, 2)
    onward = np.polynomial.polynomial.polyval(at[-1] + 2 * (at[1] - at[0]), line)
    assert np.corrcoef(onward, y[:, 0])[0, 1] > 0.6  # the last values, in order, say much


def test_four_models_recurrent_ones_learn_more_than_the_last_value_tells(four_models, capsys):
    found = four_models["learn"](500, 8)
    last = float(capsys.readouterr().out.splitlines()[-1].split()[-1])
    for name in ("SimpleRNN", "LSTM", "GRU"):
        seconds, losses, held_out = found[name]
        assert len(seconds) == len(losses) == len(held_out) == 8
        assert held_out[-1] < last / 2
