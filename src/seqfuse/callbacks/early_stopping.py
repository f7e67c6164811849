"""Callback that ends a training when a monitored value no longer improves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse import _checks
from seqfuse.callbacks.monitor import Monitor

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.callbacks.callback import Logs


class EarlyStopping(Monitor):
    """End of the training when a monitored value has not improved for `patience` epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        Name of the monitored value in the logs.
    min_delta : float, default 0
        Minimum improvement. A smaller change does not count as an improvement. The sign is ignored.
    patience : int, default 0
        Number of epochs without improvement after which the training stops. 0 and 1 are equivalent.
    verbose : int, default 0
        1 prints a line when the training stops and when weights are restored.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger values are better. "auto" infers it from the end of the name, such as "loss" or
        "accuracy".
    baseline : float, optional
        Value that must be improved upon. The count of epochs without improvement restarts only at epochs that are
        better than the baseline.
    restore_best_weights : bool, default False
        Whether to restore the weights of the best epoch at the end of the training.
    start_from_epoch : int, default 0
        Index of the first epoch, from 0, whose value is considered.

    Attributes
    ----------
    best : float or None
        Best value so far.
    best_epoch : int
        Index of its epoch, from 0.
    stopped_epoch : int
        Index of the last epoch if the callback has stopped the training, otherwise 0.
    wait : int
        Number of epochs since the last improvement.

    Raises
    ------
    ValueError
        If `mode` is "auto" and cannot be inferred from the name.

    Notes
    -----
    As in Keras, the training never stops after the first epoch, and a value that is not in the logs causes a warning.

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
        """Forget the previous training."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = None
        self.best_weights: list[Array] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the previous training."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the value with the best one, and stop the training if needed."""
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
        """Restore the best weights if `restore_best_weights` is set."""
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: EarlyStopping stops the training")
        if self.best_weights is not None:
            if self.verbose:
                print(f"EarlyStopping restores the weights of the best epoch, epoch {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)
