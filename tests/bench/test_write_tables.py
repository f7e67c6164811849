"""`bench/write_tables.py`, which lies outside the package."""

import importlib.util
import json
from pathlib import Path

import pytest

from seqfuse.bench import report
from seqfuse.bench.shapes import Case, Shape
from seqfuse.bench.timing import Timing

pytestmark = pytest.mark.once
PAGE = "before\n<!-- table {} -->\nold\n<!-- end of table -->\nafter\n<!-- end of table -->\n"


def measured(work, threads, others):
    ratios = {name: seconds / 0.02 for name, seconds in others.items()}
    timing = Timing({"seqfuse": 0.02, **others}, ratios, 250e9)
    return report.Measured(Case("lstm", work, Shape(100, 32, 128, 256), threads), timing, 2_516_582_400)


@pytest.fixture
def write(tmp_path):
    """Saves what was measured, as of that table, and gives the lines that come into the page."""
    path = Path(__file__).resolve().parents[2] / "bench" / "write_tables.py"
    spec = importlib.util.spec_from_file_location("write_tables", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def lines(table, *all_):
        page = tmp_path / "page.md"
        page.write_text(PAGE.format("cells" if table is None else table), encoding="utf-8")
        report.save(tmp_path / "a.json", table or "lengths", {}, {}, 9, all_)
        assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["schema"] == report.SCHEMA
        module.main([str(page), str(tmp_path / "a.json")])
        before, *inside, end, after, _ = page.read_text(encoding="utf-8").splitlines()
        assert (before, end, after) == ("before", "<!-- end of table -->", "after")
        return [line for line in inside[1:] if line]

    return lines


def test_cells_have_a_line_a_case(write):
    found = write("cells", measured("forward", 2, {"pytorch": 0.05}))
    assert found[2:] == ["| lstm forward | (100, 32, 128, 256) | 2 | 20.0 ms | 25 % | 50.0 ms, 2.50x | – |"]


def test_lengths_have_the_share_of_the_padded_time(write):
    others = {"padded": 0.04, "pytorch packed": 0.2, "pytorch padded": 0.05}
    (found,) = write("lengths", measured("forward", 1, others))[2:]
    assert found.endswith("| 20.0 ms | 50 % | 0.50 of 40.0 ms | 200 ms, 10.00x | 50.0 ms, 2.50x |")


def test_options_have_a_table_for_each_number_of_threads(write):
    work = "forward+backward"
    found = write("options", measured(work, 1, {"clip": 0.021}), measured(work, 2, {"mask": 0.015, "clip": 0.02}))
    assert found == [
        "| (100, 32, 128, 256), 1 thread | lstm |",
        "| --- | --- |",
        "| plain | 20.0 ms, 50 % |",
        "| clip | 1.05 |",
        "| (100, 32, 128, 256), 2 threads | lstm |",
        "| --- | --- |",
        "| plain | 20.0 ms, 25 % |",
        "| mask | 0.75 |",
        "| clip | 1.00 |",
    ]


def test_a_page_without_the_table_is_refused(write):
    with pytest.raises(SystemExit, match="the page has no <!-- table lengths -->"):
        write(None)
