"""Test `bench/write_tables.py`, which is not part of the package."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from seqfuse.bench import report
from seqfuse.bench.attention import AttentionShape
from seqfuse.bench.case import Case
from seqfuse.bench.decode import DecodeShape
from seqfuse.bench.recurrent.shapes import Shape
from seqfuse.bench.tables import TABLES
from seqfuse.bench.timing import Timing

ROOT = Path(__file__).resolve().parents[2]
SELF = AttentionShape(4, 8, 512, 64)
PAGE = "before\n<!-- table {} -->\nold\n<!-- end of table -->\nafter\n<!-- end of table -->\n"


def timed_case(work, threads, others):
    ratios = {name: seconds / 0.02 for name, seconds in others.items()}
    timing = Timing({"seqfuse": 0.02, **others}, ratios, threads * 250e9)
    return report.TimedCase(Case("lstm", work, Shape(100, 32, 128, 256), threads), timing, 2_516_582_400, "FLOP")


@pytest.fixture
def write_tables():
    spec = importlib.util.spec_from_file_location("write_tables", ROOT / "bench" / "write_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def write(tmp_path, write_tables):
    """Return a function that saves results for a table and returns the lines that are written into the page."""

    def lines(table, *results):
        page = tmp_path / "page.md"
        page.write_text(PAGE.format("cells" if table is None else table), encoding="utf-8")
        report.save(tmp_path / "a.json", table or "lengths", {}, {}, 9, results)
        assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["schema"] == report.SCHEMA
        write_tables.main([str(page), str(tmp_path / "a.json")])
        before, *inside, end, after, _ = page.read_text(encoding="utf-8").splitlines()
        assert (before, end, after) == ("before", "<!-- end of table -->", "after")
        return [line for line in inside[1:] if line]

    return lines


def test_cells_table_has_one_line_per_case(write):
    found = write("cells", timed_case("forward", 2, {"pytorch": 0.05}))
    assert found[0] == "| work | (T, B, I, H) | threads | seqfuse | of peak | PyTorch | ONNX Runtime |"
    assert found[2:] == ["| lstm forward | (100, 32, 128, 256) | 2 | 20.0 ms | 25 % | 50.0 ms, 2.50x | – |"]


def test_lengths_table_compares_with_the_padded_time(write):
    others = {"padded": 0.04, "pytorch packed": 0.2, "pytorch padded": 0.05}
    (found,) = write("lengths", timed_case("forward", 1, others))[2:]
    assert found.endswith("| 20.0 ms | 50 % | 40.0 ms | 0.50x | 200 ms, 10.00x | 50.0 ms, 2.50x |")


def test_options_table_is_split_by_threads(write):
    work = "forward+backward"
    found = write("options", timed_case(work, 1, {"clip": 0.021}), timed_case(work, 2, {"mask": 0.015, "clip": 0.02}))
    assert found == [
        "| (100, 32, 128, 256), 1 thread | lstm |",
        "| --- | --- |",
        "| no option | 20.0 ms, 50 % |",
        "| clip | 1.05 |",
        "| (100, 32, 128, 256), 2 threads | lstm |",
        "| --- | --- |",
        "| no option | 20.0 ms, 25 % |",
        "| mask | 0.75 |",
        "| clip | 1.00 |",
    ]


def test_attention_table_has_its_own_axes_and_one_peer(write):
    one = timed_case("forward", 1, {"pytorch": 0.05})
    head, dashes, found = write("attention", one._replace(case=Case("attention", "causal", SELF, 1)))
    assert head == "| work | (B, H, N, D) | threads | seqfuse | of peak | PyTorch |"
    assert dashes == "| --- | --- | --- | --- | --- | --- |"
    assert found == "| attention causal | (4, 8, 512, 64) | 1 | 20.0 ms | 50 % | 50.0 ms, 2.50x |"


def test_decode_table_has_rate_and_fraction_of_reading(write):
    timing = Timing({"seqfuse": 0.02, "pytorch": 0.05}, {"pytorch": 2.5}, 40e9)
    one = report.TimedCase(Case("decode", "step", DecodeShape(8, 32, 8, 4096, 64), 1), timing, 600_000_000, "B")
    head, _, found = write("decode", one)
    assert head == "| work | (B, Hq, Hk, Tk, D) | threads | seqfuse | GB/s | of reading | PyTorch |"
    assert found == "| decode step | (8, 32, 8, 4096, 64) | 1 | 20.0 ms | 30.0 | 75 % | 50.0 ms, 2.50x |"


def test_memory_table_has_sizes_and_a_dash_for_missing_peers(write):
    case = Case("attention", "causal", SELF, 1)
    sizes = report.MemoryCase(case, 4_000_000, 1_000_000, {"seqfuse": 140_000, "pytorch": 2_600_000})
    found = write("memory", sizes, sizes._replace(extra={"seqfuse": 0}))
    assert found[0] == "| work | (B, H, N, D) | threads | inputs | outputs | seqfuse | PyTorch |"
    assert found[2:] == [
        "| attention causal | (4, 8, 512, 64) | 1 | 4.0 MB | 1.0 MB | 0.1 MB | 2.6 MB |",
        "| attention causal | (4, 8, 512, 64) | 1 | 4.0 MB | 1.0 MB | 0.0 MB | – |",
    ]


def test_table_is_unchanged_when_there_are_no_results(write):
    assert write("lengths") == ["old"]


def test_page_without_the_table_is_rejected(write):
    with pytest.raises(SystemExit, match="write_tables: the page must contain <!-- table lengths -->"):
        write(None, timed_case("forward", 1, {"padded": 0.04}))


def test_every_table_of_the_benchmark_can_be_written_and_is_in_the_page(write_tables):
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    names = {*TABLES, "memory"}
    assert set(write_tables.TABLES) == names
    assert set(re.findall(r"<!-- table (\w+) -->", text)) == names
