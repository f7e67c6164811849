"""Puts what `python -m seqfuse bench --json` measured into a page, as tables of Markdown.

python bench/write_tables.py docs/performance.md cells.json lengths.json options.json attention.json

Each file says which table it is, and goes between `<!-- table NAME -->` and `<!-- end of table -->`. Files of the same
table, of several runs say, make one table in the order given.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seqfuse.bench.report import duration, megabytes

Row = dict[str, Any]  # a result, as `seqfuse.bench.report` saves it
NAMES = {"pytorch": "PyTorch", "onnxruntime": "ONNX Runtime"}
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
        if rows:  # none where a run was stopped at once
            text = replaced(text, name, "\n".join(TABLES[name](rows)))
    page.write_text(text, encoding="utf-8")


def replaced(text: str, name: str, table: str) -> str:
    """The page with another table between the marks of that name."""
    begin = f"<!-- table {name} -->"
    before, mark, rest = text.partition(begin)
    if not mark or END not in rest:
        sys.exit(f"the page has no {begin} with {END} after it")
    return f"{before}{begin}\n\n{table}\n\n{END}{rest.partition(END)[2]}"


def beside_peers(*peers: str) -> Callable[[Sequence[Row]], Iterator[str]]:
    """A line a case; the peers' times, and how many times longer they took."""

    def table(rows: Sequence[Row]) -> Iterator[str]:
        yield from head(rows, "seqfuse", "of peak", *(NAMES[peer] for peer in peers))
        for row in rows:
            yield line(*ours(row), *(beside(row, peer) for peer in peers))

    return table


def decode(rows: Sequence[Row]) -> Iterator[str]:
    """A line a case: how fast keys and values are read, as a share of the fastest too."""
    yield from head(rows, "seqfuse", "GB/s", "of reading", "PyTorch")
    for row in rows:
        seconds = row["seconds"]["seqfuse"]
        rate = f"{row['amount'] / seconds / 1e9:.1f}"
        yield line(*case(row), duration(seconds), rate, percent(row), beside(row, "pytorch"))


def lengths(rows: Sequence[Row]) -> Iterator[str]:
    """A line a case: with lengths, its share of the padded time, and PyTorch both ways."""
    yield from head(rows, "with lengths", "of peak", "padded", "of padded", "PyTorch packed", "PyTorch padded")
    for row in rows:
        padded = duration(row["seconds"]["padded"]), f"{1 / row['ratios']['padded']:.2f}x"
        yield line(*ours(row), *padded, beside(row, "pytorch packed"), beside(row, "pytorch padded"))


def memory(rows: Sequence[Row]) -> Iterator[str]:
    """A line a case: what is given and given back, and what each needs beyond that."""
    yield from head(rows, "inputs", "outputs", "seqfuse", "PyTorch")
    for row in rows:
        beyond = (row["beyond_bytes"].get(name) for name in ("seqfuse", "pytorch"))
        sizes = (row["inputs_bytes"], row["outputs_bytes"], *beyond)
        yield line(*case(row), *("–" if size is None else megabytes(size) for size in sizes))


def options(rows: Sequence[Row]) -> Iterator[str]:
    """For each shape and number of threads a line an option, a column a cell: the time by that of the plain call."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
        groups.setdefault(f"{shape(row)}, {threads}", []).append(row)
    for number, (place, columns) in enumerate(groups.items()):
        if number:
            yield ""
        yield line(place, *(row["op"] for row in columns))
        yield line(*["---"] * (len(columns) + 1))
        yield line("plain", *(f"{duration(row['seconds']['seqfuse'])}, {percent(row)}" for row in columns))
        for name in dict.fromkeys(name for row in columns for name in row["ratios"]):  # in order, each once
            yield line(name, *(f"{row['ratios'][name]:.2f}" if name in row["ratios"] else "–" for row in columns))


TABLES: dict[str, Callable[[Sequence[Row]], Iterator[str]]] = {
    "cells": beside_peers("pytorch", "onnxruntime"),
    "lengths": lengths,
    "options": options,
    "attention": beside_peers("pytorch"),
    "memory": memory,
    "decode": decode,
    "block": beside_peers("pytorch"),
}


def head(rows: Sequence[Row], *columns: str) -> Iterator[str]:
    """The head of a table whose lines begin with a case."""
    yield line("work", f"({', '.join(rows[0]['shape'])})", "threads", *columns)
    yield line(*["---"] * (3 + len(columns)))


def line(*columns: object) -> str:
    """A row of a table of Markdown."""
    return f"| {' | '.join(map(str, columns))} |"


def case(row: Row) -> tuple[str, ...]:
    """What every line begins with."""
    return f"{row['op']} {row['work']}", shape(row), str(row["threads"])


def shape(row: Row) -> str:
    """The sizes of a case, in the order of its axes."""
    return f"({', '.join(map(str, row['shape'].values()))})"


def ours(row: Row) -> tuple[str, ...]:
    """The case, our time, our share of the peak."""
    return (*case(row), duration(row["seconds"]["seqfuse"]), percent(row))


def percent(row: Row) -> str:
    """Our share of the peak."""
    return f"{row['share_of_peak']:.0%}".replace("%", " %")


def beside(row: Row, name: str) -> str:
    """The time of one of the others, and how many times longer it took; a dash for who is missing."""
    return f"{duration(row['seconds'][name])}, {row['ratios'][name]:.2f}x" if name in row["seconds"] else "–"


if __name__ == "__main__":
    main(sys.argv[1:])
