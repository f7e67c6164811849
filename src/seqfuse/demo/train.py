"""Training: chunks of text whose state is carried over, and the held-out bits after every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from seqfuse.callbacks import Callback
from seqfuse.demo.model import Settings
from seqfuse.demo.text import Ids, Text, streams
from seqfuse.models import Sequential

HELD_OUT_STREAMS = 8  # the held-out text is read in so many pieces; each begins knowing nothing, which costs 0.002 bits


class Epoch(NamedTuple):
    """What came of one epoch: bits per character of both parts of the text, characters learnt and seconds in all."""

    number: int
    train_bits: float
    held_bits: float
    characters: int
    seconds: float


class Epochs(Callback):
    """Makes an `Epoch` of what `fit` logs, and counts characters: x (batch, L), read in chunks."""

    def __init__(
        self, x: Ids, chunk: int, tell: Callable[[Epoch], object], advance: Callable[[int], object] | None
    ) -> None:
        self._rows, self._length = x.shape
        self._chunk, self._tell, self._advance = chunk, tell, advance
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the clock."""
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A chunk is learnt; the last one may be shorter."""
        if self._advance is not None:
            self._advance(self._rows * min(self._chunk, self._length - batch * self._chunk))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Losses are in nats."""
        assert logs is not None
        train_bits, held_bits = logs["loss"] / math.log(2.0), logs["val_loss"] / math.log(2.0)
        seconds = time.perf_counter() - self._began
        self._tell(Epoch(epoch + 1, train_bits, held_bits, self._rows * self._length, seconds))


def train(
    model: Sequential,
    text: Text,
    settings: Settings,
    tell: Callable[[Epoch], object],
    advance: Callable[[int], object] | None = None,
) -> None:
    """Train a model.

    Parameters
    ----------
    model : from `compiled`, for the text and the settings
    text, settings : what is learnt, and how
    tell : called with an `Epoch` after each
    advance : called with the number of characters learnt after every update
    """
    x, y = streams(text.train, settings.batch)
    model.fit(
        x,
        y,
        batch_size=settings.batch,
        epochs=settings.epochs,
        verbose=0,
        callbacks=Epochs(x, settings.chunk, tell, advance),
        validation_data=streams(text.held, HELD_OUT_STREAMS),
        shuffle=False,
        bptt=settings.chunk,
    )
