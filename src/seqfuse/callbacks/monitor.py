"""Base class of the callbacks that monitor one value of the logs."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from seqfuse import _checks, _names
from seqfuse.callbacks.callback import Callback

if TYPE_CHECKING:
    from seqfuse.callbacks.callback import Logs

MODES = ("auto", "min", "max")
# Mode "auto" infers from the end of a name whether larger or smaller values are better.
LARGER_IS_BETTER = ("acc", "accuracy")
SMALLER_IS_BETTER = ("loss", "error", "mse", "mae", "rmse", "crossentropy", "bce", "ce", "perplexity")


class Monitor(Callback):
    """Callback that monitors one value of the logs.

    Parameters
    ----------
    monitor : str
        Name of the value in the logs, such as "loss", "val_loss" or "val_accuracy".
    mode : {"auto", "min", "max"}
        Whether smaller or larger values are better. "auto" infers it from the end of the name.
    best : float or None
        Value that must be improved upon. None means that any value is an improvement.
    min_delta : float
        Minimum improvement. The sign is ignored.

    Raises
    ------
    ValueError
        If `mode` is unknown, or is "auto" and cannot be inferred from the name.
    """

    def __init__(self, monitor: str, mode: str, best: float | None, min_delta: float) -> None:
        kind = type(self).__name__
        if mode not in MODES:
            near = _names.suggestion(str(mode), MODES)
            raise ValueError(f"{kind}: mode must be {_names.listed(MODES)}; got {mode!r}{near}")
        larger_is_better = monitor.endswith(LARGER_IS_BETTER)
        if mode == "auto" and not larger_is_better and not monitor.endswith(SMALLER_IS_BETTER):
            raise ValueError(
                f'{kind}: mode must be "min" or "max" for monitor={monitor!r}, because it cannot be inferred from this '
                'name; got "auto"'
            )
        self.monitor, self.mode, self.best = monitor, mode, best
        self.min_delta = abs(_checks.real(kind, "min_delta", min_delta))
        self._sign = 1.0 if mode == "max" or (mode == "auto" and larger_is_better) else -1.0

    def better(self, value: float, than: float | None) -> bool:
        """Return whether a value is better than another one by more than `min_delta`.

        Parameters
        ----------
        value : float
            New value. NaN is never better.
        than : float or None
            Old value. Any value is better than None.

        Returns
        -------
        bool
            True if `value` is better.
        """
        return than is None or self._sign * value - self.min_delta > self._sign * than

    def monitored(self, logs: Logs | None) -> Any:
        """Return the monitored value, or None with a warning if it is not in the logs.

        Parameters
        ----------
        logs : dict or None
            Logs of an epoch or a batch.

        Returns
        -------
        float or None
            The value.
        """
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            got = f"{self.monitor!r}{_names.suggestion(self.monitor, logs)}"
            warnings.warn(f"{type(self).__name__}: monitor must be {_names.listed(logs)}; got {got}", stacklevel=5)
        return value
