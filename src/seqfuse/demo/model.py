"""The character model: which character comes next, given all before it.

e_t = E[x_t]                              an embedding
h_t, c_t = lstm(drop(e_t), h_(t-1), c_(t-1))
p(x_(t+1) | x_1 ... x_t) = softmax(drop(h_t) V + c)
loss = the mean of -log p(x_(t+1) | ...)
"""

from __future__ import annotations

import math
from typing import NamedTuple

from seqfuse.demo.text import Text
from seqfuse.initializers import RandomNormal
from seqfuse.layers import LSTM, Dense, Dropout, Embedding, Input
from seqfuse.losses import SparseCategoricalCrossentropy
from seqfuse.models import Sequential
from seqfuse.optimizers import Adam
from seqfuse.optimizers.schedules import CosineDecay
from seqfuse.utils import set_random_seed


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

    def updates(self, text: Text) -> int:
        """How many updates all epochs have."""
        return math.ceil((len(text.train) - 1) // self.batch / self.chunk) * self.epochs


def compiled(text: Text, settings: Settings) -> Sequential:
    """The model for a text, ready to learn; first weights and dropout follow from the seed.

    All begins as in Keras but for the embedding, which begins as in PyTorch: normal with variance 1, so that the LSTM's
    input has the scale that Glorot's uniform, in its kernel, assumes.
    """
    set_random_seed(settings.seed)
    size = len(text.vocabulary)
    model = Sequential(
        [
            Input((None,)),
            Embedding(size, settings.embedding, RandomNormal(stddev=1.0)),
            Dropout(settings.dropout),
            LSTM(settings.hidden, return_sequences=True),
            Dropout(settings.dropout),
            Dense(size),
        ]
    )
    rate = CosineDecay(settings.learning_rate, settings.updates(text))
    model.compile(Adam(rate, global_clipnorm=settings.norm), SparseCategoricalCrossentropy(from_logits=True))
    return model
