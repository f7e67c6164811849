"""Training of the demo: read the text in chunks, carry the state over, and evaluate on the test text every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from seqfuse.callbacks import Callback
from seqfuse.demo.model import Settings
from seqfuse.demo.text import Ids, Text, streams
from seqfuse.models import Sequential

# The test text is read in this many parallel streams. Each starts from a zero state, which costs 0.002 bits.
TEST_STREAMS = 8


class Epoch(NamedTuple):
    """Result of one epoch.

    Attributes
    ----------
    number : int
        Number of the epoch, from 1.
    train_bits, test_bits : float
        Bits per character: mean during the epoch on the training text, and after it on the test text.
    characters : int
        Characters of training text that were read.
    seconds : float
        Duration, including the evaluation on the test text.
    """

    number: int
    train_bits: float
    test_bits: float
    characters: int
    seconds: float


class EpochReporter(Callback):
    """Callback that reports each epoch as an `Epoch`, and each update as a number of characters.

    Parameters
    ----------
    x : ndarray, shape (batch, L)
        Training text.
    chunk : int
        Characters of each stream per update.
    on_epoch : callable
        Called with an `Epoch` after every epoch.
    on_characters : callable, optional
        Called with the number of characters after every update.
    """

    def __init__(
        self,
        x: Ids,
        chunk: int,
        on_epoch: Callable[[Epoch], object],
        on_characters: Callable[[int], object] | None = None,
    ) -> None:
        self._batch, self._length = x.shape
        self._chunk, self._on_epoch, self._on_characters = chunk, on_epoch, on_characters
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the characters of an update. The last chunk of an epoch may be shorter than the others."""
        if self._on_characters is not None:
            self._on_characters(self._batch * min(self._chunk, self._length - batch * self._chunk))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the epoch, with losses converted from nats to bits."""
        assert logs is not None
        train_bits, test_bits = logs["loss"] / math.log(2.0), logs["val_loss"] / math.log(2.0)
        seconds = time.perf_counter() - self._began
        self._on_epoch(Epoch(epoch + 1, train_bits, test_bits, self._batch * self._length, seconds))


def train(
    model: Sequential,
    text: Text,
    settings: Settings,
    on_epoch: Callable[[Epoch], object],
    on_characters: Callable[[int], object] | None = None,
) -> None:
    """Train a model on a text.

    Parameters
    ----------
    model : Sequential
        Model that `build_model` returned for this text and these settings.
    text : Text
        Training and test text.
    settings : Settings
        Hyperparameters.
    on_epoch : callable
        Called with an `Epoch` after every epoch.
    on_characters : callable, optional
        Called with the number of characters after every update.
    """
    x, y = streams(text.train, settings.batch)
    model.fit(
        x,
        y,
        batch_size=settings.batch,
        epochs=settings.epochs,
        verbose=0,
        callbacks=EpochReporter(x, settings.chunk, on_epoch, on_characters),
        validation_data=streams(text.test, TEST_STREAMS),
        shuffle=False,
        bptt=settings.chunk,
    )
