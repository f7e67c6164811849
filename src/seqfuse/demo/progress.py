"""A progress bar in characters per second: tqdm's where it is installed, a plain line otherwise."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from types import TracebackType
from typing import Any


class Progress:
    """A bar over `total` characters on the terminal; silent where standard error is not one.

    Use it as a context manager and `advance` it.
    """

    def __init__(self, total: int, label: str) -> None:
        self._total, self._label = total, label
        self._done, self._began, self._shown = 0, time.perf_counter(), 0.0
        self._visible = sys.stderr.isatty()
        self._bar: Any = None
        if self._visible and importlib.util.find_spec("tqdm") is not None:
            self._bar = importlib.import_module("tqdm").tqdm(
                total=total, desc=label, unit="char", unit_scale=True, leave=False, dynamic_ncols=True
            )

    def advance(self, characters: int) -> None:
        """Count so many characters more."""
        self._done += characters
        if self._bar is not None:
            self._bar.update(characters)
            return
        now = time.perf_counter()
        if self._visible and now - self._shown > 0.2:
            self._shown = now
            sys.stderr.write(f"\r{self.line(now - self._began)}")
            sys.stderr.flush()

    def print(self, line: str) -> None:
        """Print a line on standard output without tearing the bar."""
        if self._bar is not None:
            self._bar.clear()
        elif self._visible:
            self._wipe()
        print(line, flush=True)
        if self._bar is not None:
            self._bar.refresh()

    def line(self, seconds: float) -> str:
        """What the plain line says after so many seconds."""
        rate = self._done / max(seconds, 1e-9)
        return f"{self._label}: {self._done / max(self._total, 1):4.0%}, {rate:,.0f} characters/s "

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._visible:
            self._wipe()

    def _wipe(self) -> None:
        sys.stderr.write("\r" + " " * 60 + "\r")
        sys.stderr.flush()
