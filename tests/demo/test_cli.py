"""Test the demo's command line: its output, Ctrl-C, and the arguments that it rejects."""

import numpy as np
import pytest

from seqfuse.demo import cli, main
from seqfuse.demo.picture import can_draw
from seqfuse.demo.text import corpus
from seqfuse.demo.train import Epoch


@pytest.fixture
def short(monkeypatch):
    """Replace the text by its beginning."""
    characters = corpus()[:12_000]
    monkeypatch.setattr(cli, "corpus", lambda: characters)


@pytest.mark.usefixtures("short")
def test_demo_quick_prints_decreasing_bits_and_a_sample(capsys, tmp_path):
    path = tmp_path / "curve.png"
    assert main(["--quick", "--threads", "1", "--picture", str(path)]) == 0
    out = capsys.readouterr().out
    first, second = (line.split() for line in out.splitlines() if line.split()[:1] in (["1/2"], ["2/2"]))
    assert float(second[2]) < float(first[2]) < 6.0
    assert len(first) == len(second) == 5  # epoch, bits on both texts, seconds, speed
    assert "6-gram model" in out
    assert "The LSTM writes" in out
    assert "stream.step" in out
    assert path.exists() == can_draw()


@pytest.mark.usefixtures("short")
def test_demo_shows_the_result_so_far_after_ctrl_c(capsys, monkeypatch):
    def interrupted(model, text, settings, on_epoch, on_characters):
        on_epoch(Epoch(1, 3.0, 2.5, 1000, 1.0))
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "train", interrupted)
    assert main(["--quick", "--picture", ""]) == 0
    out = capsys.readouterr().out
    assert "Training interrupted. This is the result so far." in out
    assert "The LSTM writes" in out


def test_demo_ends_after_a_second_ctrl_c(capsys, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "corpus", interrupted)
    assert main(["--picture", ""]) == 130
    assert capsys.readouterr().out == "\nInterrupted.\n"


@pytest.mark.skipif(not can_draw(), reason="needs matplotlib")
@pytest.mark.parametrize("name", ["curve.unknown", "folder.png"])
@pytest.mark.usefixtures("short")
def test_demo_reports_why_there_is_no_picture(name, capsys, monkeypatch, tmp_path):
    (tmp_path / "folder.png").mkdir()
    monkeypatch.setattr(cli, "train", lambda *given: given[3](Epoch(1, 3.0, 2.5, 1000, 1.0)))
    assert main(["--quick", "--picture", str(tmp_path / name)]) == 1
    printed = capsys.readouterr()
    assert "The LSTM writes" in printed.out
    assert "No learning curve: " in printed.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--epochs", "0"], "--epochs must be at least 1; got 0"),
        (["--threads", "-1"], "--threads must be at least 1; got -1"),
        (["--seed", "-1"], "--seed must be in [0, 2**32); got -1"),
        (["--seed", "4294967296"], "--seed must be in [0, 2**32); got 4294967296"),
        (["--picture", "no/such/place.png"], "there is no directory no/such"),
    ],
)
def test_demo_rejects_bad_arguments_before_training(argv, message, capsys):
    with pytest.raises(SystemExit):
        main(argv)
    assert message in capsys.readouterr().err


def test_cut_shortens_long_lines_only():
    assert cli.cut("x" * cli.LINE_LENGTH) == "x" * cli.LINE_LENGTH
    assert cli.cut("x" * 500) == "x" * (cli.LINE_LENGTH - 3) + "..."


@pytest.mark.parametrize(("bits", "text"), [(1.0, "better than every n-gram"), (9.0, "every n-gram model is better")])
def test_verdict_names_the_better_model(bits, text):
    assert text in cli.verdict(bits, np.array([4.5, 2.5]))
