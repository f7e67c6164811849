"""LambdaCallback: functions in place of methods."""

import inspect

import pytest

from callbacks.fitting import compiled, x, y
from seqfuse.callbacks import Callback, LambdaCallback


def test_lambda_callback_calls_its_functions():
    calls = []
    callback = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: calls.append((epoch, logs)),
        on_train_batch_end=lambda batch, logs: calls.append((batch, sorted(logs))),
        on_train_end=lambda logs: calls.append("end"),
        on_test_begin=lambda logs=None: calls.append("test"),
    )
    model = compiled()
    model.fit(x, y, 6, callbacks=[callback], verbose=0)
    model.evaluate(x, y, callbacks=[callback], verbose=0)
    assert calls == [(0, {}), (0, ["loss"]), (1, ["loss"]), "end", "test"]


def test_lambda_callback_refuses_an_unknown_event():
    with pytest.raises(TypeError, match=r"no argument 'on_epoch_ende'. Did you mean \"on_epoch_end\""):
        LambdaCallback(on_epoch_ende=print)


def test_lambda_callback_has_an_argument_for_every_method_of_callback():
    events = {name for name in vars(Callback) if name.startswith("on_")}
    assert set(inspect.signature(LambdaCallback).parameters) == events | {"unknown"}
    for event in events:
        assert getattr(LambdaCallback(**{event: print}), event) is print
