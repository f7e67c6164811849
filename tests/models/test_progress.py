"""Tests of the printed progress: nothing, one line per epoch, or a bar of tqdm in a terminal."""

import importlib.machinery
import importlib.util
import re
import sys
import types
from typing import ClassVar

import numpy as np
import pytest

from seqfuse import _progress as module
from seqfuse.layers import Dense, Input
from seqfuse.models import Sequential
from seqfuse.models._progress import Progress, format_logs

TIME = r"[\d.e+]+ (s|ms|us)"
TERMINAL = types.SimpleNamespace(stderr=types.SimpleNamespace(isatty=lambda: True))
LINE = rf"Epoch 1/2: {TIME}, {TIME}/step - loss: \d+\.\d{{4}}\S* - mae: \d+\.\d{{4}}\S* - val_loss: .*"


def fit(verbose):
    model = Sequential([Input((2,)), Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model, model.fit(np.ones((8, 2)), np.ones((8, 1)), 2, 2, verbose, validation_split=0.5)


def test_progress_prints_nothing_when_verbose_is_0(capsys):
    model, _ = fit(0)
    model.evaluate(np.ones((8, 2)), np.ones((8, 1)), verbose=0)
    model.predict(np.ones((8, 2)))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_progress_prints_one_line_per_epoch_without_a_terminal(capsys, verbose):
    fit(verbose)
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(LINE, lines[0])
    assert lines[1].startswith("Epoch 2/2: ")
    assert err == ""


def test_evaluate_and_predict_print_one_line(capsys):
    model, _ = fit(0)
    model.evaluate(np.ones((8, 2)), np.ones((8, 1)))
    model.predict(np.ones((8, 2)), verbose=1)
    first, second = capsys.readouterr().out.splitlines()
    assert re.match(r"Evaluated: .*/step - loss: .* - mae: ", first)
    assert re.fullmatch(r"Predicted: .*/step", second)


class Bar:
    made: ClassVar[list] = []

    def __init__(self, **options):
        self.options, self.n, self.closed, self.postfix = options, 0, False, []
        Bar.made.append(self)

    def set_postfix_str(self, text, refresh):
        self.postfix.append(text)

    def update(self, n):
        self.n += n

    def close(self):
        self.closed = True


@pytest.fixture
def bars(monkeypatch):
    """Replace stderr by a terminal and tqdm by a recording `Bar`; return the list of bars."""
    Bar.made = []
    tqdm = types.ModuleType("tqdm")
    tqdm.tqdm = Bar
    tqdm.__spec__ = importlib.machinery.ModuleSpec("tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm", tqdm)
    monkeypatch.setattr(module, "sys", TERMINAL)
    monkeypatch.setattr(module, "REFRESH", -1.0)
    return Bar.made


def test_progress_replaces_the_bar_by_a_line_after_each_epoch(bars, capsys):
    fit(1)
    assert [bar.options["total"] for bar in bars] == [2, 2]
    assert [bar.options["desc"] for bar in bars] == ["Epoch 1/2", "Epoch 2/2"]
    assert all(bar.n == 2 and bar.closed and "loss: " in bar.postfix[-1] for bar in bars)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_progress_shows_no_bar_when_verbose_is_2(bars):
    fit(2)
    assert bars == []


def test_progress_closes_the_bar_when_training_fails(bars, capsys):
    model = Sequential([Input((2,)), Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="y_true"):
        model.fit(np.ones((8, 2)), np.ones((8, 3)), verbose=1)
    assert [bar.closed for bar in bars] == [True]
    assert capsys.readouterr().out == ""


def test_progress_prints_lines_without_tqdm(capsys, monkeypatch):
    monkeypatch.setattr(module, "sys", TERMINAL)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    fit(1)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_progress_computes_logs_only_when_it_shows_them(bars, monkeypatch):
    monkeypatch.setattr(module, "REFRESH", 1e9)

    def fail():
        raise AssertionError("logs were computed but are not shown")

    with Progress("x", 3, 1) as progress:
        progress._shown = 1e12
        progress.advance(fail)
    with Progress("x", 3, 0) as progress:
        progress.advance(fail)


def test_format_logs_formats_numbers_as_keras_does():
    assert format_logs({"loss": 0.12345678, "b": 1e-5, "c": 0.0, "d": 123456.0}) == (
        "loss: 0.1235 - b: 1.0000e-05 - c: 0.0000 - d: 1.2346e+05"
    )
    assert format_logs({"n": float("nan")}) == "n: nan"
