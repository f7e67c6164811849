"""Progress bar on standard error: tqdm's if it is installed, else perhaps a plain line; nothing without a terminal."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

REFRESH = 0.1  # seconds between two updates on the screen
LINE_WIDTH = 60  # columns that a plain line may take


class Bar:
    """Progress bar on standard error, as a context manager that removes the bar at its end.

    Without a terminal nothing is shown. Without tqdm, `line` defines a plain line that is shown instead.

    Parameters
    ----------
    label : str
        Text before the bar.
    total : int or None
        Number of units of work. None if it is unknown.
    unit : str
        Name of the unit, for tqdm.
    visible : bool, optional
        Whether the bar is shown. True by default.
    scaled : bool, optional
        Whether tqdm abbreviates thousands as "k". False by default.
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
        """Return the plain line that is shown without tqdm after `seconds`; None for no line.

        Parameters
        ----------
        seconds : float
            Time since the bar was created.
        """
        return None

    def advance(self, n: int = 1, note: Callable[[], str] | None = None) -> None:
        """Count `n` more units of work as done.

        Parameters
        ----------
        n : int, optional
            Number of units. 1 by default.
        note : callable, optional
            Returns the text after tqdm's bar. It is called only when the bar is redrawn.
        """
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
        """Print a line on standard output and keep the bar below it.

        Parameters
        ----------
        line : str
            Text of the line.
        """
        if self._bar is not None:
            self._bar.clear()
        else:
            self._wipe()
        print(line, flush=True)
        if self._bar is not None:
            self._bar.refresh()

    def close(self) -> None:
        """Remove the bar."""
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
        """Overwrite a plain line with spaces."""
        if self._visible and self.line(1.0) is not None:
            _write("\r" + " " * LINE_WIDTH + "\r")


def _write(text: str) -> None:
    """Write text to standard error at once."""
    sys.stderr.write(text)
    sys.stderr.flush()
