"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import seqfuse as sf
from seqfuse.bench import contenders, report, shapes, timing
from seqfuse.bench.problem import STEPS, Results, disagreement, expected, make
from seqfuse.bench.shapes import Case, Shape


class WrongError(Exception):
    """Our own result is wrong: there is nothing to time."""


def parser() -> argparse.ArgumentParser:
    """The arguments of `python -m seqfuse bench`."""
    result = argparse.ArgumentParser(
        prog="python -m seqfuse bench",
        description="Time every cell beside PyTorch and ONNX Runtime where they are installed. Each result is compared "
        "with seqfuse.reference before it is timed. Exit status 1: seqfuse was wrong.",
    )
    result.add_argument("--cells", nargs="+", choices=shapes.CELLS, default=list(shapes.CELLS))
    result.add_argument("--work", nargs="+", choices=shapes.WORKS, default=list(shapes.WORKS))
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
    if given.json is not None and not given.json.parent.is_dir():
        parser().error(f"--json: there is no directory {given.json.parent}")
    versions = contenders.versions(given.peers)
    peers = [name for name in contenders.PEERS if name in versions]
    rounds = given.repeats or (3 if given.quick else 9)
    enough = timing.ENOUGH / 10 if given.quick else timing.ENOUGH
    print(", ".join(f"{name} {version}" for name, version in versions.items()), "on", report.processor())
    for name in given.peers:
        if name not in versions:
            print(f"{name} is not installed: left out")
    print(
        f"medians of {rounds} rounds; 2.00x: the peer takes twice as long as seqfuse; peak: multiply-adds of one core,"
    )
    print("measured in every round, times threads\n")
    print(report.header(peers))
    done: list[report.Measured] = []
    status = 0
    try:
        for measured in measurements(list(cases(given)), peers, rounds, enough):
            done.append(measured)
            print(report.line(measured, peers), flush=True)
    except WrongError as error:
        print(f"not timed: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        status = 130
    if given.json is not None:
        report.save(given.json, versions, sf.info(), rounds, done)
    return status


def cases(given: argparse.Namespace) -> Iterator[Case]:
    """Every case that was asked for; the same problem with other threads comes next, so that it is made once."""
    sequences = given.shapes or (shapes.QUICK_SHAPES if given.quick else shapes.SHAPES)
    sizes = given.sizes or (shapes.QUICK_STEP_SIZES if given.quick else shapes.STEP_SIZES)
    for work in given.work:
        for cell in given.cells:
            for where in [shapes.step_shape(size) for size in sizes] if work == "step" else sequences:
                for threads in given.threads:
                    yield Case(cell, work, where, threads)


def measurements(
    all_: list[Case], peers: list[str], rounds: int, enough: float = timing.ENOUGH
) -> Iterator[report.Measured]:
    """Validate and time each case; a peer that disagrees with the reference is left out of the case and named."""
    known: tuple[tuple[object, ...], Results] | None = None
    for case in all_:
        problem = make(case.cell, case.shape)
        if known is None or known[0] != case[:3]:
            known = (case[:3], expected(problem, case.work))
        with contenders.enter(problem, case.work, case.threads, peers) as present:
            runs = {}
            for contender in present:
                wrong = disagreement(contender.read(last(contender.run, case)), known[1])
                if wrong is None:
                    runs[contender.name] = contender.run
                elif contender.name == "seqfuse":
                    raise WrongError(f"{case}: {wrong}")
                else:
                    print(f"{contender.name} left out of {case}: {wrong}", file=sys.stderr)
            yield report.Measured(case, timing.measure(runs, rounds, enough))


def last(run: Callable[[], object], case: Case) -> object:
    """The result to be validated: that of the first call, or of the last of some steps."""
    for _ in range(STEPS - 1 if case.work == "step" else 0):
        run()
    return run()
