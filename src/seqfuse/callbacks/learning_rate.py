"""Learning rates that change with the epochs: by a function of theirs, or where a training gets no better."""

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
    """Set the learning rate when an epoch begins.

    Parameters
    ----------
    schedule : callable        schedule(epoch, learning_rate) or schedule(epoch) -> float, epochs counted from 0
    verbose : 0 or 1        1: say so

    Notes
    -----
    It adds "learning_rate" to the logs of an epoch. An optimizer that has a schedule of its own keeps it: a TypeError.

    Examples
    --------
    >>> from seqfuse.callbacks import LearningRateScheduler
    >>> halved = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch >= 10 else rate)
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose
        try:
            inspect.signature(schedule).bind(0, 0.0)
            self._takes_rate = True
        except TypeError:
            self._takes_rate = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set it."""
        optimizer = self.model.optimizer
        rate: Any = self.schedule(epoch, optimizer.learning_rate) if self._takes_rate else self.schedule(epoch)
        optimizer.learning_rate = _checks.real("LearningRateScheduler", "what schedule returns", rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler sets the learning rate to {rate}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Tell it to the callbacks behind this one."""
        _tell_rate(self, logs)


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate with `factor` when a number has not become better for `patience` epochs.

    Parameters
    ----------
    monitor : str        the name of the number in the logs
    factor : float        below 1
    patience : int        epochs to wait
    verbose : 0 or 1        1: say so
    mode : "auto", "min" or "max"        whether less or more is better; "auto": what the name says
    min_delta : float        what becomes better by less than this has not become better
    cooldown : int        epochs after a reduction that are not counted
    min_lr : float        the rate is not reduced below

    Raises
    ------
    ValueError        a factor of 1 or more; "auto" and a name that does not say which is better

    Notes
    -----
    It adds "learning_rate" to the logs of an epoch; a number that is not there is a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.callbacks import ReduceLROnPlateau
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> halved = ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=1e9)
    >>> history = model.fit(np.ones((4, 2)), np.ones(4), epochs=5, callbacks=[halved], verbose=0)
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
        own = "ReduceLROnPlateau"
        self.factor = _checks.fraction(own, "factor", factor)
        self.patience = _checks.integer(own, "patience", patience, 0)
        self.cooldown = _checks.integer(own, "cooldown", cooldown, 0)
        self.min_lr, self.verbose = _checks.real(own, "min_lr", min_lr, 0), verbose
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start again."""
        self.wait = self.cooldown_counter = 0
        self.best = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the number."""
        _tell_rate(self, logs)
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
        optimizer = self.model.optimizer
        optimizer.learning_rate = rate = max(optimizer.learning_rate * self.factor, self.min_lr)
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print(f"Epoch {epoch + 1}: ReduceLROnPlateau sets the learning rate to {rate}")


def _tell_rate(callback: Callback, logs: Logs | None) -> None:
    if logs is not None:
        logs["learning_rate"] = callback.model.optimizer.learning_rate
