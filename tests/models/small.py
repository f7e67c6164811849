"""A small model that trains in milliseconds, its data, and assertions for the tests of training."""

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
    """Return n compiled models with the same weights."""
    first, *others = [model_of(**options) for _ in range(n)]
    for other in others:
        other.set_weights(first.get_weights())
    return first, *others


def assert_same(a, b):
    """Check that two models have the same weights."""
    for one, other in zip(a.get_weights(), b.get_weights()):
        np.testing.assert_array_equal(one, other)


class EventRecorder(Callback):
    """Callback that records its calls: the name of each event and its integer arguments."""

    def __init__(self):
        self.events = []


def _record(event):
    def method(self, *arguments):
        self.events.append((event, *[a for a in arguments if isinstance(a, int)]))

    return method


for _event in [name for name in vars(Callback) if name.startswith("on_")]:
    setattr(EventRecorder, _event, _record(_event))
