"""Output of the benchmark: one line of text per case, and a JSON file with the same numbers."""

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


class TimedCase(NamedTuple):
    """A case with its timing.

    Attributes
    ----------
    case : Case
        Operation, kind of call, shape, number of threads.
    timing : Timing
        Times of all contenders; the first one is seqfuse.
    amount : int
        Work of one call of the first contender, in `unit`.
    unit : str
        "FLOP" or "B".
    """

    case: Case
    timing: Timing
    amount: int
    unit: str

    @property
    def rate(self) -> float:
        """Rate of seqfuse in units per second."""
        return self.amount / self.timing.seconds["seqfuse"]

    @property
    def fraction_of_peak(self) -> float:
        """Rate of seqfuse divided by the measured peak of the machine."""
        return self.rate / self.timing.peak

    def row(self) -> dict[str, Any]:
        """Return all fields as a dict, for JSON."""
        return case_row(self.case) | {
            "amount": self.amount,
            "unit": self.unit,
            "peak_per_second": self.timing.peak,
            "share_of_peak": self.fraction_of_peak,
            "seconds": self.timing.seconds,
            "ratios": self.timing.ratios,
        }


class MemoryCase(NamedTuple):
    """A case with its memory, in bytes.

    Attributes
    ----------
    case : Case
        Operation, kind of call, shape, number of threads.
    inputs, outputs : int
        Size of the arrays that the call receives and returns.
    extra : dict of str to int
        Peak of the additional memory during the call, by contender.
    """

    case: Case
    inputs: int
    outputs: int
    extra: dict[str, int]

    def row(self) -> dict[str, Any]:
        """Return all fields as a dict, for JSON."""
        sizes = {"inputs_bytes": self.inputs, "outputs_bytes": self.outputs, "beyond_bytes": self.extra}
        return case_row(self.case) | sizes


def case_row(case: Case) -> dict[str, Any]:
    """Return the fields of a case as a dict, for JSON."""
    return {"op": case.op, "work": case.work, "shape": case.shape._asdict(), "threads": case.threads}


def header(axes: Sequence[str], unit: str) -> str:
    """Return the heading of the first columns of every table of times."""
    return f"{_head(axes)}{'seqfuse':>12}{f'G{unit}/s':>9}{'% peak':>8}"


def peer_header(others: Sequence[str]) -> str:
    """Return the headings of the columns that `column` fills."""
    return "".join(f"{name:>22}" for name in others)


def line(timed: TimedCase, others: Sequence[str]) -> str:
    """Return one line of a table: the time of seqfuse, then the time and the ratio of each of `others`."""
    timing = timed.timing
    return (
        f"{_start(timed.case)}{duration(timing.seconds['seqfuse']):>12}"
        f"{timed.rate / 1e9:9.1f}{timed.fraction_of_peak:8.0%}" + "".join(column(timing, name) for name in others)
    )


def column(timing: Timing, name: str) -> str:
    """Return the time of a contender, and its ratio to the time of the first one."""
    if name not in timing.seconds:
        return f"{'-':>22}"
    return f"{duration(timing.seconds[name]):>13} {timing.ratios[name]:7.2f}x"


def lines(timed: TimedCase) -> str:
    """Return the line of the first contender, and below it one line for each other contender."""
    first = line(timed, [])
    width = len(first) - len(OP)
    others = [f"{OP}{name:{width}}{column(timed.timing, name)}" for name in timed.timing.ratios]
    return "\n".join([first, *others])


def memory_header(axes: Sequence[str], others: Sequence[str]) -> str:
    """Return the heading of a table of memory."""
    return _head(axes) + "".join(f"{name:>13}" for name in ("inputs", "outputs", "seqfuse", *others))


def memory_line(row: MemoryCase, others: Sequence[str]) -> str:
    """Return one line of a table of memory: inputs, outputs, and the additional memory of each contender."""
    sizes = [row.inputs, row.outputs, *(row.extra.get(name) for name in ("seqfuse", *others))]
    return _start(row.case) + "".join(f"{'-' if n is None else megabytes(n):>13}" for n in sizes)


OP = " " * 10  # an empty column of the operation


def _head(axes: Sequence[str]) -> str:
    """Return the heading of the columns that describe the case."""
    return f"{'op':{len(OP)}}{'work':17}{'(' + ', '.join(axes) + ')':24}{'threads':>7}"


def _start(case: Case) -> str:
    """Return the columns that describe the case."""
    return f"{case.op:{len(OP)}}{case.work:17}{tuple(case.shape)!s:24}{case.threads:7d}"


def duration(seconds: float) -> str:
    """Return a time with three digits and a suitable unit.

    Examples
    --------
    >>> duration(0.0000123), duration(0.0456), duration(7.0)
    ('12.3 us', '45.6 ms', '7.00 s')
    """
    size, unit = next((pair for pair in UNITS if seconds >= pair[0]), UNITS[-1])
    value = seconds / size
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def megabytes(size: int) -> str:
    """Return a size in megabytes, millions of bytes.

    Examples
    --------
    >>> megabytes(12_345_678)
    '12.3 MB'
    """
    return f"{size / MB:.1f} MB"


def processor() -> str:
    """Return the name of the CPU, from /proc/cpuinfo if it exists."""
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
    results: Sequence[TimedCase | MemoryCase],
) -> None:
    """Write the results, the versions and a description of the machine to a JSON file."""
    document = {
        "schema": SCHEMA,
        "table": table,
        "machine": {"processor": processor(), "cpus": os.cpu_count(), "platform": platform.platform()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__, **versions},
        "info": {str(key): value for key, value in info.items()},
        "rounds": rounds,
        "results": [result.row() for result in results],
    }
    path.write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")
