"""The end of a training that does not get better any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse import _checks
from seqfuse.callbacks.monitor import Monitor

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.callbacks.callback import Logs


class EarlyStopping(Monitor):
    """Stop when a number has not become better for `patience` epochs.

    Parameters
    ----------
    monitor : str        the name of the number in the logs
    min_delta : float        what becomes better by less than this has not become better
    patience : int        epochs to wait
    verbose : 0 or 1        1: say so when it acts
    mode : "auto", "min" or "max"        whether less or more is better; "auto": what the name says
    baseline : float        waiting goes on until this is surpassed, too
    restore_best_weights : bool        in the end, take the weights of the best epoch
    start_from_epoch : int        epochs before this one, counted from 0, are not looked at

    Attributes
    ----------
    best, best_epoch        the best number, and its epoch
    stopped_epoch : int        the epoch after which it stopped; 0 where it did not
    wait : int        epochs since it became better

    Raises
    ------
    ValueError        "auto" and a name that does not say which is better

    Notes
    -----
    As in Keras, the first epoch never stops, and a number that is not in the logs is a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.callbacks import EarlyStopping
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> stopping = EarlyStopping("loss", patience=3, min_delta=1e9)
    >>> history = model.fit(np.ones((4, 2)), np.ones(4), epochs=10, callbacks=[stopping], verbose=0)
    >>> len(history.epoch), stopping.best_epoch
    (4, 0)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, None, min_delta)
        self.patience = _checks.integer("EarlyStopping", "patience", patience, 0)
        self.start_from_epoch = _checks.integer("EarlyStopping", "start_from_epoch", start_from_epoch, 0)
        self.verbose, self.baseline, self.restore_best_weights = verbose, baseline, restore_best_weights
        self._reset()

    def _reset(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = None
        self.best_weights: list[Array] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start again."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the number."""
        value = self.monitored(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        better = self.better(value, self.best)
        if self.restore_best_weights and (better or self.best_weights is None):
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if better:
            self.best, self.best_epoch = value, epoch
            if self.baseline is None or self.better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch, self.model.stop_training = epoch, True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Take the best weights."""
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: EarlyStopping ends the training")
        if self.best_weights is not None:
            if self.verbose:
                print(f"EarlyStopping takes the weights of epoch {self.best_epoch + 1}, the best one")
            self.model.set_weights(self.best_weights)
