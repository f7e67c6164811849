"""Callback and History in `fit`."""

import pytest

from callbacks.fitting import compiled, x, y
from seqfuse.callbacks import Callback, History


class Recorder(Callback):
    def __init__(self):
        self.events = []

    def on_epoch_end(self, epoch, logs=None):
        self.events.append((epoch, sorted(logs)))


def test_callback_method_is_called_when_overridden():
    recorder = Recorder()
    compiled().fit(x, y, epochs=2, callbacks=recorder, validation_split=0.5, verbose=0)
    assert recorder.events == [(0, ["loss", "val_loss"]), (1, ["loss", "val_loss"])]


def test_callback_method_is_called_when_it_is_an_attribute():
    callback, epochs = Callback(), []
    callback.on_epoch_begin = lambda epoch, logs=None: epochs.append(epoch)
    compiled().fit(x, y, epochs=2, callbacks=[callback], verbose=0)
    assert epochs == [0, 1]


def test_history_lists_the_epochs_from_initial_epoch():
    history = compiled().fit(x, y, epochs=3, initial_epoch=1, verbose=0)
    assert isinstance(history, History)
    assert history.epoch == [1, 2]
    assert len(history.history["loss"]) == 2


def test_fit_refuses_callbacks_of_another_type():
    with pytest.raises(TypeError, match=r"callbacks must be instances of .*Callback; got int"):
        compiled().fit(x, y, callbacks=[3], verbose=0)


def test_history_lists_the_epochs_of_each_value():
    history = compiled().fit(x, y, epochs=4, validation_split=0.5, validation_freq=[1, 4], verbose=0)
    assert history.epochs == {"loss": [0, 1, 2, 3], "val_loss": [0, 3]}
    assert len(history.history["val_loss"]) == 2
