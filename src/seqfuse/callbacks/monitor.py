"""What callbacks share that look at one number of the logs: which way is better, and whether it became better."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from seqfuse import _checks, _names
from seqfuse.callbacks.callback import Callback

if TYPE_CHECKING:
    from seqfuse.callbacks.callback import Logs

MODES = ("auto", "min", "max")
# How names of numbers end that are better when they are greater, and those that are better when they are less.
GREATER = ("acc", "accuracy")
LESS = ("loss", "error", "mse", "mae", "rmse", "crossentropy", "bce", "ce", "perplexity")


class Monitor(Callback):
    """A callback that follows one number.

    Parameters
    ----------
    monitor : str        its name in the logs: "loss", "val_loss", "val_accuracy", ...
    mode : "min", "max" or "auto"        which is better; "auto": what the name says
    best : float or None        what has to be surpassed; None: the first one is better than nothing
    min_delta : float        by how much at least
    """

    def __init__(self, monitor: str, mode: str, best: float | None, min_delta: float) -> None:
        kind = type(self).__name__
        if mode not in MODES:
            near = _names.suggestion(str(mode), MODES)
            raise ValueError(f"{kind}: mode must be {_names.listed(MODES)}; got {mode!r}{near}")
        greater = monitor.endswith(GREATER)
        if mode == "auto" and not greater and not monitor.endswith(LESS):
            raise ValueError(
                f'{kind}: mode must be "min" or "max" for {monitor!r}, whose name does not say it; got "auto"'
            )
        self.monitor, self.mode, self.best = monitor, mode, best
        self.min_delta = abs(_checks.real(kind, "min_delta", min_delta))
        self._sign = 1.0 if mode == "max" or (mode == "auto" and greater) else -1.0

    def better(self, value: float, than: float | None) -> bool:
        """Whether a number surpasses another one by min_delta; NaN never does."""
        return than is None or self._sign * value - self.min_delta > self._sign * than

    def monitored(self, logs: Logs | None) -> Any:
        """The number; None, and a warning that says which ones there are, where it is not in the logs."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            got = f"{self.monitor!r}{_names.suggestion(self.monitor, logs)}"
            warnings.warn(f"{type(self).__name__}: monitor must be {_names.listed(logs)}; got {got}", stacklevel=5)
        return value
