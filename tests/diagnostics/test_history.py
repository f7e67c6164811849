"""Test plot_history."""

import io

import numpy as np
import pytest

from seqfuse.diagnostics import plot_history
from seqfuse.layers import Dense, Input
from seqfuse.models import Sequential


@pytest.fixture(autouse=True)
def _matplotlib():
    pytest.importorskip("matplotlib")


def trained(**options):
    """Return the history of four epochs of training."""
    model = Sequential([Input((3,)), Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.random.default_rng(0).normal(size=(12, 3))
    return model.fit(x, x.sum(1, keepdims=True), epochs=4, verbose=0, **options)


def test_plot_history_draws_training_and_validation_in_one_panel_per_metric():
    history = trained(validation_split=0.5)
    figure, numbers = plot_history(history, "A line")
    figure.savefig(io.BytesIO())
    assert figure.get_suptitle() == "A line"
    loss, mae = figure.axes
    assert (loss.get_ylabel(), mae.get_ylabel()) == ("loss", "mae")
    assert loss.get_xlabel() == "epoch"
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training", "validation"]
    training, validation = mae.get_lines()
    np.testing.assert_array_equal(training.get_ydata(), history.history["mae"])
    np.testing.assert_array_equal(validation.get_ydata(), history.history["val_mae"])
    assert sorted(numbers) == sorted(history.history)
    for name, (epochs, values) in numbers.items():
        assert list(epochs) == [1, 2, 3, 4]
        assert list(values) == history.history[name]


def test_plot_history_draws_sparse_validations_at_their_epochs():
    _, numbers = plot_history(trained(validation_split=0.5, validation_freq=[1, 4], initial_epoch=0))
    assert list(numbers["val_loss"][0]) == [1, 4]
    _, numbers = plot_history(trained(initial_epoch=2))
    assert list(numbers["loss"][0]) == [3, 4]


def test_plot_history_accepts_a_dict_of_lists_of_equal_length():
    figure, numbers = plot_history({"loss": [3, 2], "learning_rate": [0.1, 0.01], "val_other": [1, 1], "a": [0, 0]})
    figure.savefig(io.BytesIO())
    assert [axes.get_ylabel() for axes in figure.axes if axes.axison] == ["loss", "learning_rate", "val_other", "a"]
    assert figure.axes[0].get_legend() is None
    assert list(numbers["loss"][0]) == [1, 2]
    with pytest.raises(ValueError, match=r"plot_history: .*got {'loss': 2, 'val_loss': 1}\. Pass the History object"):
        plot_history({"loss": [2, 1], "val_loss": [1]})


@pytest.mark.parametrize("history", [{}, {"loss": []}])
def test_plot_history_rejects_a_history_without_epochs(history):
    with pytest.raises(ValueError, match="plot_history: history must have at least one epoch; got none"):
        plot_history(history)
