"""Peak memory of a call, in addition to its inputs and outputs.

Each contender is measured once, in a process of its own: memory that a call leaves with the allocator would be reused
by the next call and not be counted. The process first runs a small problem of the same kind, which loads libraries and
starts threads. It then returns free memory to the system, and reads the peak of its resident size around one call.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import seqfuse as sf
from seqfuse.bench.case import Case, Contender, Shape, size_of
from seqfuse.bench.report import MemoryCase
from seqfuse.bench.tables import TABLES, Table

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

Result = TypeVar("Result")


class Memory(NamedTuple):
    """Memory of one contender in bytes: inputs, outputs, and the peak of the memory in addition to them."""

    inputs: int
    outputs: int
    extra: int


def available() -> bool:
    """Return whether the system reports the peak resident size of a process, as Linux does."""
    return STATUS.exists() and "VmHWM" in STATUS.read_text(encoding="ascii")


def memory_cases(table: Table, cases: Sequence[Case], peers: Sequence[str]) -> Iterator[MemoryCase]:
    """Measure every contender of each case. A peer that runs out of memory is reported and left out of the case."""
    for case in cases:
        ours = run_in_new_process(measure_contender, table.name, case, "seqfuse")
        extra = {"seqfuse": ours.extra}
        for peer in peers:
            with _report_failure(peer, case):
                extra[peer] = run_in_new_process(measure_contender, table.name, case, peer).extra
        yield MemoryCase(case, ours.inputs, ours.outputs, extra)


@contextmanager
def _report_failure(peer: str, case: Case) -> Iterator[None]:
    """Report a peer that runs out of memory instead of raising the error."""
    try:
        yield
    except (MemoryError, BrokenProcessPool) as error:  # the system kills a process that uses too much
        print(f"{peer} left out of {case}: {error!r}", file=sys.stderr)


def run_in_new_process(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in a new process and return its result."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def measure_contender(table: str, case: Case, name: str) -> Memory:
    """Measure a contender in this process, which must be new."""
    with sf.num_threads(case.threads):
        small = next(iter(TABLES[table].quick_shapes[case.work]))
        _contender(TABLES[table], case, small, name).run()
        contender = _contender(TABLES[table], case, case.shape, name)
        result, growth = peak_growth(contender.run)
        outputs = sum(a.nbytes for a in contender.read(result).values())
        return Memory(size_of(contender.problem), outputs, max(growth - outputs, 0))


def peak_growth(run: Callable[[], Result]) -> tuple[Result, int]:
    """Return the result of a function, and the peak growth of the process during the call in bytes.

    If the system cannot reset the peak, an earlier and larger peak is used, and the reported growth is too large.
    """
    gc.collect()
    _trim()
    with suppress(OSError):
        CLEAR.write_text("5", encoding="ascii")  # resets the peak to the current size
    before = _status("VmRSS")
    result = run()
    return result, _status("VmHWM") - before


def _contender(table: Table, case: Case, shape: Shape, name: str) -> Contender:
    """Return the contender of this name."""
    problem = table.make_problem(case.op, shape)
    peers = [peer for peer in table.peers if peer == name]
    return next(c for c in table.contenders(problem, case.work, case.threads, peers) if c.name == name)


def _trim() -> None:
    """Return free memory to the system, if the C library has a function for it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _status(name: str) -> int:
    """Return a size of this process in bytes, by its name in /proc/self/status."""
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
