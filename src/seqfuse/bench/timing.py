"""Timing on a noisy machine: every round runs every contender, and medians over the rounds are compared.

If the machine is slow for a while, it slows down all contenders of a round, so the ratios within a round are still
valid.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

MIN_SECONDS = 0.02  # duration of one measurement: long enough that the clock and the loop do not matter
WARM_UP_BELOW = 0.02  # seconds: shorter calls run once untimed in each round, so that their weights are in the cache
REST = 0.06  # seconds between two contenders: idle threads spin for 50 ms in ONNX Runtime, for 10 ms in OpenMP
PEAK_SECONDS = 0.01  # duration of measuring the peak in each round


class Timing(NamedTuple):
    """Result of timing a case.

    Attributes
    ----------
    seconds : dict of str to float
        Median time of one call, by contender.
    ratios : dict of str to float
        Median over the rounds of a contender's time divided by the first contender's, by contender.
    peak : float
        Median of the measured peak rate, in units per second.
    """

    seconds: dict[str, float]
    ratios: dict[str, float]
    peak: float


def measure(
    runs: Mapping[str, Callable[[], Any]],
    peak: Callable[[float], float],
    rounds: int,
    min_seconds: float = MIN_SECONDS,
    rest: float = REST,
) -> Timing:
    """Time contenders in rounds.

    Parameters
    ----------
    runs : dict of str to callable
        Contenders by name. The others are compared with the first. The order rotates from round to round.
    peak : callable
        ``peak(seconds)`` measures the peak rate for this time and returns it. It is called once per round.
    rounds : int
        Number of rounds.
    min_seconds : float, optional
        Shortest duration of one measurement. Calls that are faster are repeated.
    rest : float, optional
        Pause in seconds before each contender.
    """
    names = list(runs)
    times: dict[str, list[float]] = {name: [] for name in names}
    counts = {name: _count(runs[name], min_seconds) for name in names}
    peaks = []
    for round_ in range(rounds):
        peaks.append(peak(min(min_seconds, PEAK_SECONDS)))
        first = round_ % len(names)
        for name in names[first:] + names[:first]:
            time.sleep(rest)
            if counts[name] > 1 or _median(times[name]) < WARM_UP_BELOW:
                runs[name]()
            times[name].append(_seconds(runs[name], counts[name]))
    return Timing(
        {name: statistics.median(times[name]) for name in names},
        {name: statistics.median(ratios(times[name], times[names[0]])) for name in names[1:]},
        statistics.median(peaks),
    )


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> list[float]:
    """Return the ratio of the times in each round; above 1 means that ours is faster."""
    return [a / b for a, b in zip(theirs, ours, strict=True)]


def _median(times: Sequence[float]) -> float:
    """Return the median, 0 if there is no time yet."""
    return statistics.median(times) if times else 0.0


def _count(run: Callable[[], Any], min_seconds: float) -> int:
    """Return how many calls take `min_seconds`. The first call is not timed: it may allocate or select kernels."""
    run()
    return max(1, math.ceil(min_seconds / max(_seconds(run, 1), 1e-7)))


def _seconds(run: Callable[[], Any], count: int) -> float:
    """Return the mean time of `count` calls."""
    began = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - began) / count
