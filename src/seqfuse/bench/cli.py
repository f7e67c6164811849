"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import seqfuse as sf
from seqfuse.bench import contenders, report, shapes, tables, timing
from seqfuse.bench.measurements import WrongError, measurements
from seqfuse.bench.shapes import Case, Shape
from seqfuse.bench.tables import Table


def parser() -> argparse.ArgumentParser:
    """The arguments of `python -m seqfuse bench`."""
    result = argparse.ArgumentParser(
        prog="python -m seqfuse bench",
        description="Time every cell beside PyTorch and ONNX Runtime where they are installed. Each result is compared "
        "with seqfuse.reference before it is timed. Exit status 1: seqfuse was wrong.",
    )
    others = result.add_mutually_exclusive_group()
    others.add_argument(
        "--lengths", action="store_true", help="padded batches instead: with lengths, without, and PyTorch's packed"
    )
    others.add_argument("--options", action="store_true", help="what each option costs instead")
    result.add_argument("--cells", nargs="+", choices=shapes.CELLS, default=list(shapes.CELLS))
    result.add_argument("--work", nargs="+", choices=shapes.WORKS, help="all that the table can hold by default")
    result.add_argument("--threads", nargs="+", type=positive, default=[1, 2], metavar="N", help="1 2 by default")
    result.add_argument("--shapes", nargs="+", type=shape, metavar="T,B,I,H", help="of forward and forward+backward")
    result.add_argument("--sizes", nargs="+", type=positive, metavar="N", help="of step: I = H = N at batch 1")
    result.add_argument("--peers", nargs="*", choices=contenders.PEERS, default=list(contenders.PEERS))
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


def shape(text: str) -> Shape:
    """Four integers with commas between."""
    numbers = [positive(part) for part in text.strip("()").split(",")]
    if len(numbers) != 4:
        raise argparse.ArgumentTypeError(f"must be T,B,I,H; got {text}")
    return Shape(*numbers)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; 0, 1 when seqfuse disagrees with the reference, or 130 after Ctrl-C."""
    given = parser().parse_args(argv)
    table = table_of(given)
    if given.json is not None and not given.json.parent.is_dir():
        parser().error(f"--json: there is no directory {given.json.parent}")
    for work in given.work or ():
        if work not in table.works:
            parser().error(f"--work: the table of {table.name} holds {', '.join(table.works)}; got {work}")
    wanted = [name for name in given.peers if name in table.peers]
    versions = contenders.versions(wanted)
    peers = [name for name in contenders.PEERS if name in versions]
    rounds = given.repeats or (3 if given.quick else 9)
    enough = timing.ENOUGH / 10 if given.quick else timing.ENOUGH
    print(", ".join(f"{name} {version}" for name, version in versions.items()), "on", report.processor())
    for name in wanted:
        if name not in versions:
            print(f"{name} is not installed: left out")
    print(f"medians of {rounds} rounds; peak: multiply-adds of one core, measured in every round, times threads")
    print(f"{table.about}\n\n{table.header(peers)}")
    done: list[report.Measured] = []
    status = 0
    try:
        for measured in measurements(table.enter, list(cases(given)), peers, rounds, enough):
            done.append(measured)
            print(table.line(measured, peers), flush=True)
    except WrongError as error:
        print(f"not timed: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        status = 130
    if given.json is not None:
        report.save(given.json, table.name, versions, sf.info(), rounds, done)
    return status


def table_of(given: argparse.Namespace) -> Table:
    """The table that was asked for."""
    return tables.LENGTHS if given.lengths else tables.OPTIONS if given.options else tables.CELLS


def cases(given: argparse.Namespace) -> Iterator[Case]:
    """Every case that was asked for; the same problem with other threads comes next, so that it is made once."""
    table = table_of(given)
    sequences = given.shapes or (table.quick_shapes if given.quick else table.shapes)
    sizes = given.sizes or (shapes.QUICK_STEP_SIZES if given.quick else shapes.STEP_SIZES)
    for work in given.work or table.works:
        for cell in given.cells:
            for where in [shapes.step_shape(size) for size in sizes] if work == "step" else sequences:
                for threads in given.threads:
                    yield Case(cell, work, where, threads)
