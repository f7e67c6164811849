"""The demo's progress: with tqdm, without it, and where there is no terminal."""

import importlib.util
import sys

import pytest

from seqfuse.demo.progress import Progress


def be_a_terminal(monkeypatch):
    """Let standard error, captured as it is, say that it is a terminal; in the test itself, where capsys has set it."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


def test_progress_is_silent_where_there_is_no_terminal(capsys):
    with Progress(100, "learning") as progress:
        progress.advance(50)
        progress.print("a line")
    out, err = capsys.readouterr()
    assert (out, err) == ("a line\n", "")


def test_progress_without_tqdm_is_a_plain_line(capsys, monkeypatch):
    be_a_terminal(monkeypatch)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with Progress(100, "learning") as progress:
        progress.advance(50)
        progress.print("a line")
    out, err = capsys.readouterr()
    assert out == "a line\n"
    assert "learning:  50%" in err
    assert "characters/s" in err


@pytest.mark.skipif(importlib.util.find_spec("tqdm") is None, reason="needs tqdm")
def test_progress_with_tqdm_counts_characters(capsys, monkeypatch):
    be_a_terminal(monkeypatch)
    with Progress(100, "learning") as progress:
        progress.advance(100)
        progress.print("a line")
    out, err = capsys.readouterr()
    assert out == "a line\n"
    assert "learning" in err
    assert "char/s" in err


def test_progress_line_says_the_share_and_the_speed():
    progress = Progress(1000, "learning")
    progress.advance(250)
    assert progress.line(0.5) == "learning:  25%, 500 characters/s "
