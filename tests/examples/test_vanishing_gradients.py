"""Test the vanishing-gradients example: its task, its open gates and its output."""

import importlib.util
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "examples" / "vanishing_gradients.py"


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(PATH))


def test_vanishing_gradients_shows_the_sign_at_the_first_step_only(example):
    x, y = example["make_sequences"](200, 7, np.random.default_rng(0))
    assert x.shape == (200, 7, 2)
    np.testing.assert_array_equal(x[:, 0, 1], 2 * y[:, 0] - 1)
    assert (x[:, 1:, 1] == 0).all()


@pytest.mark.parametrize(("name", "open_gate"), [("LSTM, forget gate open", "f"), ("GRU, update gate open", "z")])
def test_vanishing_gradients_opens_the_gate_that_multiplies_the_state(example, name, open_gate):
    layer = example["LAYERS"][name](100)
    _, tape = layer.forward(np.zeros((1, 1, 2)))
    for gate, values in tape.cell.gates().items():
        expected = {open_gate: 1 / (1 + 1 / 100), "g": 0, "n": 0}.get(gate, 0.5)
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_vanishing_gradients_reach_the_first_step_through_open_gates_only(example):
    ratio = {}
    for name in example["LAYERS"]:
        norms, _ = example["run"](name, 40, 0, 0)
        ratio[name] = norms[0] / norms[-1]
    assert max(ratio["SimpleRNN"], ratio["LSTM"], ratio["GRU"]) < 0.01
    assert min(ratio["LSTM, forget gate open"], ratio["GRU, update gate open"]) > 0.1


def test_vanishing_gradients_prints_one_row_per_layer_and_draws(monkeypatch, capsys, tmp_path):
    path = tmp_path / "norms.png"
    argv = ["vanishing_gradients.py", "--steps", "10", "--epochs", "1", "--seeds", "1", "--picture", str(path)]
    monkeypatch.setattr(sys, "argv", argv)
    runpy.run_path(str(PATH), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith("layer "))
    rows = lines[head + 1 : head + 6]
    assert [row[:28].strip() for row in rows] == [
        "SimpleRNN", "LSTM", "GRU", "LSTM, forget gate open", "GRU, update gate open",
    ]  # fmt: skip
    assert all(line.endswith(("0 of 1", "1 of 1")) for line in rows)
    assert path.exists() == (importlib.util.find_spec("matplotlib") is not None)
