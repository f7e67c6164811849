"""Monitor: which values are better, and values that are not in the logs."""

import math

import pytest

from callbacks.fitting import compiled, run_epochs
from seqfuse.callbacks import EarlyStopping
from seqfuse.callbacks.monitor import Monitor


@pytest.mark.parametrize(
    ("name", "larger_is_better"),
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
def test_monitor_infers_from_the_name_which_value_is_better(name, larger_is_better):
    assert Monitor(name, "auto", None, 0.0).better(2.0, 1.0) is larger_is_better


def test_monitor_needs_a_mode_when_it_cannot_be_inferred_from_the_name():
    with pytest.raises(ValueError, match='EarlyStopping: mode must be "min" or "max" for monitor=\'val_score\''):
        EarlyStopping("val_score")
    assert EarlyStopping("val_score", mode="max").better(2.0, 1.0)
    with pytest.raises(ValueError, match='mode must be one of "auto", "min", "max"; got \'mix\''):
        EarlyStopping(mode="mix")


def test_monitor_better_is_false_for_nan():
    monitor = Monitor("loss", "min", None, 0.0)
    assert not monitor.better(math.nan, 1.0)
    assert monitor.better(1.0, math.inf)
    assert not monitor.better(math.inf, math.inf)


def test_monitor_warns_with_the_names_in_the_logs_when_the_value_is_missing():
    with pytest.warns(UserWarning, match="EarlyStopping: monitor must be one of \"val_lass\"; got 'val_loss'. Did you"):
        assert run_epochs(EarlyStopping(), compiled(), [1.0, 2.0], "val_lass") == 2
