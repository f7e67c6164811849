"""From cases to numbers: every contender's result is compared with the reference before anything is timed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import seqfuse as sf
from seqfuse.bench import timing
from seqfuse.bench.case import Case, Contender, Results
from seqfuse.bench.report import Measured
from seqfuse.bench.tables import Table
from seqfuse.bench.validation import disagreement


class WrongError(Exception):
    """Our own result is wrong: there is nothing to time."""


def measurements(
    table: Table, cases: Sequence[Case], peers: Sequence[str], rounds: int, enough: float = timing.ENOUGH
) -> Iterator[Measured]:
    """Validate and time each case; a peer that disagrees with the reference is left out of the case and named."""
    known: dict[tuple[str, ...], Results] = {}  # by options, for one op, work and shape
    before: tuple[object, ...] = ()
    for case in cases:
        if before != case[:3]:
            before = case[:3]
            known.clear()
        problem = table.make(case.op, case.shape)
        with sf.num_threads(case.threads):
            present = []
            for contender in table.enter(problem, case.work, case.threads, peers):
                options = tuple(f"{name}={value}" for name, value in contender.problem.options.items())
                if options not in known:
                    known[options] = contender.problem.expected(case.work)
                got = contender.read(last(contender, case))
                wrong = disagreement(got, known[options], contender.problem.kinked)
                if wrong is None:
                    present.append(contender)
                elif contender.ours:
                    who = "" if contender.name == "seqfuse" else f"{contender.name}: "
                    raise WrongError(f"{case}: {who}{wrong}")
                else:
                    print(f"{contender.name} left out of {case}: {wrong}", file=sys.stderr)
            yield _timed(table, case, present, rounds, enough)


def last(contender: Contender, case: Case) -> object:
    """The result to be validated: that of the last of some calls."""
    for _ in range(contender.problem.calls(case.work) - 1):
        contender.run()
    return contender.run()


def _timed(table: Table, case: Case, present: Sequence[Contender], rounds: int, enough: float) -> Measured:
    amount = present[0].problem.amount(case.work)
    rest = 0.0 if all(contender.ours for contender in present) else timing.REST
    runs = {contender.name: contender.run for contender in present}
    timed = timing.measure(
        runs, lambda seconds: table.bound.measure(amount, case.threads, seconds), rounds, enough, rest
    )
    return Measured(case, timed, amount, table.bound.unit)
