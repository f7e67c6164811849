"""Losses with Keras 3's names, each with its gradient.

Every loss has ``loss, tape = l.forward(y_true, y_pred)`` and ``dy_pred = l.backward(tape)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqfuse import _config, _registry
from seqfuse.losses import _targets as targets
from seqfuse.losses._crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
)
from seqfuse.losses._ctc import CTC, ctc
from seqfuse.losses._loss import Loss, LossTape
from seqfuse.losses._regression import (
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    huber,
    mean_absolute_error,
    mean_squared_error,
)
from seqfuse.losses._sparse_crossentropy import SparseCategoricalCrossentropy, sparse_categorical_crossentropy

__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Huber",
    "Loss",
    "LossTape",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "ctc",
    "get",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "resolve",
    "sparse_categorical_crossentropy",
]

FUNCTIONS: dict[Callable[..., Any], type[Loss]] = {
    mean_squared_error: MeanSquaredError,
    mean_absolute_error: MeanAbsoluteError,
    huber: Huber,
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    ctc: CTC,
}
NAMES: dict[str, type[Loss]] = {
    **{function.__name__: cls for function, cls in FUNCTIONS.items()},
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "bce": BinaryCrossentropy,
}
_registry.register(__name__, [Loss, *FUNCTIONS.values(), *FUNCTIONS])
BY_SHAPES = ("crossentropy", "ce")  # names whose loss depends on the shapes of the first batch
BY_KIND: dict[str, type[Loss]] = {
    "binary": BinaryCrossentropy,
    "sparse": SparseCategoricalCrossentropy,
    "categorical": CategoricalCrossentropy,
}


def get(identifier: Any, function: str = "losses.get", argument: str = "identifier") -> Loss:
    """Return a loss from a name, a class, a function of this module, an object or a configuration.

    Parameters
    ----------
    identifier : str, Loss, type, callable or dict
        A name such as "mse", "mean_squared_error" or "MeanSquaredError", a loss (returned as it is), a class or a
        function of this module, or ``{"class_name": ..., "config": ...}``.
    function : str, default "losses.get"
        Name that error messages begin with.
    argument : str, default "identifier"
        Argument that error messages name.

    Returns
    -------
    Loss
        The loss.

    Raises
    ------
    ValueError
        If no loss has the name. The message suggests the nearest one.
    TypeError
        If `identifier` is of another kind. Other functions are refused, because their gradient is unknown.

    Examples
    --------
    >>> get("mse")
    MeanSquaredError(reduction='sum_over_batch_size', name='mean_squared_error')
    >>> get({"class_name": "Huber", "config": {"delta": 2.0}}).delta
    2.0
    """
    known = FUNCTIONS.get(identifier) if callable(identifier) else None
    found = _config.get_instance(function, known or identifier, NAMES, argument)
    if isinstance(found, Loss):
        return found
    if callable(identifier):
        raise TypeError(
            f"{function}: {argument} must be a Loss; got the function {getattr(identifier, '__name__', identifier)}, "
            "whose gradient is unknown. Derive a class from seqfuse.losses.Loss with values(y_true, y_pred) and "
            "gradient(y_true, y_pred)"
        )
    raise TypeError(
        f"{function}: {argument} must be a name, a Loss or a dict with class_name and config; got {identifier!r}"
    )


def resolve(identifier: Any, y_true: Any, y_pred: Any) -> Loss:
    """Return a loss like `get`; "crossentropy" and "ce" select the cross-entropy that fits the shapes.

    Parameters
    ----------
    identifier : str, Loss, type, callable or dict
        As in `get`, or "crossentropy" or "ce".
    y_true, y_pred : array_like
        Targets and predictions of the first batch. One output selects the binary loss; fewer axes in y_true than in
        y_pred select the sparse categorical one.

    Returns
    -------
    Loss
        The loss.

    Raises
    ------
    ValueError
        If no loss has the name.
    TypeError
        If `identifier` is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> type(resolve("crossentropy", np.zeros(4, int), np.zeros((4, 10)))).__name__
    'SparseCategoricalCrossentropy'
    """
    if isinstance(identifier, str) and identifier.lower() in BY_SHAPES:
        return BY_KIND[targets.kind_of_labels(y_true, y_pred)](name=identifier)
    return get(identifier)


def __dir__() -> list[str]:
    return sorted(__all__)
