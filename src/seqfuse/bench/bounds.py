"""What the machine can do at best of what a table counts: no contender can be faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seqfuse import _backend


class Bound(NamedTuple):
    """A limit of the machine.

    Attributes
    ----------
    unit : of what is counted, FLOP or B
    about : what the peak is, for a reader of the table
    measure : (amount, threads, seconds) -> units a second on so many threads, for a work that counts `amount`
    """

    unit: str
    about: str
    measure: Callable[[int, int, float], float]


def _multiply_adds(amount: int, threads: int, seconds: float) -> float:
    return float(_backend.kernels.peak_flops("float32", seconds)) * threads  # of one core, as all are alike


def _reads(amount: int, threads: int, seconds: float) -> float:
    return float(_backend.kernels.read_bandwidth(amount, threads, seconds))


ARITHMETIC = Bound("FLOP", "multiply-adds of one core times threads", _multiply_adds)
READING = Bound("B", "reading as many bytes on as many threads", _reads)
