"""Test the demo's progress bar: with tqdm, without it, and without a terminal."""

import importlib.util
import sys

import pytest

from seqfuse.demo.progress import Progress


def pretend_terminal(monkeypatch):
    """Make standard error claim to be a terminal. Call it inside the test, after capsys has replaced standard error."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


def test_progress_is_silent_without_a_terminal(capsys):
    with Progress(100, "training") as progress:
        progress.advance(50)
        progress.print("a line")
    out, err = capsys.readouterr()
    assert (out, err) == ("a line\n", "")


def test_progress_without_tqdm_is_a_plain_line(capsys, monkeypatch):
    pretend_terminal(monkeypatch)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with Progress(100, "training") as progress:
        progress.advance(50)
        progress.print("a line")
    out, err = capsys.readouterr()
    assert out == "a line\n"
    assert "training:  50%" in err
    assert "characters/s" in err


@pytest.mark.skipif(importlib.util.find_spec("tqdm") is None, reason="needs tqdm")
def test_progress_with_tqdm_counts_characters(capsys, monkeypatch):
    pretend_terminal(monkeypatch)
    with Progress(100, "training") as progress:
        progress.advance(100)
        progress.print("a line")
    out, err = capsys.readouterr()
    assert out == "a line\n"
    assert "training" in err
    assert "char/s" in err


def test_progress_line_shows_percentage_and_speed():
    progress = Progress(1000, "training")
    progress.advance(250)
    assert progress.line(0.5) == "training:  25%, 500 characters/s "
