"""Metrics with Keras 3's names: numbers about all batches since the last reset.

A metric is fed with `update_state(y_true, y_pred)` and read with `result()`.
"""

from __future__ import annotations

from typing import Any

from seqfuse import _config, _names, _registry
from seqfuse.losses import _targets as targets
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

CLASSES: tuple[type[Metric], ...] = (
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
NAMES: dict[str, type[Metric]] = {
    **{_names.snake_case(cls.__name__): cls for cls in CLASSES},
    "acc": Accuracy,
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "bce": BinaryCrossentropy,
}
FUNCTIONS = (
    *(binary_accuracy, categorical_accuracy, sparse_categorical_accuracy),
    *(top_k_categorical_accuracy, sparse_top_k_categorical_accuracy),
)
_registry.register(__name__, [Metric, MeanMetricWrapper, *CLASSES, *FUNCTIONS])
OF_KIND: dict[tuple[str, str], type[Metric]] = {
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
    found = _config.get_instance(function, identifier, NAMES, argument)
    if isinstance(found, Metric):
        return found
    if callable(found):
        name = getattr(found, "__name__", None) or getattr(found, "name", None)
        return MeanMetricWrapper(found, name or _names.snake_case(type(found).__name__))
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


def __dir__() -> list[str]:
    return sorted(__all__)
