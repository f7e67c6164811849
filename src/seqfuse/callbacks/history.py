"""Callback that records the loss and the metrics of every epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse.callbacks.callback import Callback

if TYPE_CHECKING:
    from seqfuse.callbacks.callback import Logs


class History(Callback):
    """Loss and metrics of every epoch of a training.

    `Model.fit` returns it. It is also the attribute ``model.history``, which is available after Ctrl-C.

    Attributes
    ----------
    history : dict
        For the loss and each metric, a list with one value per epoch. Results of the validation have the prefix
        ``val_``.
    epoch : list of int
        Indices of the epochs, from 0.
    epochs : dict
        For each list in `history`, the indices of its epochs. They differ from `epoch` if only some epochs have a
        validation.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(
    ...     np.ones((8, 2)), np.ones(8), epochs=4, validation_split=0.5, validation_freq=2, verbose=0
    ... )
    >>> history.epoch
    [0, 1, 2, 3]
    >>> history.epochs["val_loss"]
    [1, 3]
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.epochs: dict[str, list[int]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Clear the list of epochs."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the values in the logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self.epochs.setdefault(name, []).append(epoch)
