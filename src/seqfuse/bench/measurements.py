"""Validate and time the cases of a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import seqfuse as sf
from seqfuse.bench import timing
from seqfuse.bench.case import Case, Contender, Results
from seqfuse.bench.report import TimedCase
from seqfuse.bench.tables import Table
from seqfuse.bench.validation import disagreement


class WrongError(Exception):
    """Raised if a result of seqfuse is wrong. The benchmark ends."""


def measurements(
    table: Table, cases: Sequence[Case], peers: Sequence[str], rounds: int, min_seconds: float = timing.MIN_SECONDS
) -> Iterator[TimedCase]:
    """Validate and time each case. A peer whose result is wrong is reported and left out of the case."""
    # Expected results of the current op, work and shape, by options. The next case often differs only in its threads.
    known: dict[tuple[str, ...], Results] = {}
    previous: tuple[object, ...] = ()
    for case in cases:
        if previous != case[:3]:
            previous = case[:3]
            known.clear()
        problem = table.make_problem(case.op, case.shape)
        with sf.num_threads(case.threads):
            correct = []
            for contender in table.contenders(problem, case.work, case.threads, peers):
                options = tuple(f"{name}={value}" for name, value in contender.problem.options.items())
                if options not in known:
                    known[options] = contender.problem.expected(case.work)
                got = contender.read(last_result(contender, case))
                error = disagreement(got, known[options], contender.problem.kinked)
                if error is None:
                    correct.append(contender)
                elif contender.ours:
                    prefix = "" if contender.name == "seqfuse" else f"{contender.name}: "
                    raise WrongError(f"{case}: {prefix}{error}")
                else:
                    print(f"{contender.name} left out of {case}: {error}", file=sys.stderr)
            yield _time(table, case, correct, rounds, min_seconds)


def last_result(contender: Contender, case: Case) -> object:
    """Run a contender as often as its problem requires, and return what the last call returned."""
    for _ in range(contender.problem.calls(case.work) - 1):
        contender.run()
    return contender.run()


def _time(table: Table, case: Case, contenders: Sequence[Contender], rounds: int, min_seconds: float) -> TimedCase:
    """Time the contenders of a case. There is no pause between them if no peer takes part."""
    amount = contenders[0].problem.amount(case.work)
    rest = 0.0 if all(contender.ours for contender in contenders) else timing.REST
    runs = {contender.name: contender.run for contender in contenders}
    result = timing.measure(
        runs, lambda seconds: table.bound.measure(amount, case.threads, seconds), rounds, min_seconds, rest
    )
    return TimedCase(case, result, amount, table.bound.unit)
