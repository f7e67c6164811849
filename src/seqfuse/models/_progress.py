"""How far a training is: tqdm's bar where it is installed and somebody looks, a line an epoch otherwise."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

REFRESH = 0.1  # seconds between two looks of the bar


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
        self._done, self._began, self._shown = 0, time.perf_counter(), 0.0
        self._bar: Any = None
        if verbose == 1 and sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None:
            self._bar = importlib.import_module("tqdm").tqdm(
                total=steps, desc=label, leave=False, dynamic_ncols=True, unit="step"
            )

    def advance(self, logs: Callable[[], dict[str, float]]) -> None:
        """One step more; `logs()` says the numbers so far, and is asked only when they are shown."""
        self._done += 1
        if self._bar is None:
            return
        now = time.perf_counter()
        if now - self._shown > REFRESH:
            self._shown = now
            self._bar.set_postfix_str(told(logs()), refresh=False)
            self._bar.update(self._done - self._bar.n)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def close(self, logs: dict[str, float]) -> None:
        """Take the bar away, and print the line."""
        self.__exit__()
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
