"""How far a training is: a bar where somebody looks, and a line an epoch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from seqfuse._progress import Bar

if TYPE_CHECKING:
    from collections.abc import Callable


class Progress:
    """One epoch, one evaluation or one prediction.

    Parameters
    ----------
    label : str        "Epoch 1/10"
    steps : int or None        how many there are, if that is known
    verbose : int        0: silent; 1: a bar, which becomes a line at the end; 2: the line alone
    """

    def __init__(self, label: str, steps: int | None, verbose: int) -> None:
        self._label, self._verbose = label, verbose
        self._done, self._began = 0, time.perf_counter()
        self._bar = Bar(label, steps, "step", visible=verbose == 1)

    def advance(self, logs: Callable[[], dict[str, float]]) -> None:
        """One step more; `logs()` says the numbers so far, and is asked only when they are shown."""
        self._done += 1
        self._bar.advance(note=lambda: told(logs()))

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._bar.close()

    def close(self, logs: dict[str, float]) -> None:
        """Take the bar away, and print the line."""
        self._bar.close()
        if self._verbose:
            seconds = time.perf_counter() - self._began
            each = seconds / max(self._done, 1)
            line = f"{self._label}: {_of_time(seconds)}, {_of_time(each)} a step"
            print(" - ".join([line, told(logs)] if logs else [line]), flush=True)


def told(logs: dict[str, float]) -> str:
    """Numbers with their names, as Keras prints them."""
    return " - ".join(f"{name}: {_of_number(value)}" for name, value in logs.items())


def _of_number(value: float) -> str:
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.4e}"


def _of_time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
