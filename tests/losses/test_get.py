"""Tests of losses.get and losses.resolve."""

import numpy as np
import pytest

from seqfuse import losses


@pytest.mark.parametrize(
    ("identifier", "cls"),
    [
        ("mse", losses.MeanSquaredError),
        ("MSE", losses.MeanSquaredError),
        ("mean_squared_error", losses.MeanSquaredError),
        ("MeanSquaredError", losses.MeanSquaredError),
        (losses.mean_squared_error, losses.MeanSquaredError),
        (losses.MeanSquaredError, losses.MeanSquaredError),
        ("mae", losses.MeanAbsoluteError),
        ("huber", losses.Huber),
        ("Huber", losses.Huber),
        ("bce", losses.BinaryCrossentropy),
        ("binary_crossentropy", losses.BinaryCrossentropy),
        ("categorical_crossentropy", losses.CategoricalCrossentropy),
        ("sparse_categorical_crossentropy", losses.SparseCategoricalCrossentropy),
        ("SparseCategoricalCrossentropy", losses.SparseCategoricalCrossentropy),
        (losses.sparse_categorical_crossentropy, losses.SparseCategoricalCrossentropy),
    ],
)
def test_get_accepts_the_names_of_keras(identifier, cls):
    assert type(losses.get(identifier)) is cls


def test_get_returns_a_loss_unchanged():
    loss = losses.Huber(2.0)
    assert losses.get(loss) is loss


@pytest.mark.parametrize(
    "loss",
    [
        losses.Huber(2.0, "sum", "far"),
        losses.BinaryCrossentropy(True, 0.1),
        losses.SparseCategoricalCrossentropy(True, -1),
        losses.CategoricalCrossentropy(label_smoothing=0.5, reduction=None),
    ],
    ids=repr,
)
def test_get_accepts_a_config(loss):
    again = losses.get({"class_name": type(loss).__name__, "config": loss.get_config()})
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config() == type(loss).from_config(loss.get_config()).get_config()


@pytest.mark.parametrize(
    ("identifier", "error", "message"),
    [
        (
            "mean_square_error",
            ValueError,
            r'losses\.get: identifier must be one of .*Did you mean "mean_squared_error"\?',
        ),
        ("CategoricalCrossEntropy", ValueError, r'Did you mean "categorical_crossentropy"\?'),
        (
            np.mean,
            TypeError,
            "the function mean, whose gradient is unknown. Derive a class from seqfuse.losses.Loss with",
        ),
        (None, TypeError, "must be a name, a Loss or a dict with class_name and config; got None"),
        ({"config": {}}, ValueError, 'identifier must be {"class_name": ..., "config": ...}; got {.config'),
        (3, TypeError, "got 3"),
        (int, TypeError, "got the function int"),
    ],
)
def test_get_refuses_invalid_identifiers(identifier, error, message):
    with pytest.raises(error, match=message):
        losses.get(identifier)


@pytest.mark.parametrize(
    ("identifier", "true", "pred", "cls"),
    [
        ("crossentropy", (4,), (4, 1), losses.BinaryCrossentropy),
        ("ce", (4, 1), (4, 1), losses.BinaryCrossentropy),
        ("CE", (4,), (4, 3), losses.SparseCategoricalCrossentropy),
        ("crossentropy", (4, 1), (4, 3), losses.SparseCategoricalCrossentropy),
        ("ce", (4, 2), (4, 2, 3), losses.SparseCategoricalCrossentropy),
        ("CE", (4, 3), (4, 3), losses.CategoricalCrossentropy),
    ],
)
def test_resolve_selects_the_crossentropy_by_shapes(identifier, true, pred, cls):
    loss = losses.resolve(identifier, np.zeros(true), np.zeros(pred))
    assert (type(loss), loss.name) == (cls, identifier)


def test_resolve_returns_other_losses_by_name():
    assert type(losses.resolve("mse", np.zeros((4, 3)), np.zeros((4, 3)))) is losses.MeanSquaredError
