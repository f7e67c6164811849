"""Tests of deprecated names: they work, and warn with the new name at the line of the caller."""

import numpy as np
import pytest

from seqfuse import _deprecation
from seqfuse.callbacks import CallbackList, History
from seqfuse.layers import LSTM, Dense
from seqfuse.models import Sequential


def test_renamed_function_warns_with_the_new_name_and_returns_the_result():
    def new_name(x, *, y):
        return x + y

    old_name = _deprecation.renamed_function("old_name", new_name)
    with pytest.warns(DeprecationWarning, match=r"old_name is deprecated .* Use new_name") as caught:
        assert old_name(1, y=2) == 3
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("layer", "old", "new", "arguments"),
    [
        (Dense(2), "ready", "prepare_input", (np.ones((1, 3), np.float32),)),
        (Dense(2), "known", "require_size", ((None, 3), -1)),
        (LSTM(2), "pair", "functions", ()),
    ],
)
def test_renamed_method_warns_with_the_new_name_and_returns_the_result(layer, old, new, arguments):
    message = rf"{type(layer).__name__}\.{old} is deprecated .* Use {type(layer).__name__}\.{new}"
    with pytest.warns(DeprecationWarning, match=message) as caught:
        result = getattr(layer, old)(*arguments)
    assert caught[0].filename == __file__
    np.testing.assert_equal(result, getattr(layer, new)(*arguments))


@pytest.mark.parametrize(("old", "new"), [("tell", "notify"), ("hears", "listens_to")])
def test_renamed_methods_of_callback_list_warn_with_the_new_name(old, new):
    callbacks = CallbackList([History()], Sequential(), {})
    with pytest.warns(DeprecationWarning, match=rf"CallbackList\.{old} is deprecated .* Use CallbackList\.{new}"):
        result = getattr(callbacks, old)("on_train_begin")
    assert result == getattr(callbacks, new)("on_train_begin")
