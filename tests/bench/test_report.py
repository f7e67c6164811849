"""What the benchmark prints and saves."""

import json

import pytest

from seqfuse.bench import report
from seqfuse.bench.case import Case
from seqfuse.bench.recurrent.shapes import Shape
from seqfuse.bench.timing import Timing

AXES = Shape._fields
# 2,516,582,400 operations in 20 ms: 125.8 GFLOP/s, a quarter of 500
MEASURED = report.Measured(
    Case("lstm", "forward", Shape(100, 32, 128, 256), 2),
    Timing({"seqfuse": 0.02, "pytorch": 0.05}, {"pytorch": 2.5}, 500e9),
    2_516_582_400,
    "FLOP",
)

WEIGHED = report.Weighed(MEASURED.case, 12_345_678, 500_000, {"seqfuse": 4096})


def test_line_says_rate_share_and_ratio_and_a_dash_for_who_is_missing():
    line = report.line(MEASURED, ["pytorch", "onnxruntime"])
    for part in ("20.0 ms", "125.8", "25%", "50.0 ms", "2.50x"):
        assert part in line
    assert line.endswith(" -")
    head = report.header(AXES, "FLOP") + report.header_of(["pytorch", "onnxruntime"])
    assert len(line) == len(head)
    assert "(T, B, I, H)" in head
    assert "GFLOP/s" in head


def test_lines_have_the_plain_call_first_and_the_others_below():
    first, second = report.lines(MEASURED).splitlines()
    assert first == report.line(MEASURED, [])
    assert second.split() == ["pytorch", "50.0", "ms", "2.50x"]
    assert len(second) == len(report.header(AXES, "FLOP") + report.header_of(["of the plain call"]))


def test_memory_line_says_sizes_and_a_dash_for_who_is_missing():
    line = report.memory_line(WEIGHED, ["pytorch", "onnxruntime"])
    assert line.split()[-8:] == ["12.3", "MB", "0.5", "MB", "0.0", "MB", "-", "-"]
    assert len(line) == len(report.memory_header(AXES, ["pytorch", "onnxruntime"]))
    assert (
        report.memory_line(WEIGHED._replace(beyond={"seqfuse": 1, "pytorch": 7_000_000}), ["pytorch"])[-6:] == "7.0 MB"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.5e-6, "1.50 us"), (2e-7, "0.20 us"), (9.87e-4, "987 us"), (0.0123, "12.3 ms"), (2.0, "2.00 s")],
)
def test_duration_has_a_unit(seconds, text):
    assert report.duration(seconds) == text


def test_save_writes_what_was_measured(tmp_path):
    path = tmp_path / "bench.json"
    report.save(path, "cells", {"seqfuse": "1.2.3"}, {"isa": "x"}, 9, [MEASURED])
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


def test_save_writes_what_was_weighed(tmp_path):
    path = tmp_path / "memory.json"
    report.save(path, "memory", {}, {}, 1, [WEIGHED])
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
