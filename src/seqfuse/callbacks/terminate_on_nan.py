"""The end of a training whose loss is no number any more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from seqfuse.callbacks.callback import Callback

if TYPE_CHECKING:
    from seqfuse.callbacks.callback import Logs


class TerminateOnNaN(Callback):
    """Stop at the first batch whose loss is NaN or infinite, and say which one it was.

    Parameters
    ----------
    raise_error : bool        True: a RuntimeError instead, at once

    Attributes
    ----------
    batch, epoch : int or None        where it stopped, both counted from 0

    Raises
    ------
    RuntimeError        with raise_error

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
    TerminateOnNaN: the loss is nan with batch 1 of epoch 0, counted from 0: the training ends
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error
        self.batch: int | None = None
        self.epoch: int | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start again."""
        self.batch = self.epoch = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember which one it is."""
        self._now = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        self.batch, self.epoch = batch, self._now
        told = f"TerminateOnNaN: the loss is {loss} with batch {batch} of epoch {self._now}, counted from 0"
        if self.raise_error:
            raise RuntimeError(told)
        print(f"{told}: the training ends")
        self.model.stop_training = True
