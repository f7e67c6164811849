"""Test the text and JSON output of the benchmark."""

import json

import pytest

from seqfuse.bench import report
from seqfuse.bench.case import Case
from seqfuse.bench.recurrent.shapes import Shape
from seqfuse.bench.timing import Timing

AXES = Shape._fields
# 2,516,582,400 operations in 20 ms: 125.8 GFLOP/s, a quarter of 500
TIMED = report.TimedCase(
    Case("lstm", "forward", Shape(100, 32, 128, 256), 2),
    Timing({"seqfuse": 0.02, "pytorch": 0.05}, {"pytorch": 2.5}, 500e9),
    2_516_582_400,
    "FLOP",
)

MEMORY = report.MemoryCase(TIMED.case, 12_345_678, 500_000, {"seqfuse": 4096})


def test_line_shows_rate_fraction_ratio_and_a_dash_for_missing_peers():
    line = report.line(TIMED, ["pytorch", "onnxruntime"])
    for part in ("20.0 ms", "125.8", "25%", "50.0 ms", "2.50x"):
        assert part in line
    assert line.endswith(" -")
    head = report.header(AXES, "FLOP") + report.peer_header(["pytorch", "onnxruntime"])
    assert len(line) == len(head)
    assert "(T, B, I, H)" in head
    assert "GFLOP/s" in head


def test_lines_show_the_first_contender_first():
    first, second = report.lines(TIMED).splitlines()
    assert first == report.line(TIMED, [])
    assert second.split() == ["pytorch", "50.0", "ms", "2.50x"]
    assert len(second) == len(report.header(AXES, "FLOP") + report.peer_header(["relative time"]))


def test_memory_line_shows_sizes_and_a_dash_for_missing_peers():
    line = report.memory_line(MEMORY, ["pytorch", "onnxruntime"])
    assert line.split()[-8:] == ["12.3", "MB", "0.5", "MB", "0.0", "MB", "-", "-"]
    assert len(line) == len(report.memory_header(AXES, ["pytorch", "onnxruntime"]))
    assert report.memory_line(MEMORY._replace(extra={"seqfuse": 1, "pytorch": 7_000_000}), ["pytorch"])[-6:] == "7.0 MB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.5e-6, "1.50 us"), (2e-7, "0.20 us"), (9.87e-4, "987 us"), (0.0123, "12.3 ms"), (2.0, "2.00 s")],
)
def test_duration_has_three_digits_and_a_unit(seconds, text):
    assert report.duration(seconds) == text


def test_save_writes_timed_cases(tmp_path):
    path = tmp_path / "bench.json"
    report.save(path, "cells", {"seqfuse": "1.2.3"}, {"isa": "x"}, 9, [TIMED])
    document = json.loads(path.read_text(encoding="utf-8"))
    assert set(document) == {"schema", "table", "machine", "versions", "info", "rounds", "results"}
    assert document["schema"] == report.SCHEMA
    assert document["table"] == "cells"
    assert document["versions"]["seqfuse"] == "1.2.3"
    assert document["machine"]["processor"]
    (row,) = document["results"]
    assert row == {
        "op": "lstm",
        "work": "forward",
        "shape": {"T": 100, "B": 32, "I": 128, "H": 256},
        "threads": 2,
        "amount": 2_516_582_400,
        "unit": "FLOP",
        "peak_per_second": 500e9,
        "share_of_peak": pytest.approx(0.2516582400),
        "seconds": {"seqfuse": 0.02, "pytorch": 0.05},
        "ratios": {"pytorch": 2.5},
    }


def test_save_writes_memory_cases(tmp_path):
    path = tmp_path / "memory.json"
    report.save(path, "memory", {}, {}, 1, [MEMORY])
    (row,) = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert row == {
        "op": "lstm",
        "work": "forward",
        "shape": {"T": 100, "B": 32, "I": 128, "H": 256},
        "threads": 2,
        "inputs_bytes": 12_345_678,
        "outputs_bytes": 500_000,
        "beyond_bytes": {"seqfuse": 4096},
    }
