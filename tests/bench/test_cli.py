"""Test the benchmark's command line: its tables, the selection of cases, and the arguments that it rejects."""

import json

import pytest

from seqfuse.bench import attention, cli, decode, main, measurements, memory, peers
from seqfuse.bench.recurrent.shapes import CELLS, LENGTHS_SHAPES, OPTIONS_SHAPES, SHAPES, STEP_SIZES, WORKS

TINY = ["--quick", "--repeats", "1", "--peers", "--shapes", "3,2,4,5", "--sizes", "8"]
NO_PEERS = lambda _: {"seqfuse": "1"}  # noqa: E731


def test_bench_times_every_cell_and_kind_of_call(capsys, tmp_path):
    path = tmp_path / "bench.json"
    assert main([*TINY, "--threads", "1", "2", "--json", str(path)]) == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = document["results"]
    found = {(row["op"], row["work"], row["threads"]) for row in rows}
    assert document["table"] == "cells"
    assert found == {(cell, work, threads) for cell in CELLS for work in WORKS for threads in (1, 2)}
    assert all(row["seconds"]["seqfuse"] > 0 and row["share_of_peak"] >= 0 and not row["ratios"] for row in rows)
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith(CELLS)]) == len(rows)


def test_bench_lengths_compares_with_the_call_without_lengths(capsys, tmp_path):
    path = tmp_path / "bench.json"
    assert main([*TINY, "--lengths", "--threads", "1", "--json", str(path)]) == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = document["results"]
    assert document["table"] == "lengths"
    assert [(row["work"], row["op"]) for row in rows] == [(work, cell) for work in WORKS[:2] for cell in CELLS]
    assert all(set(row["seconds"]) == {"seqfuse", "padded"} and set(row["ratios"]) == {"padded"} for row in rows)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("op ", *CELLS))]
    assert len(lines) == 1 + len(rows)
    assert lines[0].endswith("of padded")
    assert {len(line) for line in lines} == {len(lines[0])}


def test_bench_options_prints_one_line_per_option(capsys, tmp_path):
    path = tmp_path / "bench.json"
    assert main([*TINY, "--options", "--threads", "1", "--cells", "lstm", "--json", str(path)]) == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    (row,) = document["results"]
    assert document["table"] == "options"
    assert list(row["seconds"]) == ["seqfuse", *row["ratios"]]
    assert {"lengths", "mask", "clip", "peephole", "recurrent_mask", "activation=relu"} <= set(row["ratios"])
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if line.startswith("          ")] == list(row["ratios"])


def test_bench_attention_times_every_kind_of_call(capsys, tmp_path):
    path = tmp_path / "bench.json"
    argv = ["--quick", "--repeats", "1", "--peers", "--shapes", "1,2,20,8", "--threads", "1", "2", "--json", str(path)]
    assert main([*argv, "--attention"]) == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["table"] == "attention"
    rows = document["results"]
    assert [(row["work"], row["threads"]) for row in rows] == [(w, n) for w in attention.WORKS for n in (1, 2)]
    assert all(row["shape"] == {"B": 1, "H": 2, "N": 20, "D": 8} and row["share_of_peak"] > 0 for row in rows)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("op ", "attention "))]
    assert len(lines) == 1 + len(rows)
    assert {len(line) for line in lines} == {len(lines[0])}


def test_bench_decode_reports_the_rate_of_reading(capsys, tmp_path):
    path = tmp_path / "bench.json"
    argv = ["--quick", "--repeats", "1", "--peers", "--threads", "1", "--json", str(path)]
    assert main([*argv, "--decode"]) == 0
    (row,) = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert (row["unit"], row["amount"]) == ("B", 2 * 2 * 100 * 32 * 4)
    assert row["share_of_peak"] == pytest.approx(row["amount"] / row["seconds"]["seqfuse"] / row["peak_per_second"])
    assert " GB/s " in capsys.readouterr().out


@pytest.mark.skipif(not memory.available(), reason="reads /proc")
def test_bench_memory_reports_peak_memory(capsys, tmp_path, monkeypatch):
    path = tmp_path / "memory.json"
    argv = ["--quick", "--attention", "--memory", "--peers", "--threads", "1", "--work", "causal", "--json", str(path)]
    monkeypatch.setattr(cli.memory, "run_in_new_process", lambda function, *arguments: function(*arguments))
    assert main(argv) == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = document["results"]
    assert document["table"] == "memory"
    assert [list(row["shape"].values()) for row in rows] == [list(shape) for shape in attention.QUICK_SHAPES]
    assert all(row["beyond_bytes"]["seqfuse"] >= 0 for row in rows)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("op ", "attention "))]
    assert {len(line) for line in lines} == {len(lines[0])}


