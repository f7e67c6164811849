"""The number that a callback watches: its direction, its best value, and names that there are not."""

import math

import pytest

from callbacks.fitting import compiled, tell_epochs
from seqfuse.callbacks import EarlyStopping
from seqfuse.callbacks.monitor import Monitor


@pytest.mark.parametrize(
    ("name", "greater"),
    [
        ("val_loss", False),
        ("head_loss", False),
        ("val_accuracy", True),
        ("head_sparse_categorical_accuracy", True),
        ("acc", True),
        ("val_root_mean_squared_error", False),
        ("mae", False),
        ("val_perplexity", False),
        ("binary_crossentropy", False),
    ],
)
def test_monitor_knows_from_the_name_which_is_better(name, greater):
    assert Monitor(name, "auto", None, 0.0).better(2.0, 1.0) is greater


def test_monitor_asks_for_a_mode_where_the_name_does_not_say_it():
    with pytest.raises(ValueError, match='EarlyStopping: mode must be "min" or "max" for \'val_score\''):
        EarlyStopping("val_score")
    assert EarlyStopping("val_score", mode="max").better(2.0, 1.0)
    with pytest.raises(ValueError, match='mode must be one of "auto", "min", "max"; got \'mix\''):
        EarlyStopping(mode="mix")


def test_monitor_nan_is_never_better():
    monitor = Monitor("loss", "min", None, 0.0)
    assert not monitor.better(math.nan, 1.0)
    assert monitor.better(1.0, math.inf)
    assert not monitor.better(math.inf, math.inf)


def test_monitor_warns_with_the_names_that_there_are():
    with pytest.warns(UserWarning, match="EarlyStopping: monitor must be one of \"val_lass\"; got 'val_loss'. Did you"):
        assert tell_epochs(EarlyStopping(), compiled(), [1.0, 2.0], "val_lass") == 2
