"""Write results of ``python -m seqfuse bench --json`` into a page, as Markdown tables.

    python bench/write_tables.py docs/performance.md cells.json lengths.json options.json attention.json

Each file contains the name of its table. The table is written between ``<!-- table NAME -->`` and
``<!-- end of table -->`` in the page. Several files of one table are joined in the given order.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seqfuse.bench.report import duration, megabytes

Row = dict[str, Any]  # one result in a JSON file of `seqfuse.bench.report`
NAMES = {"pytorch": "PyTorch", "onnxruntime": "ONNX Runtime"}
END = "<!-- end of table -->"


def main(arguments: list[str]) -> None:
    """Write the results of all files into the page."""
    if len(arguments) < 2:
        sys.exit(__doc__)
    page, *paths = map(Path, arguments)
    tables: dict[str, list[Row]] = {}
    for path in paths:
        document = json.loads(path.read_text(encoding="utf-8"))
        tables.setdefault(document["table"], []).extend(document["results"])
    text = page.read_text(encoding="utf-8")
    for name, rows in tables.items():
        if rows:  # an interrupted run may have none
            text = replace_table(text, name, "\n".join(TABLES[name](rows)))
    page.write_text(text, encoding="utf-8")


def replace_table(text: str, name: str, table: str) -> str:
    """Return the page with a new table of this name."""
    begin = f"<!-- table {name} -->"
    before, mark, rest = text.partition(begin)
    if not mark or END not in rest:
        sys.exit(f"write_tables: the page must contain {begin}, and {END} after it")
    return f"{before}{begin}\n\n{table}\n\n{END}{rest.partition(END)[2]}"


def table_with_peers(*peers: str) -> Callable[[Sequence[Row]], Iterator[str]]:
    """Return a function that makes a table with one line per case, and the times and ratios of these peers."""

    def table(rows: Sequence[Row]) -> Iterator[str]:
        yield from head(rows, "seqfuse", "of peak", *(NAMES[peer] for peer in peers))
        for row in rows:
            yield line(*seqfuse(row), *(contender(row, peer) for peer in peers))

    return table


def decode(rows: Sequence[Row]) -> Iterator[str]:
    """Make the table of decoding, with the rate of reading and its fraction of the peak."""
    yield from head(rows, "seqfuse", "GB/s", "of reading", "PyTorch")
    for row in rows:
        seconds = row["seconds"]["seqfuse"]
        rate = f"{row['amount'] / seconds / 1e9:.1f}"
        yield line(*case(row), duration(seconds), rate, percent(row), contender(row, "pytorch"))


def lengths(rows: Sequence[Row]) -> Iterator[str]:
    """Make the table of padded batches."""
    yield from head(rows, "with lengths", "of peak", "padded", "of padded", "PyTorch packed", "PyTorch padded")
    for row in rows:
        padded = duration(row["seconds"]["padded"]), f"{1 / row['ratios']['padded']:.2f}x"
        yield line(*seqfuse(row), *padded, contender(row, "pytorch packed"), contender(row, "pytorch padded"))


def memory(rows: Sequence[Row]) -> Iterator[str]:
    """Make the table of memory: inputs, outputs, and the additional memory of each contender."""
    yield from head(rows, "inputs", "outputs", "seqfuse", "PyTorch")
    for row in rows:
        extra = (row["beyond_bytes"].get(name) for name in ("seqfuse", "pytorch"))
        sizes = (row["inputs_bytes"], row["outputs_bytes"], *extra)
        yield line(*case(row), *("–" if size is None else megabytes(size) for size in sizes))


def options(rows: Sequence[Row]) -> Iterator[str]:
    """Make a table per shape and number of threads: relative time, with a line per option and a column per cell."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
        groups.setdefault(f"{shape(row)}, {threads}", []).append(row)
    for number, (group, columns) in enumerate(groups.items()):
        if number:
            yield ""
        yield line(group, *(row["op"] for row in columns))
        yield line(*["---"] * (len(columns) + 1))
        yield line("no option", *(f"{duration(row['seconds']['seqfuse'])}, {percent(row)}" for row in columns))
        for name in dict.fromkeys(name for row in columns for name in row["ratios"]):
            yield line(name, *(f"{row['ratios'][name]:.2f}" if name in row["ratios"] else "–" for row in columns))


TABLES: dict[str, Callable[[Sequence[Row]], Iterator[str]]] = {
    "cells": table_with_peers("pytorch", "onnxruntime"),
    "lengths": lengths,
    "options": options,
    "attention": table_with_peers("pytorch"),
    "memory": memory,
    "decode": decode,
    "block": table_with_peers("pytorch"),
}


def head(rows: Sequence[Row], *columns: str) -> Iterator[str]:
    """Return the heading of a table whose lines begin with a case."""
    yield line("work", f"({', '.join(rows[0]['shape'])})", "threads", *columns)
    yield line(*["---"] * (3 + len(columns)))


def line(*columns: object) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(map(str, columns))} |"


def case(row: Row) -> tuple[str, ...]:
    """Return the columns that describe the case."""
    return f"{row['op']} {row['work']}", shape(row), str(row["threads"])


def shape(row: Row) -> str:
    """Return the shape of a case as text."""
    return f"({', '.join(map(str, row['shape'].values()))})"


def seqfuse(row: Row) -> tuple[str, ...]:
    """Return the columns of the case, the time of seqfuse, and its fraction of the peak."""
    return (*case(row), duration(row["seconds"]["seqfuse"]), percent(row))


def percent(row: Row) -> str:
    """Return the fraction of the peak in percent."""
    return f"{row['share_of_peak']:.0%}".replace("%", " %")


def contender(row: Row, name: str) -> str:
    """Return the time and ratio of a contender, or a dash if it did not take part."""
    return f"{duration(row['seconds'][name])}, {row['ratios'][name]:.2f}x" if name in row["seconds"] else "–"


if __name__ == "__main__":
    main(sys.argv[1:])
