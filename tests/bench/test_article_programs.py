"""Test `bench/article_programs.py`, which is not part of the package."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "bench" / "article_programs.py"


@pytest.fixture
def bench(monkeypatch):
    spec = importlib.util.spec_from_file_location("article_programs", PATH)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "article_programs", module)
    spec.loader.exec_module(module)
    return module


def test_contender_times_the_parts_of_a_program(bench):
    seconds = bench.Contender("seqfuse", "seqfuse").run("simple_rnn")
    assert list(seconds) == list(bench.PARTS)
    assert 0 < seconds["import"] + seconds["fit"] < seconds["whole process"]


def test_contender_reports_the_error_of_a_program(bench):
    with pytest.raises(SystemExit, match=r"simple_rnn with missing failed:(.|\n)*No module named 'no_such_library'"):
        bench.Contender("missing", "no_such_library").run("simple_rnn")


def test_compare_prints_medians_and_the_fastest_backend(bench, capsys):
    class Fixed(bench.Contender):
        def run(self, program):
            rounds.append(self.name)
            import_, fit = {"seqfuse": (1, 1), "Keras, jax": (4, 30), "Keras, torch": (8, 20)}[self.name]
            return {"import": import_, "fit": fit, "whole process": import_ + fit}

    rounds = []
    bench.compare("lstm", [Fixed(name, "") for name in ("seqfuse", "Keras, jax", "Keras, torch")], 2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["lstm", "seqfuse"], ["lstm", "Keras,"], ["lstm", "Keras,"]]
    assert lines[3].split() == ["fastest", "Keras", "4.0x", "jax", "20.0x", "torch", "14.0x", "torch"]
    assert rounds[:3] == ["seqfuse", "Keras, jax", "Keras, torch"]
    assert rounds[3:] == ["Keras, jax", "Keras, torch", "seqfuse"]


def test_contenders_are_seqfuse_and_the_installed_backends(bench, monkeypatch):
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: object() if name in ("keras", "jax") else None)
    assert [c.name for c in bench.contenders(["jax", "torch"])] == ["seqfuse", "Keras, jax"]
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    assert [c.name for c in bench.contenders(["jax", "torch"])] == ["seqfuse"]


def test_compare_step_prints_one_line_per_cell(bench, capsys, monkeypatch):
    monkeypatch.setattr(bench, "SAMPLES", 40)
    bench.compare_step(1)
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[0] for line in lines] == ["rnn", "lstm", "gru"]
    assert all(line.endswith("%") for line in lines)
