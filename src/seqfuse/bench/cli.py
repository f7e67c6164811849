"""The command line of the benchmark."""

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
from seqfuse.bench.report import Measured, Weighed
from seqfuse.bench.tables import TABLES, Table


def parser() -> argparse.ArgumentParser:
    """The arguments of `python -m seqfuse bench`."""
    result = argparse.ArgumentParser(
        prog="python -m seqfuse bench",
        description="Time every cell beside PyTorch and ONNX Runtime where they are installed. Each result is compared "
        "with seqfuse.reference before it is timed. Exit status 1: seqfuse was wrong.",
    )
    first, *others = TABLES.values()
    flags = result.add_mutually_exclusive_group()
    for table in others:
        flags.add_argument(f"--{table.name}", dest="table", action="store_const", const=table, help=table.help)
    result.set_defaults(table=first)
    works = dict.fromkeys(work for table in TABLES.values() for work in table.shapes)
    axes = "; ".join(dict.fromkeys(",".join(table.axes._fields) for table in TABLES.values()))
    result.add_argument("--memory", action="store_true", help="memory rather than time, of attention")
    result.add_argument("--cells", nargs="+", choices=CELLS, help="all that the table has by default")
    result.add_argument("--work", nargs="+", choices=list(works), help="all that the table can hold by default")
    result.add_argument("--threads", nargs="+", type=positive, default=[1, 2], metavar="N", help="1 2 by default")
    result.add_argument("--shapes", nargs="+", type=numbers, metavar="N,N,...", help=f"of all but step: {axes}")
    result.add_argument("--sizes", nargs="+", type=positive, metavar="N", help="of step: I = H = N at batch 1")
    result.add_argument("--peers", nargs="*", choices=peers.PEERS, default=list(peers.PEERS))
    result.add_argument(
        "--repeats", type=positive, metavar="N", help="rounds, of which the median counts (9; 3 with --quick)"
    )
    result.add_argument("--quick", action="store_true", help="small shapes and few rounds: a check that it runs")
    result.add_argument("--json", type=Path, metavar="PATH", help="also write the numbers there")
    return result


def positive(text: str) -> int:
    """An integer of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1; got {number}")
    return number


def numbers(text: str) -> tuple[int, ...]:
    """Integers with commas between."""
    return tuple(positive(part) for part in text.strip("()").split(","))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for, once it is known that the table has it."""
    given = parser().parse_args(argv)
    table: Table = given.table
    if given.json is not None and not given.json.parent.is_dir():
        parser().error(f"--json: there is no directory {given.json.parent}")
    for flag, wanted, held in (("--work", given.work, table.shapes), ("--cells", given.cells, table.ops)):
        for name in wanted or ():
            if name not in held:
                parser().error(f"{flag}: the table of {table.name} holds {', '.join(held)}; got {name}")
    axes = table.axes._fields
    for shape in given.shapes or ():
        if len(shape) != len(axes):
            parser().error(f"--shapes: must be {','.join(axes)}; got {','.join(map(str, shape))}")
    if given.memory and not table.weighed:
        able = " ".join(f"--{other.name}" for other in TABLES.values() if other.weighed)
        parser().error(f"--memory: needs {able}")
    if given.memory and not memory.available():
        parser().error("--memory: this system does not say how large a process was (/proc/self/status does on Linux)")
    return given


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; 0, 1 when seqfuse disagrees with the reference, or 130 after Ctrl-C."""
    given = arguments(argv)
    table: Table = given.table
    wanted = [name for name in given.peers if name in table.peers]
    versions = peers.versions(wanted)
    present = [name for name in peers.PEERS if name in versions]
    rounds = 1 if given.memory else given.repeats or (3 if given.quick else 9)
    print(", ".join(f"{name} {version}" for name, version in versions.items()), "on", report.processor())
    for name in wanted:
        if name not in versions:
            print(f"{name} is not installed: left out")
    done: list[Measured | Weighed] = []
    status = 0
    try:
        text = memory_lines(given, present, done) if given.memory else lines(given, present, rounds, done)
        for part in text:
            print(part, flush=True)
    except WrongError as error:
        print(f"not timed: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        status = 130
    if given.json is not None:
        report.save(given.json, "memory" if given.memory else table.name, versions, sf.info(), rounds, done)
    return status


def lines(
    given: argparse.Namespace, present: Sequence[str], rounds: int, done: list[Measured | Weighed]
) -> Iterator[str]:
    """The text of a table of times, a line as soon as it is known; what was measured is added to `done`."""
    table: Table = given.table
    enough = timing.ENOUGH / 10 if given.quick else timing.ENOUGH
    yield f"medians of {rounds} rounds; peak: {table.bound.about}, measured in every round"
    yield f"{table.about}\n\n{table.header(present)}"
    for measured in measurements(table, cases(given), present, rounds, enough):
        done.append(measured)
        yield table.line(measured, present)


def memory_lines(given: argparse.Namespace, present: Sequence[str], done: list[Measured | Weighed]) -> Iterator[str]:
    """The same of a table of memory."""
    table: Table = given.table
    yield "at the worst, beyond the arrays that are given and given back, each in a process of its own"
    yield f"\n{report.memory_header(table.axes._fields, present)}"
    for weighed in memory.weighed(table, cases(given), present):
        done.append(weighed)
        yield report.memory_line(weighed, present)


def cases(given: argparse.Namespace) -> list[Case]:
    """Every case that was asked for; the same problem with other threads comes next, so that it is made once."""
    table: Table = given.table
    usual = table.quick_shapes if given.quick else table.weighed if given.memory else table.shapes
    return [
        Case(op, work, where, threads)
        for work in given.work or usual
        for op in given.cells or table.ops
        for where in _shapes(given, work, usual)
        for threads in given.threads
    ]


def _shapes(given: argparse.Namespace, work: Work, usual: Mapping[Work, Sequence[Shape]]) -> Sequence[Shape]:
    """Those of a kind of work: as they were given, or the table's own."""
    table: Table = given.table
    if work in table.sized:
        return [table.sized[work](size) for size in given.sizes] if given.sizes else usual[work]
    return [table.axes(*shape) for shape in given.shapes] if given.shapes else usual[work]
