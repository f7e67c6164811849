"""Callbacks that change the learning rate: by a function of the epoch, or when a value no longer improves."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse.callbacks.callback import Callback
from seqfuse.callbacks.monitor import Monitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse.callbacks.callback import Logs


class LearningRateScheduler(Callback):
    """Learning rate that is a function of the epoch.

    Parameters
    ----------
    schedule : callable
        Function ``schedule(epoch)`` or ``schedule(epoch, learning_rate)`` that returns the learning rate of an epoch.
        Epochs are counted from 0. The second argument is the current learning rate.
    verbose : int, default 0
        1 prints a line per epoch.

    Notes
    -----
    The learning rate is added to the logs of each epoch, under the name "learning_rate". If the optimizer has a
    learning rate schedule, `fit` raises a TypeError.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.callbacks import LearningRateScheduler
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> scheduler = LearningRateScheduler(lambda epoch: 0.1 / 2**epoch)
    >>> history = model.fit(np.ones((4, 2)), np.ones(4), epochs=3, callbacks=[scheduler], verbose=0)
    >>> history.history["learning_rate"]
    [0.1, 0.05, 0.025]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose
        try:
            inspect.signature(schedule).bind(0, 0.0)
            self._accepts_rate = True
        except TypeError:
            self._accepts_rate = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the learning rate."""
        optimizer = self.model.optimizer
        rate: Any = self.schedule(epoch, optimizer.learning_rate) if self._accepts_rate else self.schedule(epoch)
        optimizer.learning_rate = _checks.real("LearningRateScheduler", "the result of schedule", rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler sets the learning rate to {rate}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the learning rate to the logs."""
        _log_learning_rate(self, logs)


class ReduceLROnPlateau(Monitor):
    """Reduction of the learning rate when a monitored value has not improved for `patience` epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Name of the monitored value in the logs.
    factor : float, default 0.1
        Factor of the learning rate, in [0, 1).
    patience : int, default 10
        Number of epochs without improvement after which the learning rate is reduced. 0 and 1 are equivalent.
    verbose : int, default 0
        1 prints a line per reduction.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger values are better. "auto" infers it from the end of the name, such as "loss" or
        "accuracy".
    min_delta : float, default 1e-4
        Minimum improvement. A smaller change does not count as an improvement. The sign is ignored.
    cooldown : int, default 0
        Number of epochs after a reduction that do not count as epochs without improvement.
    min_lr : float, default 0.0
        Minimum learning rate.

    Attributes
    ----------
    best : float or None
        Best value so far.
    wait : int
        Number of epochs without improvement.
    cooldown_counter : int
        Number of epochs left in the cooldown.

    Raises
    ------
    ValueError
        If `factor` is not in [0, 1), or `mode` is "auto" and cannot be inferred from the name.

    Notes
    -----
    The learning rate is added to the logs of each epoch, under the name "learning_rate". A monitored value that is not
    in the logs causes a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.callbacks import ReduceLROnPlateau
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> reduction = ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=1e9)
    >>> history = model.fit(np.ones((4, 2)), np.ones(4), epochs=5, callbacks=[reduction], verbose=0)
    >>> history.history["learning_rate"]
    [0.01, 0.01, 0.01, 0.005, 0.005]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, None, min_delta)
        function = "ReduceLROnPlateau"
        self.factor = _checks.fraction(function, "factor", factor)
        self.patience = _checks.integer(function, "patience", patience, 0)
        self.cooldown = _checks.integer(function, "cooldown", cooldown, 0)
        self.min_lr, self.verbose = _checks.real(function, "min_lr", min_lr, 0), verbose
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the previous training."""
        self.wait = self.cooldown_counter = 0
        self.best = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the learning rate to the logs, and reduce it for the next epoch if needed."""
        _log_learning_rate(self, logs)
        value = self.monitored(logs)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience and self.model.optimizer.learning_rate > self.min_lr:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        """Reduce the learning rate and start the cooldown."""
        optimizer = self.model.optimizer
        optimizer.learning_rate = rate = max(optimizer.learning_rate * self.factor, self.min_lr)
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print(f"Epoch {epoch + 1}: ReduceLROnPlateau sets the learning rate to {rate}")


def _log_learning_rate(callback: Callback, logs: Logs | None) -> None:
    """Add the learning rate to the logs. Callbacks that are called later see it, too."""
    if logs is not None:
        logs["learning_rate"] = callback.model.optimizer.learning_rate
