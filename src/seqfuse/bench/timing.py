"""Measuring on a noisy machine: every round runs every contender once, and medians over rounds are compared.

A machine that slows down for a while slows all contenders of a round, so the ratio within a round stays meaningful.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

ENOUGH = 0.02  # seconds: a clock and a loop cost nothing beside it
SHORT = 0.02  # seconds: work shorter than this is run once untimed in each round, to find its own weights in the cache
REST = 0.06  # seconds between two contenders: threads of ONNX Runtime spin for 50 ms after a run, of OpenMP for 10
PEAK = 0.01  # seconds of measuring the machine in each round


class Timing(NamedTuple):
    """What the rounds gave.

    Attributes
    ----------
    seconds : the median time of one piece of work, by contender
    ratios : by contender, the median over rounds of its time divided by the first one's
    peak : the median of what the machine did at best, in units a second
    """

    seconds: dict[str, float]
    ratios: dict[str, float]
    peak: float


def measure(
    runs: Mapping[str, Callable[[], Any]],
    peak: Callable[[float], float],
    rounds: int,
    enough: float = ENOUGH,
    rest: float = REST,
) -> Timing:
    """Time `runs` in `rounds` rounds, each in another order; the first of `runs` is what others are compared with.

    `peak` is given so many seconds in each round, and says what the machine can do at best then, in units a second.
    """
    names = list(runs)
    times: dict[str, list[float]] = {name: [] for name in names}
    counts = {name: _count(runs[name], enough) for name in names}
    peaks = []
    for round_ in range(rounds):
        peaks.append(peak(min(enough, PEAK)))
        turn = round_ % len(names)
        for name in names[turn:] + names[:turn]:
            time.sleep(rest)
            if counts[name] > 1 or _median(times[name]) < SHORT:
                runs[name]()
            times[name].append(_seconds(runs[name], counts[name]))
    return Timing(
        {name: statistics.median(times[name]) for name in names},
        {name: statistics.median(ratios(times[name], times[names[0]])) for name in names[1:]},
        statistics.median(peaks),
    )


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> list[float]:
    """Round by round, how many times longer theirs took."""
    return [a / b for a, b in zip(theirs, ours, strict=True)]


def _median(times: Sequence[float]) -> float:
    return statistics.median(times) if times else 0.0


def _count(run: Callable[[], Any], enough: float) -> int:
    """How many runs take `enough` seconds; the first run, which may allocate and choose, is not counted."""
    run()
    return max(1, math.ceil(enough / max(_seconds(run, 1), 1e-7)))


def _seconds(run: Callable[[], Any], count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - began) / count
