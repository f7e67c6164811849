import json

import pytest

from seqfuse.bench import cli, contenders, main, measurements
from seqfuse.bench.shapes import CELLS, LENGTHS_SHAPES, OPTIONS_SHAPES, SHAPES, STEP_SIZES, WORKS

TINY = ["--quick", "--repeats", "1", "--peers", "--shapes", "3,2,4,5", "--sizes", "8"]
ALONE = lambda _: {"seqfuse": "1"}  # noqa: E731


def test_bench_measures_every_cell_and_work(capsys, tmp_path):
    path = tmp_path / "bench.json"
    assert main([*TINY, "--threads", "1", "2", "--json", str(path)]) == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = document["results"]
    found = {(row["cell"], row["work"], row["threads"]) for row in rows}
    assert document["table"] == "cells"
    assert found == {(cell, work, threads) for cell in CELLS for work in WORKS for threads in (1, 2)}
    assert all(row["seconds"]["seqfuse"] > 0 and row["share_of_peak"] >= 0 and not row["ratios"] for row in rows)
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith(CELLS)]) == len(rows)


def test_bench_lengths_compares_with_the_padded_run(capsys, tmp_path):
    path = tmp_path / "bench.json"
    assert main([*TINY, "--lengths", "--threads", "1", "--json", str(path)]) == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = document["results"]
    assert document["table"] == "lengths"
    assert [(row["work"], row["cell"]) for row in rows] == [(work, cell) for work in WORKS[:2] for cell in CELLS]
    assert all(set(row["seconds"]) == {"seqfuse", "padded"} and set(row["ratios"]) == {"padded"} for row in rows)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("cell ", *CELLS))]
    assert len(lines) == 1 + len(rows)
    assert lines[0].endswith("of padded")
    assert {len(line) for line in lines} == {len(lines[0])}


def test_bench_options_has_a_line_for_each_option_below_the_plain_one(capsys, tmp_path):
    path = tmp_path / "bench.json"
    assert main([*TINY, "--options", "--threads", "1", "--cells", "lstm", "--json", str(path)]) == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    (row,) = document["results"]
    assert document["table"] == "options"
    assert list(row["seconds"]) == ["seqfuse", *row["ratios"]]
    assert {"lengths", "mask", "clip", "peephole", "recurrent_mask", "activation=relu"} <= set(row["ratios"])
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if line.startswith("        ")] == list(row["ratios"])


def test_bench_without_peers_in_the_table_names_none(capsys, monkeypatch):
    monkeypatch.setattr(contenders, "versions", ALONE)
    assert main([*TINY[:3], "--shapes", "3,2,4,5", "--options", "--cells", "rnn", "--threads", "1"]) == 0
    assert "not installed" not in capsys.readouterr().out


def test_bench_goes_on_without_peers(capsys, monkeypatch):
    monkeypatch.setattr(contenders, "versions", ALONE)
    assert main(["--quick", "--repeats", "1", "--cells", "gru", "--work", "step", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert "pytorch is not installed: left out" in out
    assert "onnxruntime is not installed: left out" in out


def test_bench_stopped_by_ctrl_c_saves_what_there_is(capsys, tmp_path, monkeypatch):
    def stopped(*_):
        yield from ()
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "measurements", stopped)
    path = tmp_path / "bench.json"
    assert main([*TINY, "--json", str(path)]) == 130
    assert path.exists()


def test_bench_that_is_wrong_ends_with_1_and_saves_what_there_is(capsys, tmp_path, monkeypatch):
    def wrong(*_):
        yield from ()
        raise measurements.WrongError("rnn forward: y is out by 1.00e-01")

    monkeypatch.setattr(cli, "measurements", wrong)
    path = tmp_path / "bench.json"
    assert main([*TINY, "--json", str(path)]) == 1
    assert "not timed: rnn forward: y is out by 1.00e-01" in capsys.readouterr().err
    assert json.loads(path.read_text(encoding="utf-8"))["results"] == []


@pytest.mark.parametrize(
    ("argv", "count"),
    [
        ([], len(CELLS) * (2 * len(SHAPES) + len(STEP_SIZES))),
        (["--lengths"], len(CELLS) * 2 * len(LENGTHS_SHAPES)),
        (["--options"], len(CELLS) * len(OPTIONS_SHAPES)),
    ],
)
def test_cases_are_those_of_the_table_with_one_and_two_threads(argv, count):
    all_ = list(cli.cases(cli.parser().parse_args(argv)))
    assert len(all_) == len(set(all_)) == 2 * count
    assert {case.cell for case in all_} == set(CELLS)


@pytest.mark.parametrize(
    "argv",
    [
        ["--shapes", "1,2,3"],
        ["--shapes", "1,2,3,0"],
        ["--threads", "0"],
        ["--cells", "cnn"],
        ["--json", "no/such/place.json"],
        ["--lengths", "--options"],
        ["--work", "step", "--lengths"],
        ["--work", "forward", "--options"],
    ],
)
def test_bench_refuses_what_it_cannot_read(argv, capsys):
    with pytest.raises(SystemExit):
        main(argv)
    assert argv[0] in capsys.readouterr().err
