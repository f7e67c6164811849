"""Run the list of mutants: each changes one line of the sources, and the tests named beside it must fail.

    python -m tests.mutants.run                       the whole list
    python -m tests.mutants.run --only 'ctc|cpp/'     mutants whose name or file matches a regular expression
    python -m tests.mutants.run --jobs 2 --work DIR   two at a time; DIR keeps the special build for the next run

Run it from the root of the repository, in an environment with a plain (not editable) install of these sources and of
the extra `test`; C++ mutants also need cmake, ninja, pybind11 and cmeel-eigen. Nothing in the repository is changed:
all work is done in copies.

Python mutants are applied one at a time to a copy of the project. C++ mutants are compiled once, all of them, into a
special build in which the environment variable SEQFUSE_MUTANT chooses one (`special_build.py`).

In the end the tests that noticed a mutant run once more, without one: they must pass. The exit code is 1 if they fail,
if a mutant that the suite killed before survives, or if a mutant does not fit the sources any more.

To add a mutant, append it to the table of its part (`functional.py`, `cpp_cells.py`, ...): a name that says which
behaviour is lost, the file, a piece of one line that occurs there once, what takes its place, and the test files that
must notice it, the fastest first. If the sources move on, `test_mutants.py` says which entries no longer fit, with the
nearest line: give them the new file or the new piece of the line.
"""

from __future__ import annotations

import argparse
import contextlib
import queue
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from .mutant import ROOT
from .special_build import build, numbers
from .table import MUTANTS
from .workplace import Outcome, Workplace, installed_modules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .mutant import Mutant


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tests.mutants.run", description="Run the list of mutants.")
    parser.add_argument("--only", default="", metavar="PATTERN", help="mutants whose name or file matches")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="mutants, and compilers, at a time")
    parser.add_argument(
        "--timeout", type=float, default=600, metavar="S", help="seconds after which a mutant is killed"
    )
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR", help="sources and tests of another checkout")
    parser.add_argument("--modules", type=Path, metavar="DIR", help="compiled modules for Python mutants")
    parser.add_argument("--work", type=Path, metavar="DIR", help="keeps the special build from run to run")
    options = parser.parse_args(arguments)
    chosen = [m for m in MUTANTS if re.search(options.only, m.name) or re.search(options.only, m.file)]
    problems = {m.name: problem for m in MUTANTS if (problem := m.problem(options.root))}
    for name, problem in problems.items():
        print(f"{name}: {problem}", file=sys.stderr)
    if problems:
        return 1
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
        return Run(options, scratch).all(chosen)


class Run:
    """The mutants of one command."""

    def __init__(self, options: argparse.Namespace, scratch: Path) -> None:
        self.options, self.scratch = options, scratch
        self.number_of = numbers(MUTANTS)
        self.start = time.monotonic()

    def all(self, chosen: Sequence[Mutant]) -> int:
        outcomes: dict[str, Outcome] = {}
        for in_cpp in (False, True):
            some = [mutant for mutant in chosen if mutant.in_cpp == in_cpp]
            if not some:
                continue
            if in_cpp:
                modules = build(MUTANTS, self.options.root, self.options.work or self.scratch, self.options.jobs)
                self.say("the special build is ready")
            else:
                modules = self.options.modules or installed_modules()
            if not self.part(some, modules, outcomes):
                return 1
        return self.summary(chosen, outcomes)

    def part(self, some: Sequence[Mutant], modules: Path, outcomes: dict[str, Outcome]) -> bool:
        """Run Python mutants, or C++ mutants; False if tests that noticed one also fail without it."""
        kind = "cpp" if some[0].in_cpp else "python"
        places: queue.SimpleQueue[Workplace] = queue.SimpleQueue()
        for i in range(self.options.jobs):
            places.put(Workplace(self.options.root, self.scratch / f"{kind}{i}", modules))
        pool = ThreadPoolExecutor(self.options.jobs)
        try:
            futures = {pool.submit(self.one, mutant, places): mutant for mutant in some}
            for done, future in enumerate(as_completed(futures), 1):
                mutant, outcome = futures[future], future.result()
                outcomes[mutant.name] = outcome
                self.say(f"{done}/{len(some)} {_line(mutant, outcome)}")
        finally:  # after Ctrl-C the mutants that have not begun are left out
            pool.shutdown(cancel_futures=True)
        return self.confirm(some, places.get(), outcomes)

    def confirm(self, some: Sequence[Mutant], place: Workplace, outcomes: dict[str, Outcome]) -> bool:
        """Run the tests that noticed a mutant once more, without one; False if they fail."""
        tests: dict[str, None] = {}
        for mutant in some:
            outcome = outcomes[mutant.name]
            if outcome.kind == "killed":  # by a test; of a process that died or did not end, any of the files
                tests |= dict.fromkeys([outcome.detail] if "::" in outcome.detail else mutant.tests)
        if not tests:
            return True
        outcome = place.test(list(tests), 24 * 3600)
        if outcome.kind != "survived":
            print(f"tests fail without a mutant:\n{outcome.output}", file=sys.stderr)
            return False
        self.say(f"without a mutant the tests that noticed one pass: {outcome.seconds:.0f} s")
        return True

    def one(self, mutant: Mutant, places: queue.SimpleQueue[Workplace]) -> Outcome:
        place = places.get()
        try:
            if mutant.in_cpp:
                return place.test(mutant.tests, self.options.timeout, self.number_of[mutant.name])
            with place.changed(mutant):
                return place.test(mutant.tests, self.options.timeout)
        finally:
            places.put(place)

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.start:5.0f} s] {text}", flush=True)

    def summary(self, chosen: Sequence[Mutant], outcomes: dict[str, Outcome]) -> int:
        print()
        for mutant in chosen:
            print(_line(mutant, outcomes[mutant.name]))
        lost = [m for m in chosen if outcomes[m.name].kind != "killed" and m.killed_before]
        errors = [m for m in chosen if outcomes[m.name].kind == "error"]
        killed = [mutant for mutant in chosen if outcomes[mutant.name].kind == "killed"]
        cpp, seconds = sum(mutant.in_cpp for mutant in killed), time.monotonic() - self.start
        print(f"\n{len(killed)} of {len(chosen)} mutants killed, {cpp} of the killed in C++: {seconds:.0f} s")
        for mutant in lost:
            print(f"LOST: {mutant.name} ({mutant.file}): none of {', '.join(mutant.tests)} failed")
        return 1 if lost or errors else 0


def _line(mutant: Mutant, outcome: Outcome) -> str:
    return f"{outcome.kind:8} {outcome.seconds:6.1f} s  {mutant.name}  [{mutant.file}]  {outcome.detail}"


if __name__ == "__main__":
    sys.exit(main())
