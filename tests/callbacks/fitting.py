"""A model that trains in an instant, and epochs with given logs instead of training."""

import numpy as np

import seqfuse as sf
from seqfuse.callbacks import CallbackList
from seqfuse.layers import Dense, Input
from seqfuse.models import Sequential

x = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
y = x.sum(1, keepdims=True)


def compiled(**options):
    """Return a compiled model with one dense layer and the same weights at every call."""
    sf.utils.set_random_seed(7)
    model = Sequential([Input((3,)), Dense(1)])
    model.compile("sgd", "mse", **options)
    return model


def run_epochs(callback, model, values, name="val_loss"):
    """Call a callback for epochs with these logged values until it stops; return the number of epochs."""
    callbacks = CallbackList([callback], model, {})
    model.stop_training = False
    callbacks.notify("on_train_begin")
    for epoch, value in enumerate(values):
        callbacks.notify("on_epoch_begin", epoch)
        model.set_weights([np.full_like(array, epoch) for array in model.get_weights()])
        callbacks.notify("on_epoch_end", epoch, {name: value})
        if model.stop_training:
            break
    callbacks.notify("on_train_end")
    return epoch + 1
