"""Puts what `python -m seqfuse bench --json` measured into a page, as tables of Markdown.

python bench/write_tables.py docs/performance.md cells.json lengths.json options.json

Each file says which table it is, cells, lengths or options, and goes between `<!-- table NAME -->` and
`<!-- end of table -->`. Files of the same table, of several runs say, make one table in the order given.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from seqfuse.bench.report import duration
from seqfuse.bench.shapes import Shape

Row = dict[str, Any]  # a result, as `seqfuse.bench.report` saves it
END = "<!-- end of table -->"


def main(arguments: list[str]) -> None:
    """Rewrite the tables of a page."""
    if len(arguments) < 2:
        sys.exit(__doc__)
    page, *paths = map(Path, arguments)
    tables: dict[str, list[Row]] = {}
    for path in paths:
        document = json.loads(path.read_text(encoding="utf-8"))
        tables.setdefault(document["table"], []).extend(document["results"])
    text = page.read_text(encoding="utf-8")
    for name, rows in tables.items():
        text = replaced(text, name, "\n".join(TABLES[name](rows)))
    page.write_text(text, encoding="utf-8")


def replaced(text: str, name: str, table: str) -> str:
    """The page with another table between the marks of that name."""
    begin = f"<!-- table {name} -->"
    before, mark, rest = text.partition(begin)
    if not mark or END not in rest:
        sys.exit(f"the page has no {begin} with {END} after it")
    return f"{before}{begin}\n\n{table}\n\n{END}{rest.partition(END)[2]}"


def cells(rows: Iterable[Row]) -> Iterator[str]:
    """A line a case; the peers' times, and how many times longer they took."""
    yield "| cell, work | (T, B, I, H) | threads | seqfuse | of peak | PyTorch | ONNX Runtime |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        yield line(*ours(row), beside(row, "pytorch"), beside(row, "onnxruntime"))


def lengths(rows: Iterable[Row]) -> Iterator[str]:
    """A line a case: with lengths, its share of the padded time, and PyTorch both ways."""
    yield "| cell, work | (T, B, I, H) | threads | seqfuse | of peak | of padded | PyTorch packed | PyTorch padded |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        padded = f"{1 / row['ratios']['padded']:.2f} of {duration(row['seconds']['padded'])}"
        yield line(*ours(row), padded, beside(row, "pytorch packed"), beside(row, "pytorch padded"))


def options(rows: Iterable[Row]) -> Iterator[str]:
    """For each shape and number of threads a line an option, a column a cell: the time by that of the plain call."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
        groups.setdefault(f"{Shape(**row['shape'])}, {threads}", []).append(row)
    for number, (place, columns) in enumerate(groups.items()):
        if number:
            yield ""
        yield line(place, *(row["cell"] for row in columns))
        yield line(*["---"] * (len(columns) + 1))
        yield line("plain", *(f"{duration(row['seconds']['seqfuse'])}, {percent(row)}" for row in columns))
        for name in dict.fromkeys(name for row in columns for name in row["ratios"]):  # in order, each once
            yield line(name, *(f"{row['ratios'][name]:.2f}" if name in row["ratios"] else "–" for row in columns))


TABLES: dict[str, Callable[[Iterable[Row]], Iterator[str]]] = {"cells": cells, "lengths": lengths, "options": options}


def line(*columns: object) -> str:
    """A row of a table of Markdown."""
    return f"| {' | '.join(map(str, columns))} |"


def ours(row: Row) -> tuple[str, ...]:
    """What every line begins with: the case, our time, our share of the peak."""
    case = f"{row['cell']} {row['work']}", str(Shape(**row["shape"])), str(row["threads"])
    return (*case, duration(row["seconds"]["seqfuse"]), percent(row))


def percent(row: Row) -> str:
    """Our share of the peak."""
    return f"{row['share_of_peak']:.0%}".replace("%", " %")


def beside(row: Row, name: str) -> str:
    """The time of one of the others, and how many times longer it took; a dash for who is missing."""
    return f"{duration(row['seconds'][name])}, {row['ratios'][name]:.2f}x" if name in row["seconds"] else "–"


if __name__ == "__main__":
    main(sys.argv[1:])
