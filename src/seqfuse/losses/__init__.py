"""Losses with Keras 3's names: a number that says how wrong predictions are, and its derivative.

Every loss is a pair: `loss, tape = l.forward(y_true, y_pred)` and `dy_pred = l.backward(tape)`.
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
BY_SHAPES = ("crossentropy", "ce")  # those that the shapes of the first batch choose
OF_KIND: dict[str, type[Loss]] = {
    "binary": BinaryCrossentropy,
    "sparse": SparseCategoricalCrossentropy,
    "categorical": CategoricalCrossentropy,
}


def get(identifier: Any, function: str = "losses.get", argument: str = "identifier") -> Loss:
    """The loss that an identifier means.

    Parameters
    ----------
    identifier : Loss        itself
        str        "mse", "mean_squared_error", "MeanSquaredError", ...
        class, function of this module        with its defaults
        dict        {"class_name": ..., "config": ...}
    function, argument : str        who an error says asked for it, and as what

    Returns
    -------
    Loss

    Raises
    ------
    ValueError        no loss has that name; the message suggests the near one
    TypeError        none of these, among them other functions, which have no gradient here

    Examples
    --------
    >>> get("mse")
    MeanSquaredError(reduction='sum_over_batch_size', name='mean_squared_error')
    >>> get({"class_name": "Huber", "config": {"delta": 2.0}}).delta
    2.0
    """
    own = FUNCTIONS.get(identifier) if callable(identifier) else None
    found = _config.get_instance(function, own or identifier, NAMES, argument)
    if isinstance(found, Loss):
        return found
    if callable(identifier):
        raise TypeError(
            f"{function}: {argument} must be a Loss; got the function {getattr(identifier, '__name__', identifier)}, "
            "which has no gradient here. Write a class of seqfuse.losses.Loss with values(y_true, y_pred) and "
            "gradient(y_true, y_pred)"
        )
    raise TypeError(
        f"{function}: {argument} must be a name, a Loss or a dict with class_name and config; got {identifier!r}"
    )


def resolve(identifier: Any, y_true: Any, y_pred: Any) -> Loss:
    """As `get`, and "crossentropy" or "ce" is the cross-entropy that fits the shapes of y_true and y_pred.

    Parameters
    ----------
    identifier : as for `get`
    y_true, y_pred : arrays        of the first batch: one prediction is binary, fewer axes in y_true classes

    Returns
    -------
    Loss

    Raises
    ------
    ValueError, TypeError        as `get`

    Examples
    --------
    >>> import numpy as np
    >>> type(resolve("crossentropy", np.zeros(4, int), np.zeros((4, 10)))).__name__
    'SparseCategoricalCrossentropy'
    """
    if isinstance(identifier, str) and identifier.lower() in BY_SHAPES:
        return OF_KIND[targets.kind_of_labels(y_true, y_pred)](name=identifier)
    return get(identifier)


def __dir__() -> list[str]:
    return sorted(__all__)
