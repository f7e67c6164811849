"""EarlyStopping: when it stops, and which weights it leaves."""

import numpy as np
import pytest

from callbacks.fitting import compiled, tell_epochs, x, y
from seqfuse.callbacks import EarlyStopping

FALLING_THEN_FLAT = [5.0, 4.0, 3.0, 3.5, 3.4, 3.3, 2.0]


@pytest.mark.parametrize(
    ("options", "epochs"),
    [
        ({}, 4),
        ({"patience": 2}, 5),
        ({"patience": 4}, 7),
        ({"min_delta": 1.5}, 2),
        ({"min_delta": -1.5}, 2),
        ({"mode": "max"}, 2),
        ({"baseline": 2.5, "patience": 2}, 4),  # better at epochs 1 and 2, but never than the baseline
        ({"start_from_epoch": 4}, 7),
    ],
)
def test_early_stopping_stops_after(options, epochs):
    assert tell_epochs(EarlyStopping(**options), compiled(), FALLING_THEN_FLAT) == epochs


def test_early_stopping_restores_the_best_weights():
    model = compiled()
    stopping = EarlyStopping(patience=2, restore_best_weights=True)
    tell_epochs(stopping, model, FALLING_THEN_FLAT)
    assert stopping.best_epoch == 2
    assert stopping.stopped_epoch == 4
    assert all((array == 2).all() for array in model.get_weights())


def test_early_stopping_restores_the_best_of_what_never_reached_the_baseline():
    model = compiled()
    tell_epochs(EarlyStopping(patience=3, baseline=1.0, restore_best_weights=True), model, [5.0, 4.0, 6.0, 6.0])
    assert all((array == 1).all() for array in model.get_weights())


def test_early_stopping_starts_again_with_a_training(capsys):
    model, stopping = compiled(), EarlyStopping(verbose=1, restore_best_weights=True)
    assert tell_epochs(stopping, model, [1.0, 2.0]) == 2
    assert tell_epochs(stopping, model, [3.0, 4.0]) == 2
    assert capsys.readouterr().out.splitlines()[:2] == [
        "Epoch 2: EarlyStopping ends the training",
        "EarlyStopping takes the weights of epoch 1, the best one",
    ]


def test_early_stopping_ends_a_fit():
    model = compiled()
    history = model.fit(x, y, epochs=9, callbacks=EarlyStopping("loss", min_delta=1e9, patience=2), verbose=0)
    assert len(history.epoch) == 3
    assert np.isfinite(history.history["loss"]).all()
