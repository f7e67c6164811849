"""What is printed and saved: a line a case, and JSON with the same numbers."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqfuse.bench.shapes import Case
from seqfuse.bench.timing import Timing

SCHEMA = 2
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


class Measured(NamedTuple):
    """A case, its timing, and how many operations the first contender's products take in it."""

    case: Case
    timing: Timing
    flops: int

    @property
    def rate(self) -> float:
        """Ours, in FLOP/s."""
        return self.flops / self.timing.seconds["seqfuse"]

    @property
    def share(self) -> float:
        """Ours as a share of the multiply-add peak of so many cores."""
        return self.rate / (self.timing.peak * self.case.threads)

    def row(self) -> dict[str, Any]:
        """All of it, for JSON."""
        case, timing, flops = self
        return {
            "cell": case.cell,
            "work": case.work,
            "shape": case.shape._asdict(),
            "threads": case.threads,
            "flops": flops,
            "peak_flops_per_core": timing.peak,
            "share_of_peak": self.share,
            "seconds": timing.seconds,
            "ratios": timing.ratios,
        }


def header() -> str:
    """The head of our columns, which every table begins with."""
    return f"{'cell':8}{'work':17}{'(T, B, I, H)':22}{'threads':>7}{'seqfuse':>12}{'GFLOP/s':>9}{'% peak':>8}"


def header_of(others: Sequence[str]) -> str:
    """The head of the columns that `column` fills."""
    return "".join(f"{name:>22}" for name in others)


def line(measured: Measured, others: Sequence[str]) -> str:
    """One line of the table: our time, then each of the others' and how many times longer it took."""
    case, timing, _ = measured
    return (
        f"{case.cell:8}{case.work:17}{case.shape!s:22}{case.threads:7d}{duration(timing.seconds['seqfuse']):>12}"
        f"{measured.rate / 1e9:9.1f}{measured.share:8.0%}" + "".join(column(timing, name) for name in others)
    )


def column(timing: Timing, name: str) -> str:
    """One of the others: its time, and how many times longer than the first it took."""
    if name not in timing.seconds:
        return f"{'-':>22}"
    return f"{duration(timing.seconds[name]):>13} {timing.ratios[name]:7.2f}x"


def lines(measured: Measured) -> str:
    """The line of the plain call, and one for each of the others below it."""
    width = len(header()) - 8
    others = [f"{'':8}{name:{width}}{column(measured.timing, name)}" for name in measured.timing.ratios]
    return "\n".join([line(measured, []), *others])


def duration(seconds: float) -> str:
    """A time in a unit that leaves three digits to read.

    Examples
    --------
    >>> duration(0.0000123), duration(0.0456), duration(7.0)
    ('12.3 us', '45.6 ms', '7.00 s')
    """
    size, unit = next((pair for pair in UNITS if seconds >= pair[0]), UNITS[-1])
    value = seconds / size
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def processor() -> str:
    """The name of the CPU, as Linux gives it."""
    try:
        for text in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def save(
    path: Path,
    table: str,
    versions: Mapping[str, str],
    info: Mapping[str, Any],
    rounds: int,
    all_: Sequence[Measured],
) -> None:
    """Write everything as JSON."""
    document = {
        "schema": SCHEMA,
        "table": table,
        "machine": {"processor": processor(), "cpus": os.cpu_count(), "platform": platform.platform()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, **versions},
        "info": {str(key): value for key, value in info.items()},
        "rounds": rounds,
        "results": [measured.row() for measured in all_],
    }
    path.write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")
