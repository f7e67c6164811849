"""TerminateOnNaN: a loss that is not finite ends the training."""

import numpy as np
import pytest

from callbacks.fitting import compiled, x, y
from seqfuse.callbacks import TerminateOnNaN


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_terminate_on_nan_names_the_batch(bad, capsys):
    model, stop = compiled(), TerminateOnNaN()
    target = y.copy()
    target[9] = bad
    model.fit(x, target, 4, epochs=3, callbacks=[stop], shuffle=False, verbose=0)
    assert (stop.epoch, stop.batch) == (0, 2)
    assert f"the loss is {bad} with batch 2 of epoch 0" in capsys.readouterr().out
    assert len(model.history.epoch) == 1


def test_terminate_on_nan_raises_if_asked_to():
    with pytest.raises(RuntimeError, match="the loss is nan with batch 0 of epoch 0"):
        compiled().fit(x, y * np.nan, callbacks=[TerminateOnNaN(raise_error=True)], verbose=0)


def test_terminate_on_nan_leaves_a_good_training_alone():
    stop = TerminateOnNaN()
    assert len(compiled().fit(x, y, epochs=2, callbacks=[stop], verbose=0).epoch) == 2
    assert stop.batch is None
