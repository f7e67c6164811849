"""Metrics with Keras 3's names, computed over all batches since the last reset.

``update_state(y_true, y_pred)`` adds a batch; ``result()`` returns the value.
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
BY_KIND: dict[tuple[str, str], type[Metric]] = {
    ("accuracy", "binary"): BinaryAccuracy,
    ("accuracy", "sparse"): SparseCategoricalAccuracy,
    ("accuracy", "categorical"): CategoricalAccuracy,
    ("crossentropy", "binary"): BinaryCrossentropy,
    ("crossentropy", "sparse"): SparseCategoricalCrossentropy,
    ("crossentropy", "categorical"): CategoricalCrossentropy,
}
BY_SHAPES = {"accuracy": "accuracy", "acc": "accuracy", "crossentropy": "crossentropy", "ce": "crossentropy"}


def get(identifier: Any, function: str = "metrics.get", argument: str = "identifier") -> Metric:
    """Return a metric from a name, a class, a function, an object or a configuration.

    Parameters
    ----------
    identifier : str, Metric, type, callable or dict
        A name such as "mse" or "RootMeanSquaredError", a metric (returned as it is), a class, a function
        ``fn(y_true, y_pred)`` whose values are averaged, or ``{"class_name": ..., "config": ...}``.
    function : str, default "metrics.get"
        Name that error messages begin with.
    argument : str, default "identifier"
        Argument that error messages name.

    Returns
    -------
    Metric
        The metric.

    Raises
    ------
    ValueError
        If no metric has the name. The message suggests the nearest one.
    TypeError
        If `identifier` is of another kind.

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
    """Return a metric like `get`; "accuracy" and "crossentropy" select the metric that fits the shapes.

    Parameters
    ----------
    identifier : str, Metric, type, callable or dict
        As in `get`, or "accuracy", "acc", "crossentropy" or "ce". A name also becomes the name of the metric.
    y_true, y_pred : array_like
        Targets and predictions of the first batch. One output selects the binary metric; fewer axes in y_true than
        in y_pred select the sparse categorical one.

    Returns
    -------
    Metric
        The metric.

    Raises
    ------
    ValueError
        If no metric has the name.
    TypeError
        If `identifier` is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> resolve("acc", np.zeros(4, int), np.zeros((4, 10)))
    SparseCategoricalAccuracy(name='acc')
    """
    if not isinstance(identifier, str):
        return get(identifier)
    quantity = BY_SHAPES.get(identifier.lower())
    metric = BY_KIND[quantity, targets.kind_of_labels(y_true, y_pred)]() if quantity else get(identifier)
    metric.name = identifier
    return metric


def __dir__() -> list[str]:
    return sorted(__all__)
