"""Training: Adam over chunks of text whose state is carried over, and the held-out bits after every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from seqfuse import functional as F
from seqfuse.demo import model
from seqfuse.demo.parameters import Parameters, Sizes, initial, zeros
from seqfuse.demo.text import Ids, Text, chunks

HELD_OUT_STREAMS = 8  # the held-out text is read in so many pieces; each begins knowing nothing, which costs 0.002 bits


class Settings(NamedTuple):
    """What the demo trains, and how."""

    embedding: int = 64
    hidden: int = 256
    dropout: float = 0.2
    batch: int = 32
    chunk: int = 64
    epochs: int = 10
    learning_rate: float = 4e-3
    norm: float = 1.0
    seed: int = 0

    def sizes(self, text: Text) -> Sizes:
        """The sizes of the model for a text."""
        return Sizes(len(text.vocabulary), self.embedding, self.hidden)

    def steps(self, text: Text) -> int:
        """How many updates an epoch has."""
        return math.ceil((len(text.train) - 1) // self.batch / self.chunk)


class Epoch(NamedTuple):
    """What came of one epoch: bits per character of both parts of the text, characters learnt and seconds in all."""

    number: int
    train_bits: float
    held_bits: float
    characters: int
    seconds: float


class Optimizer:
    """Adam (Kingma and Ba 2014) with a cosine schedule from `rate` down to 0 over `steps` updates.

    A gradient longer than `norm` is scaled down to it before it is used.
    """

    def __init__(self, p: Parameters, rate: float, steps: int, norm: float) -> None:
        self._m, self._v, self._square = np.zeros_like(p.flat), np.zeros_like(p.flat), np.empty_like(p.flat)
        self._rate, self._steps, self._norm = rate, steps, norm
        self._step = 0

    def update(self, p: Parameters, g: Parameters) -> None:
        """Change `p` along `g`, and set `g` to 0."""
        rate = 0.5 * self._rate * (1.0 + math.cos(math.pi * self._step / self._steps))
        self._step += 1
        length = math.sqrt(float(np.square(g.flat, out=self._square).sum()))  # not BLAS: the same bits for any threads
        scale = self._norm / max(length, self._norm)
        F.adam_update(p.flat, g.flat, self._m, self._v, step=self._step, learning_rate=rate, grad_scale=scale)
        g.flat.fill(0)


def train(
    text: Text, settings: Settings, p: Parameters | None = None, progress: Callable[[int], object] | None = None
) -> Iterator[Epoch]:
    """Train `p` in place, giving an `Epoch` after each.

    Parameters
    ----------
    text : the text
    settings : sizes and schedule
    p : the weights; those of `settings.seed` by default
    progress : called with the number of characters learnt after every update
    """
    if p is None:
        p = initial(settings.sizes(text), settings.seed)
    g = zeros(settings.sizes(text), p.flat.dtype)
    steps = settings.steps(text)
    optimizer = Optimizer(p, settings.learning_rate, steps * settings.epochs, settings.norm)
    for epoch in range(settings.epochs):
        began = time.perf_counter()
        state, nats, characters = model.START, 0.0, 0
        for step, (x, target) in enumerate(chunks(text.train, settings.batch, settings.chunk)):
            seed = (settings.seed * settings.epochs + epoch) * steps + step
            loss, state, tape = model.forward(p, x, target, state, rate=settings.dropout, seed=seed)
            model.backward(tape, g)
            optimizer.update(p, g)
            nats += loss * x.size
            characters += x.size
            if progress is not None:
                progress(x.size)
        held = held_out_bits(p, text.held)
        seconds = time.perf_counter() - began
        yield Epoch(epoch + 1, nats / characters / math.log(2.0), held, characters, seconds)


def held_out_bits(p: Parameters, ids: Ids, batch: int = HELD_OUT_STREAMS, length: int = 256) -> float:
    """Bits per character of a text, read from its beginning to its end with the state carried over."""
    state, nats, characters = model.START, 0.0, 0
    for x, target in chunks(ids, batch, length):
        loss, state = model.evaluate(p, x, target, state)
        nats += loss * x.size
        characters += x.size
    return nats / characters / math.log(2.0)
