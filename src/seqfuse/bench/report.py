"""What is printed and saved: a line a case, and JSON with the same numbers."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqfuse.bench.shapes import Case, flops
from seqfuse.bench.timing import Timing

SCHEMA = 1
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


class Measured(NamedTuple):
    """A case and its timing."""

    case: Case
    timing: Timing

    @property
    def rate(self) -> float:
        """Ours, in FLOP/s."""
        return flops(self.case.cell, self.case.work, self.case.shape) / self.timing.seconds["seqfuse"]

    @property
    def share(self) -> float:
        """Ours as a share of the multiply-add peak of so many cores."""
        return self.rate / (self.timing.peak * self.case.threads)

    def row(self) -> dict[str, Any]:
        """All of it, for JSON."""
        case, timing = self
        return {
            "cell": case.cell,
            "work": case.work,
            "shape": case.shape._asdict(),
            "threads": case.threads,
            "flops": flops(case.cell, case.work, case.shape),
            "peak_flops_per_core": timing.peak,
            "share_of_peak": self.share,
            "seconds": timing.seconds,
            "ratios": timing.ratios,
        }


def header(peers: Sequence[str]) -> str:
    """The head of the table."""
    columns = "".join(f"{peer:>22}" for peer in peers)
    return f"{'cell':5}{'work':17}{'(T, B, I, H)':22}{'threads':>7}{'seqfuse':>12}{'GFLOP/s':>9}{'% peak':>8}{columns}"


def line(measured: Measured, peers: Sequence[str]) -> str:
    """One line of the table: our time, then each peer's and how many times longer it took."""
    case, timing = measured
    columns = ""
    for peer in peers:
        if peer in timing.seconds:
            columns += f"{duration(timing.seconds[peer]):>13} {timing.ratios[peer]:7.2f}x"
        else:
            columns += f"{'-':>22}"
    return (
        f"{case.cell:5}{case.work:17}{case.shape!s:22}{case.threads:7d}{duration(timing.seconds['seqfuse']):>12}"
        f"{measured.rate / 1e9:9.1f}{measured.share:8.0%}{columns}"
    )


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
    path: Path, versions: Mapping[str, str], info: Mapping[str, Any], rounds: int, all_: Sequence[Measured]
) -> None:
    """Write everything as JSON."""
    document = {
        "schema": SCHEMA,
        "machine": {"processor": processor(), "cpus": os.cpu_count(), "platform": platform.platform()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, **versions},
        "info": {str(key): value for key, value in info.items()},
        "rounds": rounds,
        "results": [measured.row() for measured in all_],
    }
    path.write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")
