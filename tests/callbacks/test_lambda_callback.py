"""LambdaCallback: functions in place of methods."""

import pytest

from callbacks.fitting import compiled, x, y
from seqfuse.callbacks import LambdaCallback


def test_lambda_callback_calls_its_functions():
    told = []
    callback = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: told.append((epoch, logs)),
        on_train_batch_end=lambda batch, logs: told.append((batch, sorted(logs))),
        on_train_end=lambda logs: told.append("end"),
        on_test_begin=lambda logs=None: told.append("test"),
    )
    model = compiled()
    model.fit(x, y, 6, callbacks=[callback], verbose=0)
    model.evaluate(x, y, callbacks=[callback], verbose=0)
    assert told == [(0, {}), (0, ["loss"]), (1, ["loss"]), "end", "test"]


def test_lambda_callback_refuses_an_event_that_there_is_not():
    with pytest.raises(TypeError, match=r"no argument 'on_epoch_ende'. Did you mean \"on_epoch_end\""):
        LambdaCallback(on_epoch_ende=print)
