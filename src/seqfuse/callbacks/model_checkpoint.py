"""A model saved while it is trained."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from seqfuse import _checks, _names
from seqfuse.callbacks.monitor import Monitor

if TYPE_CHECKING:
    from seqfuse.callbacks.callback import Logs


class ModelCheckpoint(Monitor):
    """Save the model at the end of every epoch, or of those that are better, or every so many batches.

    Parameters
    ----------
    filepath : path        may name numbers: "{epoch:02d}-{val_loss:.2f}.safetensors"; epoch, and batch with a
        save_freq in batches, are counted from 1. Folders are made
    monitor : str        the name of a number in the logs
    verbose : 0 or 1        1: say so
    save_best_only : bool        save when that number became better
    save_weights_only : bool        `Model.save_weights` in the place of `Model.save`
    mode : "auto", "min" or "max"        whether less or more is better; "auto": what the name says
    save_freq : "epoch" or int        batches
    initial_value_threshold : float        the best so far, to begin with

    Raises
    ------
    ValueError        with save_best_only, "auto" and a name that does not say which is better; a name in the path
        that is not in the logs

    Notes
    -----
    Any name of a file will do; see `Model.save` for what is in it. As in Keras, the model is saved, with a warning,
    where `monitor` is not in the logs.

    Examples
    --------
    >>> from seqfuse.callbacks import ModelCheckpoint
    >>> best = ModelCheckpoint("best.safetensors", save_best_only=True)
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
        """Remember which one it is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save, every so many batches."""
        self._batches += 1
        if self.save_freq != "epoch" and self._batches >= int(self.save_freq):
            self._batches = 0
            self._save({"batch": batch + 1} | (logs or {}))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save, after an epoch."""
        if self.save_freq == "epoch":
            self._save(logs or {})

    def _save(self, logs: Logs) -> None:
        names = {"epoch": self._epoch + 1} | logs
        try:
            path = self.filepath.format(**names)
        except (KeyError, IndexError) as error:
            got = f"{self.filepath!r}, with {error}"
            raise ValueError(f"ModelCheckpoint: filepath must name {_names.listed(names)}; got {got}") from None
        if self.save_best_only:
            value = self.monitored(logs)
            if value is not None:
                if not self.better(value, self.best):
                    return
                self.best = value
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)
        if self.verbose:
            print(f"Epoch {self._epoch + 1}: ModelCheckpoint has saved the model as {path}")