def test_bench_does_not_mention_peers_that_the_table_does_not_have(capsys, monkeypatch):
    monkeypatch.setattr(peers, "versions", NO_PEERS)
    assert main([*TINY[:3], "--shapes", "3,2,4,5", "--options", "--cells", "rnn", "--threads", "1"]) == 0
    assert "not installed" not in capsys.readouterr().out


def test_bench_runs_without_peers(capsys, monkeypatch):
    monkeypatch.setattr(peers, "versions", NO_PEERS)
    assert main(["--quick", "--repeats", "1", "--cells", "gru", "--work", "step", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert "pytorch is not installed and is left out" in out
    assert "onnxruntime is not installed and is left out" in out


def test_bench_saves_the_results_so_far_after_ctrl_c(capsys, tmp_path, monkeypatch):
    def interrupted(*_):
        yield from ()
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "measurements", interrupted)
    path = tmp_path / "bench.json"
    assert main([*TINY, "--json", str(path)]) == 130
    assert path.exists()


def test_bench_exits_with_1_and_saves_when_a_result_is_wrong(capsys, tmp_path, monkeypatch):
    def wrong(*_):
        yield from ()
        raise measurements.WrongError("rnn forward: y has an error of 1.00e-01")

    monkeypatch.setattr(cli, "measurements", wrong)
    path = tmp_path / "bench.json"
    assert main([*TINY, "--json", str(path)]) == 1
    assert "Wrong result, not timed: rnn forward: y has an error of 1.00e-01" in capsys.readouterr().err
    assert json.loads(path.read_text(encoding="utf-8"))["results"] == []


def selected_cases(*argv):
    return cli.cases(cli.arguments(argv))


@pytest.mark.parametrize(
    ("argv", "count", "ops"),
    [
        ([], len(CELLS) * (2 * len(SHAPES) + len(STEP_SIZES)), CELLS),
        (["--lengths"], len(CELLS) * 2 * len(LENGTHS_SHAPES), CELLS),
        (["--options"], len(CELLS) * len(OPTIONS_SHAPES), CELLS),
        (["--attention"], 4 * len(attention.SHAPES), attention.OPS),
        (["--decode"], len(decode.SHAPES), decode.OPS),
        (["--attention", "--memory"], 4 * len(attention.SHAPES) + 1, attention.OPS),
    ],
)
def test_cases_cover_the_table_with_one_and_two_threads(argv, count, ops):
    found = selected_cases(*argv)
    assert len(found) == len(set(found)) == 2 * count
    assert {case.op for case in found} == set(ops)
    pairs = list(zip(found[::2], found[1::2]))
    assert all(one[:3] == two[:3] and (one.threads, two.threads) == (1, 2) for one, two in pairs)


def test_cases_can_be_selected_by_every_argument():
    found = selected_cases(
        "--work", "step", "forward", "--cells", "gru", "--shapes", "1,2,3,4", "--sizes", "5", "--threads", "3"
    )
    assert [str(case) for case in found] == ["gru step (1, 1, 5, 5), threads 3", "gru forward (1, 2, 3, 4), threads 3"]
    (case,) = selected_cases("--attention", "--work", "causal", "--shapes", "(1,2,3,4)", "--threads", "1")
    assert case == ("attention", "causal", attention.AttentionShape(1, 2, 3, 4), 1)


def test_memory_cases_include_the_longest_sequence():
    found = selected_cases("--attention", "--memory", "--work", "causal+backward", "--threads", "2")
    assert found[-1].shape == attention.LONG == (1, 1, 65536, 64)


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
        ["--work", "causal"],
        ["--shapes", "1,2,3", "--attention"],
        ["--cells", "lstm", "--attention"],
        ["--memory"],
        ["--memory", "--lengths"],
        ["--memory", "--decode"],
        ["--work", "forward", "--decode"],
    ],
)
def test_bench_rejects_bad_arguments(argv, capsys):
    with pytest.raises(SystemExit):
        main(argv)
    assert argv[0] in capsys.readouterr().err


def test_bench_rejects_memory_when_the_system_does_not_report_it(capsys, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: False)
    with pytest.raises(SystemExit):
        main(["--attention", "--memory"])
    assert "--memory: needs the peak memory of a process" in capsys.readouterr().err
