"""Holds what fit, evaluate and predict refuse, and in which words."""

import numpy as np
import pytest

from models.small import X, Y, model_of
from models.whole import rng
from seqfuse.layers import LSTM, Dense, Embedding, Input, SimpleRNN
from seqfuse.models import Sequential


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_a_model_that_is_not_compiled_says_so(call):
    model = Sequential([Input((4, 2)), SimpleRNN(3), Dense(1)], name="raw")
    with pytest.raises(RuntimeError, match="raw: the model must be compiled first"):
        getattr(model, call)(X, Y)


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_a_missing_target_is_said_so(call):
    with pytest.raises(ValueError, match="y must be given, because the output has a loss; got None"):
        getattr(model_of(), call)(X)
    if call == "fit":
        with pytest.raises(ValueError, match="y must be given"):
            model_of().fit([X[:5], X[5:]][:1], verbose=0)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"y": Y[:5]}, ValueError, "x with 10 and y with 5"),
        ({"x": None}, ValueError, "x must be given; got None"),
        ({"x": 3, "y": None}, TypeError, "x must be arrays"),
        ({"epochs": -1}, ValueError, "epochs must be at least 0"),
        ({"epochs": 1.5}, TypeError, "epochs must be an integer"),
        ({"initial_epoch": -1}, ValueError, "initial_epoch must be at least 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"verbose": 3}, ValueError, 'verbose must be one of 0, 1, 2 and "auto"; got 3'),
        ({"callbacks": ["History"]}, TypeError, "callbacks must be instances of .*Callback; got str"),
        ({"x": X[:, :, :1]}, ValueError, r"the input must be \(batch, T, I\) = \(\.\.\., 2\); got \(10, 4, 1\)"),
        ({"y": np.zeros((10, 2))}, ValueError, r"y_true must be as y_pred = \(10, 1\); got \(10, 2\)"),
        ({"x": [[1, 2], [1]]}, ValueError, r"small: x must be an array; got list\. NumPy says"),
        (
            {"class_weight": "balanced"},
            TypeError,
            "must be a dict from classes to weights; got 'balanced'",
        ),
        ({"x": [(X, Y)]}, ValueError, "y must be None if x is an iterable"),
        ({"x": [(X, Y, Y, Y)], "y": None}, ValueError, "got 4 parts"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, said):
    with pytest.raises(error, match=said):
        model_of().fit(**{"x": X, "y": Y, "verbose": 0, **arguments})


def test_float_labels_are_refused_where_classes_are_needed():
    model = model_of(SimpleRNN(3), Dense(2, "softmax"), loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"y_true must be class indices, which are integers; got 0\.5"):
        model.fit(X, np.full(10, 0.5), verbose=0)
    with pytest.raises(ValueError, match=r"y_true must be .*0\.\.C-1"):
        model.fit(X, np.full(10, 2), verbose=0)
    model.fit(X, np.ones(10), verbose=0)  # floats that are whole are classes


def test_an_output_for_every_step_against_one_target_a_sequence_is_refused():
    """The article's third program without its pooling: (N, T, 1) beside (N, 1) must not be broadcast."""
    model = Sequential([Input((None,)), Embedding(9, 3), LSTM(4, return_sequences=True), Dense(1, name="out")])
    model.compile("adam", "mse")
    words = rng().integers(0, 9, (6, 5))
    for y in (np.zeros((6, 1)), np.zeros(6)):
        with pytest.raises(ValueError, match=r'y_pred = \(6, 5, 1\); got \(6.*The output "out" has one row per step'):
            model.fit(words, y, verbose=0)
    model.fit(words, np.zeros((6, 5, 1)), verbose=0)


def test_fit_without_a_loss_is_refused():
    model = model_of(loss=None)
    with pytest.raises(ValueError, match="small: compile must get a loss before fit; got None"):
        model.fit(X, Y, verbose=0)
