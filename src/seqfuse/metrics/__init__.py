"""Metrics with Keras 3's names: numbers about all batches since the last reset.

A metric is fed with `update_state(y_true, y_pred)` and read with `result()`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqfuse import _names
from seqfuse.losses import targets
from seqfuse.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
)
from seqfuse.metrics.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Perplexity,
    SparseCategoricalCrossentropy,
)
from seqfuse.metrics.errors import MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError
from seqfuse.metrics.metric import Mean, MeanMetricWrapper, Metric
from seqfuse.metrics.top_k import (
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "Metric",
    "Perplexity",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "get",
    "resolve",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

CLASSES: tuple[Callable[..., Metric], ...] = (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    MeanSquaredError,
    RootMeanSquaredError,
    MeanAbsoluteError,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    Perplexity,
    Mean,
)
NAMES: dict[str, Callable[..., Metric]] = {
    **{_names.snake_case(cls.__name__): cls for cls in CLASSES},
    "acc": Accuracy,
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "bce": BinaryCrossentropy,
}
OF_KIND: dict[tuple[str, str], Callable[..., Metric]] = {
    ("accuracy", "binary"): BinaryAccuracy,
    ("accuracy", "sparse"): SparseCategoricalAccuracy,
    ("accuracy", "categorical"): CategoricalAccuracy,
    ("crossentropy", "binary"): BinaryCrossentropy,
    ("crossentropy", "sparse"): SparseCategoricalCrossentropy,
    ("crossentropy", "categorical"): CategoricalCrossentropy,
}
BY_SHAPES = {"accuracy": "accuracy", "acc": "accuracy", "crossentropy": "crossentropy", "ce": "crossentropy"}


def get(identifier: Any, function: str = "metrics.get", argument: str = "identifier") -> Metric:
    """The metric that an identifier means.

    Parameters
    ----------
    identifier : Metric        itself
        str        "mse", "root_mean_squared_error", "RootMeanSquaredError", ...
        class        with its defaults
        callable        fn(y_true, y_pred) -> values, whose mean is taken
        dict        {"class_name": ..., "config": ...}
    function, argument : str        who an error says asked for it, and as what

    Returns
    -------
    Metric

    Raises
    ------
    ValueError        no metric has that name; the message suggests the near one
    TypeError        none of these

    Examples
    --------
    >>> get("RootMeanSquaredError").name
    'root_mean_squared_error'
    >>> get({"class_name": "TopKCategoricalAccuracy", "config": {"k": 3}})
    TopKCategoricalAccuracy(k=3, name='top_k_categorical_accuracy')
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        return _of_name(identifier, function, argument)()
    if isinstance(identifier, dict) and "class_name" in identifier:
        return _of_name(identifier["class_name"], function, argument)(**identifier.get("config", {}))
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if callable(identifier):
        name = getattr(identifier, "__name__", None) or getattr(identifier, "name", None)
        return MeanMetricWrapper(identifier, name or _names.snake_case(type(identifier).__name__))
    raise TypeError(
        f"{function}: {argument} must be a name, a Metric, a function or a dict with class_name and config; "
        f"got {identifier!r}"
    )


def resolve(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """As `get`, and "accuracy" and "crossentropy" are those that fit the shapes; a name stays the metric's name.

    Parameters
    ----------
    identifier : as for `get`, "accuracy", "acc", "crossentropy" or "ce"
    y_true, y_pred : arrays        of the first batch: one prediction is binary, fewer axes in y_true classes

    Returns
    -------
    Metric

    Raises
    ------
    ValueError, TypeError        as `get`

    Examples
    --------
    >>> import numpy as np
    >>> resolve("acc", np.zeros(4, int), np.zeros((4, 10)))
    SparseCategoricalAccuracy(name='acc')
    """
    if not isinstance(identifier, str):
        return get(identifier)
    quantity = BY_SHAPES.get(identifier.lower())
    metric = OF_KIND[quantity, targets.kind_of_labels(y_true, y_pred)]() if quantity else get(identifier)
    metric.name = identifier
    return metric


def _of_name(name: str, function: str, argument: str) -> Callable[..., Metric]:
    """The class of a name, of a function or of a class."""
    return NAMES.get(_names.snake_case(name)) or _names.look_up(function, argument, name, NAMES)
