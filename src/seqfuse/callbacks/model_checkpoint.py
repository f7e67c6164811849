"""Callback that saves the model during training."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from seqfuse import _checks, _names
from seqfuse.callbacks.monitor import Monitor

if TYPE_CHECKING:
    from seqfuse.callbacks.callback import Logs


class ModelCheckpoint(Monitor):
    """Saving of the model during training: after each epoch, after better epochs only, or every N-th batch.

    Parameters
    ----------
    filepath : str or os.PathLike
        Path of the file. It may contain format fields with names of the logs, such as
        ``"{epoch:02d}-{val_loss:.2f}.safetensors"``. The fields ``epoch``, and ``batch`` if `save_freq` is an integer,
        are counted from 1. Missing folders are created.
    monitor : str, default "val_loss"
        Name of the value in the logs that decides which model is better.
    verbose : int, default 0
        1 prints a line whenever the model is saved.
    save_best_only : bool, default False
        Whether to save the model only if the monitored value has improved.
    save_weights_only : bool, default False
        Whether to save only the weights, with `Model.save_weights` instead of `Model.save`.
    mode : {"auto", "min", "max"}, default "auto"
        Whether smaller or larger values are better. "auto" infers it from the end of the name, such as "loss" or
        "accuracy".
    save_freq : "epoch" or int, default "epoch"
        Number of batches between two saves, or "epoch" to save at the end of each epoch.
    initial_value_threshold : float, optional
        Value that must be improved upon by the first saved model.

    Raises
    ------
    ValueError
        If `save_best_only` is set and `mode` is "auto" and cannot be inferred from the name. In `fit`, if a format
        field of the path is not in the logs.

    Notes
    -----
    `Model.save` describes the format of the file, which may have any suffix. If `save_best_only` is set and the
    monitored value is not in the logs, the model is saved with a warning, as in Keras.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from seqfuse.callbacks import ModelCheckpoint
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = ModelCheckpoint(os.path.join(folder, "{epoch}.safetensors"))
    ...     _ = model.fit(np.ones((4, 2)), np.ones(4), epochs=2, callbacks=[checkpoint], verbose=0)
    ...     print(sorted(os.listdir(folder)))
    ['1.safetensors', '2.safetensors']
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode if save_best_only or mode != "auto" else "min", initial_value_threshold, 0.0)
        self.filepath, self.verbose = os.fspath(filepath), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        if save_freq != "epoch":
            _checks.integer("ModelCheckpoint", "save_freq", save_freq, 1, bounds='"epoch" or a number of batches')
        self.save_freq = save_freq
        self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Store the index of the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save the model if `save_freq` batches have passed since the last time."""
        self._batches += 1
        if self.save_freq != "epoch" and self._batches >= int(self.save_freq):
            self._batches = 0
            self._save({"batch": batch + 1} | (logs or {}))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save the model if `save_freq` is "epoch"."""
        if self.save_freq == "epoch":
            self._save(logs or {})

    def _save(self, logs: Logs) -> None:
        """Save the model, unless `save_best_only` is set and the monitored value has not improved."""
        names = {"epoch": self._epoch + 1} | logs
        try:
            path = self.filepath.format(**names)
        except (KeyError, IndexError) as error:
            got = f"{self.filepath!r}, with {error}"
            raise ValueError(f"ModelCheckpoint: fields of filepath must be {_names.listed(names)}; got {got}") from None
        if self.save_best_only:
            value = self.monitored(logs)
            if value is not None:
                if not self.better(value, self.best):
                    return
                self.best = value
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        if self.verbose:
            print(f"Epoch {self._epoch + 1}: ModelCheckpoint saved the model to {path}")
