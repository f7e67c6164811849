"""Character model of the demo: predict the next character from all characters before it.

Equations, for the characters x_1, x_2, ... of a text::

    e_t = E[x_t]                                           embedding
    h_t, c_t = lstm(dropout(e_t), h_(t-1), c_(t-1))
    p(x_(t+1) | x_1, ..., x_t) = softmax(dropout(h_t) V + b)
    loss = mean of -log p(x_(t+1) | x_1, ..., x_t)
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
    """Sizes of the model and hyperparameters of its training.

    Attributes
    ----------
    embedding, hidden : int
        Features of the embedding, units of the LSTM.
    dropout : float
        Dropout rate before and after the LSTM.
    batch : int
        Number of streams that are read in parallel.
    chunk : int
        Characters of each stream per update. Gradients end at the beginning of a chunk; the LSTM's state does not.
    epochs : int
        Number of passes over the training text.
    learning_rate : float
        Learning rate of Adam before the first update. It decays to 0 along a cosine.
    clipnorm : float
        Upper bound of the norm of all gradients together.
    seed : int
        Seed of the initial weights, of dropout and of the sampled text.
    """

    embedding: int = 64
    hidden: int = 256
    dropout: float = 0.2
    batch: int = 32
    chunk: int = 64
    epochs: int = 10
    learning_rate: float = 4e-3
    clipnorm: float = 1.0
    seed: int = 0

    def updates(self, text: Text) -> int:
        """Return the number of updates of all epochs."""
        return math.ceil((len(text.train) - 1) // self.batch / self.chunk) * self.epochs


def build_model(text: Text, settings: Settings) -> Sequential:
    """Return the compiled model for a text. The seed determines its initial weights and dropout.

    Weights are initialized as in Keras, except for the embedding, which is initialized as in PyTorch: normal with
    variance 1. The Glorot initialization of the LSTM's kernel assumes inputs of this scale.
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
    model.compile(Adam(rate, global_clipnorm=settings.clipnorm), SparseCategoricalCrossentropy(from_logits=True))
    return model
