"""Holds what callbacks are told in a training, and what is left when it is ended or interrupted."""

import signal
import threading

import numpy as np
import pytest

from models.small import Told, X, Y, model_of
from seqfuse.callbacks import Callback
from seqfuse.layers import LSTM, Dense


def test_callbacks_are_told_in_keras_s_order():
    told = Told()
    model_of().fit(X, Y, batch_size=5, validation_data=(X[:2], Y[:2]), callbacks=[told], verbose=0)
    assert told.events == [
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


def test_callbacks_of_evaluate_and_predict():
    told, model = Told(), model_of()
    model.evaluate(X, Y, verbose=0, callbacks=told)
    model.predict(X, callbacks=[told])
    assert [event for event, *_ in told.events] == [
        f"on_{what}_{when}" for what in ("test", "predict") for when in ("begin", "batch_begin", "batch_end", "end")
    ]


def test_logs_hold_the_loss_and_the_metrics():
    class Logs(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.of_batch = dict(logs)

        def on_epoch_end(self, epoch, logs=None):
            self.of_epoch = dict(logs)
            logs["more"] = 3.0  # which History, told last, keeps

    logs = Logs()
    history = model_of(metrics=["mae"]).fit(X, Y, validation_split=0.2, callbacks=logs, verbose=0)
    assert list(logs.of_batch) == ["loss", "mae"]
    assert list(logs.of_epoch) == ["loss", "mae", "val_loss", "val_mae"]
    assert history.history["more"] == [3.0]
    assert history.history["loss"] == [logs.of_batch["loss"]]


@pytest.mark.parametrize("event", ["on_train_batch_end", "on_epoch_end"])
def test_stop_training_ends_fit(event):
    class Stop(Callback):
        def stop(self, *_):
            self.model.stop_training = True

    setattr(Stop, event, Stop.stop)
    model = model_of()
    history = model.fit(X, Y, batch_size=5, epochs=7, callbacks=Stop(), verbose=0)
    assert history.epoch == [0]
    assert model.optimizer.iterations == (1 if event == "on_train_batch_end" else 2)
    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1], "fit starts anew"


@pytest.mark.parametrize("event", ["on_train_batch_begin", "on_train_batch_end", "on_epoch_end", "on_test_end"])
def test_ctrl_c_leaves_a_usable_model_and_the_history_of_finished_epochs(event):
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
@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals reach the main thread")
def test_a_signal_ends_fit_and_leaves_a_usable_model():
    class Fire(Callback):
        """Asks for the signal once training runs, from another thread, so that it comes anywhere in a step."""

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
    assert 0 <= len(model.history.epoch) - len(model.history.history["loss"]) <= 1  # it may come between the two
    assert len(model.history.epoch) >= 1
    assert np.isfinite(model.predict(X)).all()
    model.fit(X, Y, verbose=0)
