"""EarlyStopping and ReduceLROnPlateau decide as Keras's do, epoch by epoch, for the same values."""

import keras
import numpy as np
import pytest

from seqfuse import callbacks
from seqfuse.layers import Dense, Input
from seqfuse.models import Sequential

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras on NumPy 2
]


def models():
    """Return our model and Keras's, each with one weight and the same learning rate."""
    ours = Sequential([Input((1,)), Dense(1, use_bias=False)])
    theirs = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    for model in (ours, theirs):
        model.compile("sgd", "mse")
    return ours, theirs


def curves():
    """Return sequences of values: falling, rising, constant, and random walks in multiples of min_delta."""
    rng = np.random.default_rng(3)
    random = [np.round(rng.normal(size=14).cumsum() * 8) / 8 for _ in range(12)]  # exact in float32, too
    return [np.arange(14.0)[::-1], np.arange(14.0), np.full(14, 0.5), *random]


def run_epochs(callback, model, values, state):
    """Call a callback for epochs with these values; return `state(model)` after each, and the weight at the end."""
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin()
    states = []
    for epoch, value in enumerate(values):
        model.set_weights([np.full((1, 1), epoch, np.float32)])
        callback.on_epoch_end(epoch, {"val_loss": float(value)})
        states.append(state(model))
        if model.stop_training:
            break
    callback.on_train_end()
    return states, float(np.asarray(model.get_weights()[0])[0, 0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 3, "restore_best_weights": True},
        {"patience": 2, "min_delta": 0.125, "mode": "min"},
        {"patience": 2, "min_delta": -1.0, "mode": "max", "restore_best_weights": True},
        {"patience": 2, "baseline": -1.0, "restore_best_weights": True},
        {"patience": 1, "start_from_epoch": 4, "restore_best_weights": True},
    ],
)
def test_early_stopping_decides_as_keras(options):
    for values in curves():
        results = [
            run_epochs(module.EarlyStopping(**options), model, values, lambda model: model.stop_training)
            for module, model in zip((callbacks, keras.callbacks), models())
        ]
        assert results[0] == results[1]


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"patience": 0},
        {"patience": 2, "min_delta": 0.125, "factor": 0.5, "mode": "max"},
        {"patience": 1, "cooldown": 3, "factor": 0.5},
        {"patience": 1, "min_lr": 1e-3, "factor": 0.25},
    ],
)
def test_reduce_lr_on_plateau_decides_as_keras(options):
    for values in curves():
        ours, theirs = (
            run_epochs(
                module.ReduceLROnPlateau(**options), model, values, lambda model: float(model.optimizer.learning_rate)
            )
            for module, model in zip((callbacks, keras.callbacks), models())
        )
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)  # Keras keeps the rate in float32
