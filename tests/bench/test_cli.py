import json
from contextlib import contextmanager

import numpy as np
import pytest

from seqfuse.bench import cli, contenders, main
from seqfuse.bench.shapes import CELLS, SHAPES, STEP_SIZES, WORKS

TINY = ["--quick", "--repeats", "1", "--peers", "--shapes", "3,2,4,5", "--sizes", "8"]


def test_bench_measures_every_cell_and_work(capsys, tmp_path):
    path = tmp_path / "bench.json"
    assert main([*TINY, "--threads", "1", "2", "--json", str(path)]) == 0
    rows = json.loads(path.read_text(encoding="utf-8"))["results"]
    found = {(row["cell"], row["work"], row["threads"]) for row in rows}
    assert found == {(cell, work, threads) for cell in CELLS for work in WORKS for threads in (1, 2)}
    assert all(row["seconds"]["seqfuse"] > 0 and row["share_of_peak"] > 0 and not row["ratios"] for row in rows)
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith(CELLS)]) == len(rows)


def test_bench_refuses_to_time_what_is_wrong(capsys, tmp_path, monkeypatch):
    right = contenders.seqfuse

    def wrong(problem, work):
        contender = right(problem, work)
        return contender._replace(read=lambda result: {k: a + 0.1 for k, a in contender.read(result).items()})

    monkeypatch.setattr(contenders, "seqfuse", wrong)
    path = tmp_path / "bench.json"
    assert main([*TINY, "--json", str(path)]) == 1
    assert "not timed: rnn forward (3, 2, 4, 5), threads 1: y is out by 1.00e-01" in capsys.readouterr().err
    assert json.loads(path.read_text(encoding="utf-8"))["results"] == []


def test_bench_leaves_out_a_peer_that_is_wrong(capsys, monkeypatch):
    monkeypatch.setattr(contenders, "versions", lambda _: {"seqfuse": "1", "pytorch": "2"})
    enter_alone = contenders.enter

    @contextmanager
    def enter(problem, work, threads, _):
        zeros = {name: np.zeros(1) for name in ("y", "h")}
        with enter_alone(problem, work, threads, []) as present:
            yield [*present, contenders.Contender("pytorch", lambda: zeros, lambda result: result)]

    monkeypatch.setattr(contenders, "enter", enter)
    assert main(["--quick", "--repeats", "1", "--cells", "rnn", "--work", "forward", "--shapes", "3,2,4,5"]) == 0
    out, err = capsys.readouterr()
    assert "pytorch left out of rnn forward (3, 2, 4, 5), threads 1: y has the shape (1,)" in err
    assert out.rstrip().endswith("-")


def test_bench_goes_on_without_peers(capsys, monkeypatch):
    monkeypatch.setattr(contenders, "versions", lambda _: {"seqfuse": "1"})
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


def test_cases_are_designs_six_shapes_and_four_steps_by_default():
    all_ = list(cli.cases(cli.parser().parse_args([])))
    assert len(all_) == len(set(all_)) == 3 * 2 * (2 * len(SHAPES) + len(STEP_SIZES))


@pytest.mark.parametrize(
    "argv",
    [
        ["--shapes", "1,2,3"],
        ["--shapes", "1,2,3,0"],
        ["--threads", "0"],
        ["--cells", "cnn"],
        ["--json", "no/such/place.json"],
    ],
)
def test_bench_refuses_what_it_cannot_read(argv, capsys):
    with pytest.raises(SystemExit):
        main(argv)
    assert argv[0] in capsys.readouterr().err
