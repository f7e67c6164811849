"""Tests of callbacks: the events of Callback, the calls of CallbackList, and the records of History."""

import pytest

from seqfuse.callbacks import Callback, CallbackList, History
from seqfuse.models import Sequential

EVENTS = [name for name in vars(Callback) if name.startswith("on_")]


def test_callback_has_every_event_of_keras_and_does_nothing():
    run_events = {f"on_{part}_{when}" for part in ("train", "test", "predict") for when in ("begin", "end")}
    batch_events = {f"on_{part}_batch_{when}" for part in ("train", "test", "predict") for when in ("begin", "end")}
    assert set(EVENTS) == run_events | batch_events | {"on_epoch_begin", "on_epoch_end"}
    for event in EVENTS:
        arguments = (0,) if "batch" in event or "epoch" in event else ()
        assert getattr(Callback(), event)(*arguments, logs={}) is None


def test_callback_list_calls_in_order_those_that_override_the_method():
    calls = []

    class First(Callback):
        def on_epoch_end(self, epoch, logs=None):
            calls.append(("first", epoch, logs))

    class Second(First):
        def on_epoch_end(self, epoch, logs=None):
            calls.append(("second", epoch, logs))

    callbacks = CallbackList([First(), Callback(), Second()], Sequential(), {})
    assert callbacks.listens_to("on_epoch_end")
    assert not callbacks.listens_to("on_train_batch_end")
    callbacks.notify("on_epoch_end", 3, {"loss": 1.0})
    callbacks.notify("on_train_batch_end", 3)
    assert calls == [("first", 3, {"loss": 1.0}), ("second", 3, {"loss": 1.0})]


def test_callback_list_sets_model_and_params():
    model, callback = Sequential(), Callback()
    CallbackList(callback, model, {"epochs": 3})
    assert callback.model is model
    assert callback.params == {"epochs": 3}
    assert not CallbackList(None, model, {}).listens_to("on_epoch_end")


def test_callback_list_refuses_what_is_not_a_callback():
    model = Sequential(name="m")
    for wrong in ([print], [Callback()] + [3]):
        with pytest.raises(TypeError, match=r"m: callbacks must be instances of seqfuse\.callbacks\.Callback; got"):
            CallbackList(wrong, model, {})
    with pytest.raises(TypeError, match=r"got the class Callback\. Create an instance: Callback\(\)"):
        CallbackList([Callback], model, {})


def test_history_records_the_logs_of_every_epoch():
    history = History()
    history.on_train_begin()
    history.on_epoch_end(0, {"loss": 2.0})
    history.on_epoch_end(1, {"loss": 1.0, "val_loss": 3.0})
    history.on_epoch_end(2)
    assert history.epoch == [0, 1, 2]
    assert history.history == {"loss": [2.0, 1.0], "val_loss": [3.0]}
