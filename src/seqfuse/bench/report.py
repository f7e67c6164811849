"""What is printed and saved: a line a case, and JSON with the same numbers."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqfuse.bench.case import Case
from seqfuse.bench.timing import Timing

SCHEMA = 3
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))
MB = 1e6


class Measured(NamedTuple):
    """A case, its timing, and how much of `unit` the first contender does in it."""

    case: Case
    timing: Timing
    amount: int
    unit: str

    @property
    def rate(self) -> float:
        """Ours, in units a second."""
        return self.amount / self.timing.seconds["seqfuse"]

    @property
    def share(self) -> float:
        """Ours as a share of what so many cores do at best."""
        return self.rate / self.timing.peak

    def row(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return of_case(self.case) | {
            "amount": self.amount,
            "unit": self.unit,
            "peak_per_second": self.timing.peak,
            "share_of_peak": self.share,
            "seconds": self.timing.seconds,
            "ratios": self.timing.ratios,
        }


class Weighed(NamedTuple):
    """A case, the bytes that it is given and gives back, and by contender how many more there were at the worst."""

    case: Case
    inputs: int
    outputs: int
    beyond: dict[str, int]

    def row(self) -> dict[str, Any]:
        """All of it, for JSON."""
        sizes = {"inputs_bytes": self.inputs, "outputs_bytes": self.outputs, "beyond_bytes": self.beyond}
        return of_case(self.case) | sizes


def of_case(case: Case) -> dict[str, Any]:
    """Which line it is, for JSON."""
    return {"op": case.op, "work": case.work, "shape": case.shape._asdict(), "threads": case.threads}


def header(axes: Sequence[str], unit: str) -> str:
    """The head of our columns, which every table of times begins with."""
    return f"{_head(axes)}{'seqfuse':>12}{f'G{unit}/s':>9}{'% peak':>8}"


def header_of(others: Sequence[str]) -> str:
    """The head of the columns that `column` fills."""
    return "".join(f"{name:>22}" for name in others)


def line(measured: Measured, others: Sequence[str]) -> str:
    """One line of the table: our time, then each of the others' and how many times longer it took."""
    timing = measured.timing
    return (
        f"{_start(measured.case)}{duration(timing.seconds['seqfuse']):>12}"
        f"{measured.rate / 1e9:9.1f}{measured.share:8.0%}" + "".join(column(timing, name) for name in others)
    )


def column(timing: Timing, name: str) -> str:
    """One of the others: its time, and how many times longer than the first it took."""
    if name not in timing.seconds:
        return f"{'-':>22}"
    return f"{duration(timing.seconds[name]):>13} {timing.ratios[name]:7.2f}x"


def lines(measured: Measured) -> str:
    """The line of the plain call, and one for each of the others below it."""
    first = line(measured, [])
    width = len(first) - len(OP)
    others = [f"{OP}{name:{width}}{column(measured.timing, name)}" for name in measured.timing.ratios]
    return "\n".join([first, *others])


def memory_header(axes: Sequence[str], others: Sequence[str]) -> str:
    """The head of a table of memory."""
    return _head(axes) + "".join(f"{name:>13}" for name in ("inputs", "outputs", "seqfuse", *others))


def memory_line(weighed: Weighed, others: Sequence[str]) -> str:
    """One line of it: what is given and given back, and what each of those who take part needs beyond that."""
    sizes = [weighed.inputs, weighed.outputs, *(weighed.beyond.get(name) for name in ("seqfuse", *others))]
    return _start(weighed.case) + "".join(f"{'-' if n is None else megabytes(n):>13}" for n in sizes)


OP = " " * 10  # the column of the operation


def _head(axes: Sequence[str]) -> str:
    return f"{'op':{len(OP)}}{'work':17}{'(' + ', '.join(axes) + ')':24}{'threads':>7}"


def _start(case: Case) -> str:
    return f"{case.op:{len(OP)}}{case.work:17}{tuple(case.shape)!s:24}{case.threads:7d}"


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


def megabytes(size: int) -> str:
    """A size in millions of bytes.

    Examples
    --------
    >>> megabytes(12_345_678)
    '12.3 MB'
    """
    return f"{size / MB:.1f} MB"


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
    all_: Sequence[Measured | Weighed],
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
