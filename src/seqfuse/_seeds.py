"""Where random numbers start: one seed for the process, and sequences of seeds that follow from it.

Every random thing (an initializer, a dropout, the order of a batch) takes a seed of 64 bits and is a function of it
alone, so that a run with one seed has the same bits, whatever the number of threads.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from seqfuse import _checks

_MASK = 2**64 - 1
_one_at_a_time = threading.Lock()  # without it two threads may be given one seed, where Python itself has no lock


def _mixed(x: int) -> int:
    """The finalizer of splitmix64: neighbouring numbers become unrelated ones (Steele, Lea and Flood, OOPSLA 2014)."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


class SeedGenerator:
    """A sequence of seeds: splitmix64 from `seed`; without one it starts at the next seed of the process."""

    __slots__ = ("seed", "state")

    def __init__(self, seed: int | None = None, *, function: str = "SeedGenerator") -> None:
        self.seed = None if seed is None else _checks.integer(function, "seed", seed, 0, _MASK, "in [0, 2**64)")
        self.state = _mixed(_process.next() if self.seed is None else self.seed)

    def next(self) -> int:
        """The next seed, in [0, 2**64)."""
        with _one_at_a_time:
            self.state = state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        return _mixed(state)


def set_seed(seed: Any) -> None:
    """Start the seeds of the process again: what is made afterwards follows from `seed` alone."""
    _process.state = _mixed(_checks.integer("set_random_seed", "seed", seed, 0, _MASK, "in [0, 2**64)"))


def next_seed() -> int:
    """The next seed of the process; where `set_random_seed` was not called, they start somewhere."""
    return _process.next()


_process = SeedGenerator(int.from_bytes(os.urandom(8), "little"))
