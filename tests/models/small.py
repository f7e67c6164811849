"""A small model that learns in milliseconds, and what the tests of training ask of it."""

import numpy as np

from models.whole import rng
from seqfuse.callbacks import Callback
from seqfuse.layers import Dense, Input, SimpleRNN
from seqfuse.models import Sequential

X, Y = rng().normal(size=(10, 4, 2)), rng(1).normal(size=(10, 1))


def model_of(*layers, loss="mse", optimizer="sgd", **options):
    model = Sequential([Input((4, 2)), *(layers or (SimpleRNN(3), Dense(1)))], name="small")
    model.compile(optimizer, loss, **options)
    return model


def twins(n=2, **options):
    first, *others = [model_of(**options) for _ in range(n)]
    for other in others:
        other.set_weights(first.get_weights())
    return first, *others


def assert_same(a, b):
    for one, other in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_array_equal(one, other)


class Told(Callback):
    """Everything that it is told."""

    def __init__(self):
        self.events = []


def _remember(event):
    def told(self, *arguments):
        self.events.append((event, *[a for a in arguments if isinstance(a, int)]))

    return told


for _event in [name for name in vars(Callback) if name.startswith("on_")]:
    setattr(Told, _event, _remember(_event))
