"""The number of threads of the kernels: one setting for the process, and one per thread, which takes precedence."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from seqfuse import _checks

MAX_THREADS = 1024  # more than the processors of any machine that runs one process


def _default() -> int:
    """Return min(OMP_NUM_THREADS, CPUs this process may use). A value that is not a positive number is ignored."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    first = (
        os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    )  # "4,2" means 4 threads, each with 2 nested threads
    setting = int(first) if first.isdecimal() else 0
    return min(setting, cpus) if setting > 0 else cpus


class _ThisThread(threading.local):
    count: int = 0  # 0: use the setting of the process


_process = _default()
_this_thread = _ThisThread()


def current() -> int:
    """Return the number of threads that a kernel called from this thread may use."""
    return _this_thread.count or _process


def _checked(function: str, n: int) -> int:
    """Check a number of threads."""
    return _checks.integer(function, "n", n, 1, MAX_THREADS, f"in 1..{MAX_THREADS}")


def set_num_threads(n: int) -> None:
    """Set the number of threads that the kernels use, for the whole process.

    Results have the same bits for every number. Small operations always use one thread. More threads than CPUs are
    allowed, but slow. If the system cannot start as many threads, the kernels use fewer.

    Parameters
    ----------
    n : int
        Number of threads, in 1..1024. The initial value is min(OMP_NUM_THREADS, CPUs this process may use).

    Raises
    ------
    ValueError
        If n is below 1 or above 1024.
    TypeError
        If n is not an integer.

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
    """Return the number of threads that a kernel called from this thread may use.

    Returns
    -------
    int
        The value of `num_threads` inside its block, otherwise that of `set_num_threads`.

    Examples
    --------
    >>> import seqfuse as sf
    >>> with sf.num_threads(1):
    ...     sf.get_num_threads()
    1
    """
    return current()


def num_threads(n: int) -> AbstractContextManager[None]:
    """Use n threads inside a `with` block.

    This affects only kernels that are called from the current thread. Other threads of the program keep their setting.

    Parameters
    ----------
    n : int
        Number of threads, in 1..1024.

    Returns
    -------
    context manager
        Restores the previous setting at the end of the block.

    Raises
    ------
    ValueError
        If n is below 1 or above 1024.
    TypeError
        If n is not an integer.

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
    """Set the number of threads of this thread inside a block."""
    before = _this_thread.count
    _this_thread.count = count
    try:
        yield
    finally:
        _this_thread.count = before
