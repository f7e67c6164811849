"""Peak rates of the machine, measured: arithmetic and reading memory. No contender can be faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seqfuse import _backend


class Bound(NamedTuple):
    """A peak rate of the machine.

    Attributes
    ----------
    unit : str
        Unit of the amount of work, "FLOP" or "B".
    about : str
        Description of the peak, for the heading of a table.
    measure : callable
        ``measure(amount, threads, seconds)`` returns the peak in units per second with this number of threads, for work
        of the given amount. It measures for about `seconds`.
    """

    unit: str
    about: str
    measure: Callable[[int, int, float], float]


def _multiply_adds(amount: int, threads: int, seconds: float) -> float:
    """Measure the float32 multiply-adds of one core, and multiply them by the number of threads."""
    return float(_backend.kernels.peak_flops("float32", seconds)) * threads


def _reads(amount: int, threads: int, seconds: float) -> float:
    """Measure how fast the threads read a buffer of `amount` bytes."""
    return float(_backend.kernels.read_bandwidth(amount, threads, seconds))


ARITHMETIC = Bound("FLOP", "multiply-adds of one core times threads", _multiply_adds)
READING = Bound("B", "reading as many bytes on as many threads", _reads)
