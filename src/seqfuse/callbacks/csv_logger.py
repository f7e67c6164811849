"""Callback that writes the loss and the metrics of every epoch to a CSV file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from seqfuse.callbacks.callback import Callback

if TYPE_CHECKING:
    from seqfuse.callbacks.callback import Logs


class CSVLogger(Callback):
    """Logger that writes one line per epoch to a CSV file.

    Parameters
    ----------
    filename : str or os.PathLike
        Path of the file.
    separator : str, default ","
        Character between the columns.
    append : bool, default False
        Whether to append to an existing file, whose header is kept. By default the file is replaced.

    Notes
    -----
    The first column is the index of the epoch, from 0. The other columns are the loss and the metrics in alphabetical
    order, and then those of the validation, even if the first epoch has no validation. A missing value is written as
    ``NA``. Each line is flushed to the file at the end of its epoch.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from seqfuse.callbacks import CSVLogger
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse", metrics=["mae"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "training.csv")
    ...     _ = model.fit(np.ones((4, 2)), np.ones(4), epochs=2, callbacks=[CSVLogger(path)], verbose=0)
    ...     with open(path) as file:
    ...         lines = file.readlines()
    >>> lines[0]
    'epoch,loss,mae,val_loss,val_mae\\n'
    >>> len(lines)
    3
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self._file: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file."""
        self.on_train_end()
        has_header = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._writer: Any = None
        self._needs_header = not has_header
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115  # see on_train_end

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the line of the epoch."""
        logs = logs or {}
        if self._writer is None:
            from csv import DictWriter  # takes 2 ms, so only if needed

            names = sorted(logs)
            if not any(name.startswith("val_") for name in names):
                names += [f"val_{name}" for name in names]
            columns = ["epoch", *names]
            self._writer = DictWriter(self._file, columns, "NA", "ignore", delimiter=self.separator)
            if self._needs_header:
                self._writer.writeheader()
        self._writer.writerow({"epoch": epoch, **logs})
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
