"""Command line ``python -m seqfuse bench``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import seqfuse as sf
from seqfuse.bench import memory, peers, report, timing
from seqfuse.bench.case import Case, Shape, Work
from seqfuse.bench.measurements import WrongError, measurements
from seqfuse.bench.recurrent.shapes import CELLS
from seqfuse.bench.report import MemoryCase, TimedCase
from seqfuse.bench.tables import TABLES, Table


def parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m seqfuse bench``."""
    result = argparse.ArgumentParser(
        prog="python -m seqfuse bench",
        description="Time every kernel beside PyTorch and ONNX Runtime, if they are installed. Each result is compared "
        "with seqfuse.reference before it is timed; the exit status is 1 if a result of seqfuse is wrong. Without a "
        "table's flag: recurrent cells.",
    )
    default, *others = TABLES.values()
    flags = result.add_mutually_exclusive_group()
    for table in others:
        flags.add_argument(f"--{table.name}", dest="table", action="store_const", const=table, help=table.help)
    result.set_defaults(table=default)
    works = dict.fromkeys(work for table in TABLES.values() for work in table.shapes)
    axes = "; ".join(dict.fromkeys(",".join(table.axes._fields) for table in TABLES.values()))
    result.add_argument("--memory", action="store_true", help="measure memory instead of time (attention only)")
    result.add_argument("--cells", nargs="+", choices=CELLS, help="cells to measure (all)")
    result.add_argument("--work", nargs="+", choices=list(works), help="kinds of calls to measure (all of the table)")
    result.add_argument(
        "--threads", nargs="+", type=positive, default=[1, 2], metavar="N", help="numbers of threads (1 2)"
    )
    result.add_argument(
        "--shapes", nargs="+", type=numbers, metavar="N,N,...", help=f"shapes, except those of step: {axes}"
    )
    result.add_argument("--sizes", nargs="+", type=positive, metavar="N", help="sizes of step: I = H = N, batch 1")
    result.add_argument(
        "--peers",
        nargs="*",
        choices=peers.PEERS,
        default=list(peers.PEERS),
        help="peers to compare with (all that are installed)",
    )
    result.add_argument(
        "--repeats", type=positive, metavar="N", help="rounds; the median is reported (9; 3 with --quick)"
    )
    result.add_argument(
        "--quick", action="store_true", help="small shapes and few rounds, to check that everything runs"
    )
    result.add_argument("--json", type=Path, metavar="PATH", help="also write the results to this file")
    return result


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1; got {number}")
    return number


def numbers(text: str) -> tuple[int, ...]:
    """Parse integers that are separated by commas."""
    return tuple(positive(part) for part in text.strip("()").split(","))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line, and check that the selected table supports the arguments."""
    given = parser().parse_args(argv)
    table: Table = given.table
    if given.json is not None and not given.json.parent.is_dir():
        parser().error(f"--json: there is no directory {given.json.parent}")
    for flag, names, choices in (("--work", given.work, table.shapes), ("--cells", given.cells, table.ops)):
        for name in names or ():
            if name not in choices:
                parser().error(f"{flag}: must be one of {', '.join(choices)} in the table {table.name}; got {name}")
    axes = table.axes._fields
    for shape in given.shapes or ():
        if len(shape) != len(axes):
            parser().error(f"--shapes: must be {','.join(axes)}; got {','.join(map(str, shape))}")
    if given.memory and not table.memory_shapes:
        supported = " or ".join(f"--{other.name}" for other in TABLES.values() if other.memory_shapes)
        parser().error(f"--memory: must be used with {supported}")
    if given.memory and not memory.available():
        parser().error(
            "--memory: needs the peak memory of a process from /proc/self/status, which this system does not have"
        )
    return given


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and return its exit status: 0, or 1 if a result of seqfuse is wrong, or 130 after Ctrl-C."""
    given = arguments(argv)
    table: Table = given.table
    requested = [name for name in given.peers if name in table.peers]
    versions = peers.versions(requested)
    installed = [name for name in peers.PEERS if name in versions]
    rounds = 1 if given.memory else given.repeats or (3 if given.quick else 9)
    print(", ".join(f"{name} {version}" for name, version in versions.items()), "on", report.processor())
    for name in requested:
        if name not in versions:
            print(f"{name} is not installed and is left out")
    done: list[TimedCase | MemoryCase] = []
    status = 0
    try:
        text = memory_lines(given, installed, done) if given.memory else lines(given, installed, rounds, done)
        for line in text:
            print(line, flush=True)
    except WrongError as error:
        print(f"Wrong result, not timed: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        status = 130
    if given.json is not None:
        report.save(given.json, "memory" if given.memory else table.name, versions, sf.info(), rounds, done)
    return status


def lines(
    given: argparse.Namespace, installed: Sequence[str], rounds: int, done: list[TimedCase | MemoryCase]
) -> Iterator[str]:
    """Yield the lines of a table of times as they are measured, and append the results to `done`."""
    table: Table = given.table
    min_seconds = timing.MIN_SECONDS / 10 if given.quick else timing.MIN_SECONDS
    yield f"Medians of {rounds} rounds. Peak: {table.bound.about}, measured in every round."
    yield f"{table.about}\n\n{table.header(installed)}"
    for timed in measurements(table, cases(given), installed, rounds, min_seconds):
        done.append(timed)
        yield table.line(timed, installed)


def memory_lines(
    given: argparse.Namespace, installed: Sequence[str], done: list[TimedCase | MemoryCase]
) -> Iterator[str]:
    """Yield the lines of a table of memory as they are measured, and append the results to `done`."""
    table: Table = given.table
    yield "Peak memory of a call in addition to its inputs and outputs. Each call runs in a process of its own."
    yield f"\n{report.memory_header(table.axes._fields, installed)}"
    for row in memory.memory_cases(table, cases(given), installed):
        done.append(row)
        yield report.memory_line(row, installed)


def cases(given: argparse.Namespace) -> list[Case]:
    """Return the selected cases. Those that differ only in threads are adjacent and share one reference result."""
    table: Table = given.table
    default = table.quick_shapes if given.quick else table.memory_shapes if given.memory else table.shapes
    return [
        Case(op, work, shape, threads)
        for work in given.work or default
        for op in given.cells or table.ops
        for shape in _shapes(given, work, default)
        for threads in given.threads
    ]


def _shapes(given: argparse.Namespace, work: Work, default: Mapping[Work, Sequence[Shape]]) -> Sequence[Shape]:
    """Return the shapes for a kind of call: those of the command line, or the default ones."""
    table: Table = given.table
    if work in table.sized:
        return [table.sized[work](size) for size in given.sizes] if given.sizes else default[work]
    return [table.axes(*shape) for shape in given.shapes] if given.shapes else default[work]
