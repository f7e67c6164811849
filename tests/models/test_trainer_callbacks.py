"""Tests of callbacks in training: the order of calls, logs, and training that is stopped or interrupted."""

import signal
import threading

import numpy as np
import pytest

from models.small import EventRecorder, X, Y, model_of
from seqfuse.callbacks import Callback
from seqfuse.layers import LSTM, Dense


def test_fit_calls_callbacks_in_the_order_of_keras():
    recorder = EventRecorder()
    model_of().fit(X, Y, batch_size=5, validation_data=(X[:2], Y[:2]), callbacks=[recorder], verbose=0)
    assert recorder.events == [
        ("on_train_begin",),
        ("on_epoch_begin", 0),
        ("on_train_batch_begin", 0),
        ("on_train_batch_end", 0),
        ("on_train_batch_begin", 1),
        ("on_train_batch_end", 1),
        ("on_test_begin",),
        ("on_test_batch_begin", 0),
        ("on_test_batch_end", 0),
        ("on_test_end",),
        ("on_epoch_end", 0),
        ("on_train_end",),
    ]


def test_evaluate_and_predict_call_callbacks():
    recorder, model = EventRecorder(), model_of()
    model.evaluate(X, Y, verbose=0, callbacks=recorder)
    model.predict(X, callbacks=[recorder])
    assert [event for event, *_ in recorder.events] == [
        f"on_{phase}_{event}" for phase in ("test", "predict") for event in ("begin", "batch_begin", "batch_end", "end")
    ]


def test_fit_logs_contain_loss_and_metrics():
    class Logs(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.batch_logs = dict(logs)

        def on_epoch_end(self, epoch, logs=None):
            self.epoch_logs = dict(logs)
            logs["more"] = 3.0  # History is called last and keeps this entry

    logs = Logs()
    history = model_of(metrics=["mae"]).fit(X, Y, validation_split=0.2, callbacks=logs, verbose=0)
    assert list(logs.batch_logs) == ["loss", "mae"]
    assert list(logs.epoch_logs) == ["loss", "mae", "val_loss", "val_mae"]
    assert history.history["more"] == [3.0]
    assert history.history["loss"] == [logs.batch_logs["loss"]]


@pytest.mark.parametrize("event", ["on_train_batch_end", "on_epoch_end"])
def test_fit_ends_when_stop_training_is_set(event):
    class Stop(Callback):
        def stop(self, *_):
            self.model.stop_training = True

    setattr(Stop, event, Stop.stop)
    model = model_of()
    history = model.fit(X, Y, batch_size=5, epochs=7, callbacks=Stop(), verbose=0)
    assert history.epoch == [0]
    assert model.optimizer.iterations == (1 if event == "on_train_batch_end" else 2)
    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1], "a new call of fit must reset stop_training"


@pytest.mark.parametrize("event", ["on_train_batch_begin", "on_train_batch_end", "on_epoch_end", "on_test_end"])
def test_fit_keeps_finished_epochs_and_a_usable_model_when_a_callback_raises_keyboard_interrupt(event):
    class Interrupt(Callback):
        epoch = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    def interrupt(self, *_):
        if self.epoch == 2:
            raise KeyboardInterrupt

    setattr(Interrupt, event, interrupt)
    model = model_of()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=9, batch_size=4, callbacks=Interrupt(), validation_data=(X, Y), verbose=0)
    assert model.history.epoch == [0, 1]
    assert len(model.history.history["val_loss"]) == 2
    assert np.isfinite(model.predict(X)).all()
    model.fit(X, Y, epochs=1, verbose=0)
    assert model.history.epoch == [0]


@pytest.mark.serial
@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals need the main thread")
def test_fit_keeps_a_usable_model_when_a_signal_arrives():
    class Fire(Callback):
        """Callback that raises SIGINT from another thread, so that it arrives at any point of a training step."""

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                threading.Timer(0.01, signal.raise_signal, (signal.SIGINT,)).start()

    model = model_of(LSTM(8, return_sequences=True), LSTM(8), Dense(1), optimizer="adam")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y, batch_size=1, epochs=10**9, callbacks=Fire(), verbose=0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert model.history.epoch == list(range(len(model.history.epoch)))
    # epoch and loss are appended one after the other, and the signal may arrive in between
    assert 0 <= len(model.history.epoch) - len(model.history.history["loss"]) <= 1
    assert len(model.history.epoch) >= 1
    assert np.isfinite(model.predict(X)).all()
    model.fit(X, Y, verbose=0)
