"""Tests of the errors of fit, evaluate and predict, and of their messages."""

import numpy as np
import pytest

from models.small import X, Y, model_of
from models.whole import rng
from seqfuse.layers import LSTM, Dense, Embedding, Input, SimpleRNN
from seqfuse.models import Sequential


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_training_functions_reject_a_model_that_is_not_compiled(call):
    model = Sequential([Input((4, 2)), SimpleRNN(3), Dense(1)], name="raw")
    with pytest.raises(RuntimeError, match="raw: the model must be compiled first"):
        getattr(model, call)(X, Y)


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_training_functions_reject_missing_targets(call):
    with pytest.raises(ValueError, match="y must be given, because the output has a loss; got None"):
        getattr(model_of(), call)(X)
    if call == "fit":
        with pytest.raises(ValueError, match="y must be given"):
            model_of().fit([X[:5], X[5:]][:1], verbose=0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
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
def test_fit_rejects_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        model_of().fit(**{"x": X, "y": Y, "verbose": 0, **arguments})


def test_fit_rejects_fractional_labels_when_the_loss_needs_classes():
    model = model_of(SimpleRNN(3), Dense(2, "softmax"), loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"y_true must be class indices, which are integers; got 0\.5"):
        model.fit(X, np.full(10, 0.5), verbose=0)
    with pytest.raises(ValueError, match=r"y_true must be .*0\.\.C-1"):
        model.fit(X, np.full(10, 2), verbose=0)
    model.fit(X, np.ones(10), verbose=0)  # floats with integer values are accepted as classes


def test_fit_rejects_one_target_per_sequence_when_the_output_has_one_row_per_step():
    """Check that targets (N, 1) do not broadcast to outputs (N, T, 1), for instance if a pooling layer is missing."""
    model = Sequential([Input((None,)), Embedding(9, 3), LSTM(4, return_sequences=True), Dense(1, name="out")])
    model.compile("adam", "mse")
    words = rng().integers(0, 9, (6, 5))
    for y in (np.zeros((6, 1)), np.zeros(6)):
        with pytest.raises(ValueError, match=r'y_pred = \(6, 5, 1\); got \(6.*The output "out" has one row per step'):
            model.fit(words, y, verbose=0)
    model.fit(words, np.zeros((6, 5, 1)), verbose=0)


def test_fit_rejects_a_model_without_a_loss():
    model = model_of(loss=None)
    with pytest.raises(ValueError, match="small: compile must get a loss before fit; got None"):
        model.fit(X, Y, verbose=0)
