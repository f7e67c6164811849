"""How far something is: tqdm's bar where it is installed, else perhaps a line, and nothing where nobody looks."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

REFRESH = 0.1  # seconds between two looks of the bar


class Bar:
    """A bar on standard error, if that is a terminal; a context manager that takes it away.

    Parameters
    ----------
    label : str        what stands before it
    total : int or None        how much there is to do, if that is known
    unit : str        of what is counted, for tqdm
    visible : bool        False: there is no bar
    scaled : bool        thousands are written as k
    """

    def __init__(self, label: str, total: int | None, unit: str, *, visible: bool = True, scaled: bool = False) -> None:
        self._label, self._total = label, total
        self._done, self._began, self._shown = 0, time.perf_counter(), 0.0
        self._visible = visible and sys.stderr.isatty()
        self._bar: Any = None
        if self._visible and importlib.util.find_spec("tqdm") is not None:
            self._bar = importlib.import_module("tqdm").tqdm(
                total=total, desc=label, unit=unit, unit_scale=scaled, leave=False, dynamic_ncols=True
            )

    def line(self, seconds: float) -> str | None:
        """What stands in the place of tqdm's bar after so many seconds; None: nothing."""
        return None

    def advance(self, n: int = 1, note: Callable[[], str] | None = None) -> None:
        """Count so many more; `note()` is what stands behind tqdm's bar, and is asked only when it is shown."""
        self._done += n
        if not self._visible:
            return
        now = time.perf_counter()
        if now - self._shown <= REFRESH:
            return
        self._shown = now
        if self._bar is not None:
            if note is not None:
                self._bar.set_postfix_str(note(), refresh=False)
            self._bar.update(self._done - self._bar.n)
            return
        line = self.line(now - self._began)
        if line is not None:
            _write(f"\r{line}")

    def print(self, line: str) -> None:
        """Print a line on standard output without tearing the bar."""
        if self._bar is not None:
            self._bar.clear()
        else:
            self._wipe()
        print(line, flush=True)
        if self._bar is not None:
            self._bar.refresh()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        else:
            self._wipe()
        self._visible = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wipe(self) -> None:
        if self._visible and self.line(1.0) is not None:
            _write("\r" + " " * 60 + "\r")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
