"""How many threads a kernel call may use: a number for the process, and one for this thread that goes before it."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from seqfuse import _checks


def _default() -> int:
    """min(OMP_NUM_THREADS, CPUs this process may use); a setting that is not a positive number says nothing."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # "4,2": four, each of which may start two
    wanted = int(first) if first.isdecimal() else 0
    return min(wanted, cpus) if wanted > 0 else cpus


class _ThisThread(threading.local):
    count: int = 0  # 0: as the process says


_process = _default()
_this_thread = _ThisThread()


def current() -> int:
    """Threads that a kernel called now, from this thread, may use. Asked at every call."""
    return _this_thread.count or _process


def _checked(function: str, n: int) -> int:
    return _checks.integer(function, "n", n, 1, 2**31 - 1, "at least 1 and below 2**31")


def set_num_threads(n: int) -> None:
    """Set how many threads kernels use, in the whole process.

    Results have the same bits for every number. Small work stays on one thread whatever is set. More threads than
    CPUs are allowed and slow.

    Parameters
    ----------
    n : int        at least 1; until it is set, min(OMP_NUM_THREADS, CPUs this process may use)

    Raises
    ------
    ValueError        n is below 1, or 2**31 and more
    TypeError        n is not an integer

    Examples
    --------
    >>> import seqfuse as sf
    >>> before = sf.get_num_threads()
    >>> sf.set_num_threads(1)
    >>> sf.get_num_threads()
    1
    >>> sf.set_num_threads(before)
    """
    global _process
    _process = _checked("set_num_threads", n)


def get_num_threads() -> int:
    """How many threads a kernel called from this thread may use: as `num_threads` or `set_num_threads` said."""
    return current()


def num_threads(n: int) -> AbstractContextManager[None]:
    """Use n threads inside a `with` block, in this thread only; other threads of the program keep theirs.

    Parameters
    ----------
    n : int        at least 1

    Raises
    ------
    ValueError        n is below 1, or 2**31 and more
    TypeError        n is not an integer

    Examples
    --------
    >>> import seqfuse as sf
    >>> with sf.num_threads(1):
    ...     sf.get_num_threads()
    1
    """
    return _scope(_checked("num_threads", n))


@contextmanager
def _scope(count: int) -> Iterator[None]:
    before = _this_thread.count
    _this_thread.count = count
    try:
        yield
    finally:
        _this_thread.count = before
