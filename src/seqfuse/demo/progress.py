"""Progress bar of the demo, in characters per second."""

from __future__ import annotations

from seqfuse._progress import Bar


class Progress(Bar):
    """Progress bar over characters of training text. Without tqdm it is a plain line.

    Parameters
    ----------
    total : int
        Number of characters of all epochs.
    label : str
        Text before the bar.
    """

    def __init__(self, total: int, label: str) -> None:
        super().__init__(label, total, "char", scaled=True)
        self._characters = total

    def line(self, seconds: float) -> str:
        """Return the plain line after `seconds`: percentage done and characters per second."""
        rate = self._done / max(seconds, 1e-9)
        return f"{self._label}: {self._done / max(self._characters, 1):4.0%}, {rate:,.0f} characters/s "
