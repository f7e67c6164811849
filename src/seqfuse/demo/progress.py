"""A progress bar in characters per second."""

from __future__ import annotations

from seqfuse._progress import Bar


class Progress(Bar):
    """A bar over `total` characters; without tqdm a plain line."""

    def __init__(self, total: int, label: str) -> None:
        super().__init__(label, total, "char", scaled=True)
        self._characters = total

    def line(self, seconds: float) -> str:
        """What the plain line says after so many seconds."""
        rate = self._done / max(seconds, 1e-9)
        return f"{self._label}: {self._done / max(self._characters, 1):4.0%}, {rate:,.0f} characters/s "
