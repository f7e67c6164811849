"""Progress of a training, evaluation or prediction: a bar on a terminal, and one printed line per epoch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from seqfuse._progress import Bar

if TYPE_CHECKING:
    from collections.abc import Callable


class Progress:
    """Progress of one epoch, evaluation or prediction.

    Parameters
    ----------
    label : str
        Text at the start of the line, such as "Epoch 1/10".
    steps : int or None
        Number of steps, if it is known.
    verbose : int
        0: silent; 1: a bar, replaced by a line at the end; 2: only the line.
    """

    def __init__(self, label: str, steps: int | None, verbose: int) -> None:
        self._label, self._verbose = label, verbose
        self._steps_done, self._start = 0, time.perf_counter()
        self._bar = Bar(label, steps, "step", visible=verbose == 1)

    def advance(self, logs: Callable[[], dict[str, float]]) -> None:
        """Count one step. `logs()` returns the metrics so far; it is called only if they are displayed."""
        self._steps_done += 1
        self._bar.advance(note=lambda: format_logs(logs()))

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self._bar.close()

    def close(self, logs: dict[str, float]) -> None:
        """Remove the bar and print the line."""
        self._bar.close()
        if self._verbose:
            seconds = time.perf_counter() - self._start
            per_step = seconds / max(self._steps_done, 1)
            line = f"{self._label}: {_format_time(seconds)}, {_format_time(per_step)}/step"
            print(" - ".join([line, format_logs(logs)] if logs else [line]), flush=True)


def format_logs(logs: dict[str, float]) -> str:
    """Return metrics as text, formatted as by Keras."""
    return " - ".join(f"{name}: {_format_number(value)}" for name, value in logs.items())


def _format_number(value: float) -> str:
    """Return a number with four decimals, in scientific notation if it is small or large."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.4e}"


def _format_time(seconds: float) -> str:
    """Return a duration in s, ms or us."""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
