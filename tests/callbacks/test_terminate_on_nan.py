"""TerminateOnNaN: a loss that is not finite stops the training."""

import numpy as np
import pytest

from callbacks.fitting import compiled, x, y
from seqfuse.callbacks import TerminateOnNaN


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_terminate_on_nan_stops_and_names_the_batch(bad, capsys):
    model, callback = compiled(), TerminateOnNaN()
    target = y.copy()
    target[9] = bad
    model.fit(x, target, 4, epochs=3, callbacks=[callback], shuffle=False, verbose=0)
    assert (callback.epoch, callback.batch) == (0, 2)
    assert f"the loss is {bad} at batch 2 of epoch 0" in capsys.readouterr().out
    assert len(model.history.epoch) == 1


def test_terminate_on_nan_raises_when_raise_error_is_set():
    with pytest.raises(RuntimeError, match="the loss is nan at batch 0 of epoch 0"):
        compiled().fit(x, y * np.nan, callbacks=[TerminateOnNaN(raise_error=True)], verbose=0)


def test_terminate_on_nan_does_nothing_when_the_loss_is_finite():
    callback = TerminateOnNaN()
    assert len(compiled().fit(x, y, epochs=2, callbacks=[callback], verbose=0).epoch) == 2
    assert callback.batch is None
