"""Seeds of random numbers: one generator for the process, and generators that are seeded from it.

Every random operation (an initializer, dropout, the order of the samples) uses a seed of 64 bits and depends on nothing
else. A run with a given seed therefore has the same bits with any number of threads.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from seqfuse import _checks

_MASK = 2**64 - 1
_lock = threading.Lock()  # without it, two threads of a free-threaded Python could get the same seed


def _hash(x: int) -> int:
    """Return the hash of x that splitmix64 uses for its outputs (Steele, Lea and Flood, OOPSLA 2014)."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


class SeedGenerator:
    """Generator of seeds, splitmix64. Without a `seed` it starts from the next seed of the process."""

    __slots__ = ("seed", "state")

    def __init__(self, seed: int | None = None, *, function: str = "SeedGenerator") -> None:
        self.seed = None if seed is None else _checks.integer(function, "seed", seed, 0, _MASK, "in [0, 2**64)")
        self.state = _hash(_process.next() if self.seed is None else self.seed)

    def next(self) -> int:
        """Return the next seed, in [0, 2**64)."""
        with _lock:
            self.state = state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        return _hash(state)


def set_seed(seed: Any) -> None:
    """Restart the generator of the process. Everything created afterwards depends only on `seed`."""
    _process.state = _hash(_checks.integer("set_random_seed", "seed", seed, 0, _MASK, "in [0, 2**64)"))


def next_seed() -> int:
    """Return the next seed of the process. It is unpredictable if `set_random_seed` was not called."""
    return _process.next()


_process = SeedGenerator(int.from_bytes(os.urandom(8), "little"))
