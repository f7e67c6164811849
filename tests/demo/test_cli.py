"""The demo's command line: what it prints, how it is stopped, and what it refuses before it trains."""

import pytest

from seqfuse.demo import cli, main
from seqfuse.demo.picture import can_draw
from seqfuse.demo.text import corpus
from seqfuse.demo.train import Epoch


@pytest.fixture
def short(monkeypatch):
    """The beginning of the documentation instead of all of it."""
    characters = corpus()[:12_000]
    monkeypatch.setattr(cli, "corpus", lambda: characters)


@pytest.mark.usefixtures("short")
def test_demo_quick_prints_bits_that_fall_and_a_paragraph(capsys, tmp_path):
    path = tmp_path / "curve.png"
    assert main(["--quick", "--threads", "1", "--picture", str(path)]) == 0
    out = capsys.readouterr().out
    first, second = (line.split() for line in out.splitlines() if line.split()[:1] in (["1/2"], ["2/2"]))
    assert float(second[2]) < float(first[2]) < 6.0
    assert len(first) == len(second) == 12  # epoch, two of the LSTM, six n-grams, the speed, two bars
    assert "It writes" in out
    assert "stream.step" in out
    assert path.exists() == can_draw()


@pytest.mark.usefixtures("short")
def test_demo_stopped_by_ctrl_c_shows_what_there_is(capsys, monkeypatch):
    def stopped(model, text, settings, tell, advance):
        tell(Epoch(1, 3.0, 2.5, 1000, 1.0))
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "train", stopped)
    assert main(["--quick", "--picture", ""]) == 0
    out = capsys.readouterr().out
    assert "stopped; this is what it has learnt so far" in out
    assert "It writes" in out


def test_demo_stopped_twice_ends(capsys, monkeypatch):
    def stopped():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "corpus", stopped)
    assert main(["--picture", ""]) == 130
    assert capsys.readouterr().out == "\nstopped\n"


@pytest.mark.skipif(not can_draw(), reason="needs matplotlib")
@pytest.mark.parametrize("name", ["curve.unknown", "folder.png"])
@pytest.mark.usefixtures("short")
def test_demo_says_why_there_is_no_picture(name, capsys, monkeypatch, tmp_path):
    (tmp_path / "folder.png").mkdir()
    monkeypatch.setattr(cli, "train", lambda *given: given[3](Epoch(1, 3.0, 2.5, 1000, 1.0)))
    assert main(["--quick", "--picture", str(tmp_path / name)]) == 1
    printed = capsys.readouterr()
    assert "It writes" in printed.out
    assert "no learning curve: " in printed.err


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
def test_demo_refuses_before_it_trains(argv, message, capsys):
    with pytest.raises(SystemExit):
        main(argv)
    assert message in capsys.readouterr().err
