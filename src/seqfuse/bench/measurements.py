"""From cases to numbers: every contender's result is compared with the reference before anything is timed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import seqfuse as sf
from seqfuse.bench import timing
from seqfuse.bench.contenders import Contender
from seqfuse.bench.problem import STEPS, Problem, Results, disagreement, expected, make
from seqfuse.bench.report import Measured
from seqfuse.bench.shapes import Case, Work

# Who takes part in a case: (problem, work, threads, peers) -> contenders, ours first
Enter: TypeAlias = Callable[[Problem, Work, int, Sequence[str]], list[Contender]]


class WrongError(Exception):
    """Our own result is wrong: there is nothing to time."""


def measurements(
    enter: Enter, cases: Sequence[Case], peers: Sequence[str], rounds: int, enough: float = timing.ENOUGH
) -> Iterator[Measured]:
    """Validate and time each case; a peer that disagrees with the reference is left out of the case and named."""
    known: dict[tuple[str, ...], Results] = {}  # by options, for one cell, work and shape
    before: tuple[object, ...] = ()
    for case in cases:
        if before != case[:3]:
            before = case[:3]
            known.clear()
        problem = make(case.cell, case.shape)
        with sf.num_threads(case.threads):
            present = []
            for contender in enter(problem, case.work, case.threads, peers):
                options = tuple(f"{name}={value}" for name, value in contender.problem.options.items())
                if options not in known:
                    known[options] = expected(contender.problem, case.work)
                got = contender.read(last(contender.run, case))
                wrong = disagreement(got, known[options], contender.problem.kinked)
                if wrong is None:
                    present.append(contender)
                elif contender.ours:
                    who = "" if contender.name == "seqfuse" else f"{contender.name}: "
                    raise WrongError(f"{case}: {who}{wrong}")
                else:
                    print(f"{contender.name} left out of {case}: {wrong}", file=sys.stderr)
            rest = 0.0 if all(contender.ours for contender in present) else timing.REST
            runs = {contender.name: contender.run for contender in present}
            yield Measured(case, timing.measure(runs, rounds, enough, rest), present[0].problem.flops(case.work))


def last(run: Callable[[], object], case: Case) -> object:
    """The result to be validated: that of the first call, or of the last of some steps."""
    for _ in range(STEPS - 1 if case.work == "step" else 0):
        run()
    return run()
