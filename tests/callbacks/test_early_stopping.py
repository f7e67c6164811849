"""EarlyStopping: the epoch at which it stops, and the weights that it restores."""

import numpy as np
import pytest

from callbacks.fitting import compiled, run_epochs, x, y
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
        ({"baseline": 2.5, "patience": 2}, 4),  # epochs 1 and 2 improve, but not on the baseline
        ({"start_from_epoch": 4}, 7),
    ],
)
def test_early_stopping_stops_after_epoch(options, epochs):
    assert run_epochs(EarlyStopping(**options), compiled(), FALLING_THEN_FLAT) == epochs


def test_early_stopping_restores_the_best_weights():
    model = compiled()
    stopping = EarlyStopping(patience=2, restore_best_weights=True)
    run_epochs(stopping, model, FALLING_THEN_FLAT)
    assert stopping.best_epoch == 2
    assert stopping.stopped_epoch == 4
    assert all((array == 2).all() for array in model.get_weights())


def test_early_stopping_restores_the_best_weights_when_no_epoch_reaches_the_baseline():
    model = compiled()
    run_epochs(EarlyStopping(patience=3, baseline=1.0, restore_best_weights=True), model, [5.0, 4.0, 6.0, 6.0])
    assert all((array == 1).all() for array in model.get_weights())


def test_early_stopping_forgets_the_previous_training(capsys):
    model, stopping = compiled(), EarlyStopping(verbose=1, restore_best_weights=True)
    assert run_epochs(stopping, model, [1.0, 2.0]) == 2
    assert run_epochs(stopping, model, [3.0, 4.0]) == 2
    assert capsys.readouterr().out.splitlines()[:2] == [
        "Epoch 2: EarlyStopping stops the training",
        "EarlyStopping restores the weights of the best epoch, epoch 1",
    ]


def test_early_stopping_stops_fit():
    model = compiled()
    history = model.fit(x, y, epochs=9, callbacks=EarlyStopping("loss", min_delta=1e9, patience=2), verbose=0)
    assert len(history.epoch) == 3
    assert np.isfinite(history.history["loss"]).all()
