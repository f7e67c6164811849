"""How much memory a contender takes at the worst, beyond what it is given and gives back.

Each is measured in a process of its own, once: what one run leaves with the allocator, the next one takes from there
unseen. The process makes the problem, does a small one of the same kind, so that libraries are loaded and threads
started, hands free memory back to the system, and reads the peak of its resident size around one run.
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
from seqfuse.bench.report import Weighed
from seqfuse.bench.tables import TABLES, Table

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

Result = TypeVar("Result")


class Weight(NamedTuple):
    """What one contender needs, in bytes."""

    inputs: int
    outputs: int
    beyond: int


def available() -> bool:
    """Whether the system says how large a process has been: Linux does."""
    return STATUS.exists() and "VmHWM" in STATUS.read_text(encoding="ascii")


def weighed(table: Table, cases: Sequence[Case], peers: Sequence[str]) -> Iterator[Weighed]:
    """Measure every contender of each case; a peer that does not come to an end is left out of the case and named."""
    for case in cases:
        ours = in_a_new_process(weigh, table.name, case, "seqfuse")
        beyond = {"seqfuse": ours.beyond}
        for peer in peers:
            with _left_out(peer, case):
                beyond[peer] = in_a_new_process(weigh, table.name, case, peer).beyond
        yield Weighed(case, ours.inputs, ours.outputs, beyond)


@contextmanager
def _left_out(peer: str, case: Case) -> Iterator[None]:
    try:
        yield
    except (MemoryError, BrokenProcessPool) as error:  # the system ends who takes too much
        print(f"{peer} left out of {case}: {error!r}", file=sys.stderr)


def in_a_new_process(function: Callable[..., Result], *arguments: object) -> Result:
    """What the function returns there."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def weigh(table: str, case: Case, name: str) -> Weight:
    """Measure a contender in this process, which has not done anything else."""
    with sf.num_threads(case.threads):
        small = next(iter(TABLES[table].quick_shapes[case.work]))
        _contender(TABLES[table], case, small, name).run()
        contender = _contender(TABLES[table], case, case.shape, name)
        result, grown = growth(contender.run)
        outputs = sum(a.nbytes for a in contender.read(result).values())
        return Weight(size_of(contender.problem), outputs, max(grown - outputs, 0))


def growth(run: Callable[[], Result]) -> tuple[Result, int]:
    """What it returns, and by how much the process grew meanwhile, in bytes.

    Where the peak cannot be set back, that of the time before may be the larger: the growth is then less than is said.
    """
    gc.collect()
    _trim()
    with suppress(OSError):
        CLEAR.write_text("5", encoding="ascii")  # sets the peak to what is resident now
    before = _status("VmRSS")
    result = run()
    return result, _status("VmHWM") - before


def _contender(table: Table, case: Case, shape: Shape, name: str) -> Contender:
    problem = table.make(case.op, shape)
    peers = [peer for peer in table.peers if peer == name]
    return next(c for c in table.enter(problem, case.work, case.threads, peers) if c.name == name)


def _trim() -> None:
    """Hand free memory back, where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _status(name: str) -> int:
    """A size of this process in bytes."""
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
