"""The numbers of every epoch in a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from seqfuse.callbacks.callback import Callback

if TYPE_CHECKING:
    from seqfuse.callbacks.callback import Logs


class CSVLogger(Callback):
    """Write a line an epoch: its number, counted from 0, and what the logs say.

    Parameters
    ----------
    filename : path
    separator : str        between the columns
    append : bool        True: go on behind what the file has, whose header stays

    Notes
    -----
    Columns are in alphabetical order; those of a validation are there even where the first epoch has none, and "NA"
    stands for what is not known. A line is in the file once its epoch is over.

    Examples
    --------
    >>> from seqfuse.callbacks import CSVLogger
    >>> logger = CSVLogger("training.csv", append=True)
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self._file: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file."""
        self.on_train_end()
        begun = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._writer: Any = None
        self._needs_header = not begun
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115  # until the end

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the line."""
        logs = logs or {}
        if self._writer is None:
            from csv import DictWriter  # 2 ms

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
