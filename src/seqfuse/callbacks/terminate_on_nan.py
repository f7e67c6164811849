"""Callback that ends a training when the loss is NaN or infinite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from seqfuse.callbacks.callback import Callback

if TYPE_CHECKING:
    from seqfuse.callbacks.callback import Logs


class TerminateOnNaN(Callback):
    """End of the training at the first batch whose loss is NaN or infinite.

    Parameters
    ----------
    raise_error : bool, default False
        Whether to raise a RuntimeError. By default the callback prints a line, and `fit` ends after the batch.

    Attributes
    ----------
    batch : int or None
        Index of the batch in its epoch, from 0. None if the loss was finite.
    epoch : int or None
        Index of the epoch, from 0. None if the loss was finite.

    Raises
    ------
    RuntimeError
        In `fit`, if `raise_error` is set and the loss is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.callbacks import TerminateOnNaN
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> y = np.array([1.0, np.nan])
    >>> _ = model.fit(np.ones((2, 2)), y, 1, callbacks=[TerminateOnNaN()], shuffle=False, verbose=0)
    TerminateOnNaN: the loss is nan at batch 1 of epoch 0, counted from 0. The training stops
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error
        self.batch: int | None = None
        self.epoch: int | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the previous training."""
        self.batch = self.epoch = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Store the index of the epoch."""
        self._current_epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Stop the training if the loss is not finite."""
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        self.batch, self.epoch = batch, self._current_epoch
        message = f"TerminateOnNaN: the loss is {loss} at batch {batch} of epoch {self.epoch}, counted from 0"
        if self.raise_error:
            raise RuntimeError(message)
        print(f"{message}. The training stops")
        self.model.stop_training = True
