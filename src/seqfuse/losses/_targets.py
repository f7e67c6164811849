"""Checks and reshapes the arguments of losses and metrics: targets, class labels, sample weights, masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def aligned(function: str, y_true: Array, y_pred: Array, steps: bool = False) -> tuple[Array, Array]:
    """Return views of y_true and y_pred with equal shapes.

    Keras's rule: if one of them has one more axis, of size 1, at its end, the shapes (N,) and (N, 1) become (N, 1), and
    (N, T) and (N, T, 1) become (N, T).

    Parameters
    ----------
    function : str
        Name that error messages begin with.
    y_true, y_pred : ndarray, shape (...)
        Targets and predictions.
    steps : bool, default False
        Keep the last axis of y_pred (N, T, 1), so that there is one value per step.

    Returns
    -------
    y_true, y_pred : ndarray
        Views with equal shapes.
    """
    if y_true.shape == y_pred.shape:
        return y_true, y_pred
    predicted, true = y_pred, y_true
    if true.ndim == predicted.ndim + 1 and true.shape[-1] == 1:
        predicted, true = (predicted[..., None], true) if predicted.ndim == 1 else (predicted, true[..., 0])
    elif predicted.ndim == true.ndim + 1 and predicted.shape[-1] == 1:
        predicted, true = (predicted, true[..., None]) if true.ndim == 1 or steps else (predicted[..., 0], true)
    if true.shape != predicted.shape:
        _checks.refuse_shape(function, "y_true", "as y_pred", y_pred.shape, y_true.shape, _advice(y_true, y_pred))
    return true, predicted


def _advice(y_true: Array, y_pred: Array) -> str:
    """Return a hint for the error message about shapes that do not fit."""
    if y_true.shape in (y_pred.shape[:-1], (*y_pred.shape[:-1], 1)):
        return "For class indices use the sparse version of the loss or metric, or pass to_categorical(y_true)"
    if y_pred.ndim == 3 and y_true.shape in (
        y_pred.shape[:1],
        (y_pred.shape[0], 1),
        (y_pred.shape[0], y_pred.shape[2]),
    ):
        return (
            "y_pred has a prediction for every step of a sequence. For one prediction per sequence, add a pooling "
            "layer such as GlobalAveragePooling1D() before the last layer"
        )
    return ""


def classes(
    function: str, y_true: ArrayLike, y_pred: Array, valid: Array | None = None, ignore_class: int | None = None
) -> tuple[Array, Array | None]:
    """Check y_true as class indices of the last axis of y_pred.

    Parameters
    ----------
    function : str
        Name that error messages begin with.
    y_true : array_like, shape (...) or (..., 1)
        Class indices in 0..C-1, of any numeric type.
    y_pred : ndarray, shape (..., C)
        Predictions.
    valid : ndarray of bool, broadcast to shape (...), optional
        Which labels count. The others may have any value.
    ignore_class : int, optional
        Class that does not count. It need not be in 0..C-1.

    Returns
    -------
    labels : ndarray of int64, shape (...)
        Class indices; 0 where a label does not count.
    valid : ndarray of bool or None
        Which labels count, with `ignore_class` applied. None if all do.

    Raises
    ------
    ValueError
        If a shape does not fit, or a label is outside 0..C-1 or not an integer. The message names its position.
    TypeError
        If the labels are not numbers.
    """
    labels = _arrays.asarray(function, "y_true", y_true)
    shape = y_pred.shape[:-1]
    if labels.shape == (*shape, 1):
        labels = labels[..., 0]
    if labels.shape != shape:
        advice = (
            "For one-hot rows or rows of probabilities use the categorical version"
            if labels.shape == y_pred.shape
            else ""
        )
        _checks.refuse_shape(function, "y_true", "(...)", shape, labels.shape, advice)
    if ignore_class is not None:
        counted = labels != ignore_class
        valid = counted if valid is None else counted & valid
    if valid is not None:
        labels = np.where(valid, labels, 0)
    if labels.dtype.kind not in "iu":
        labels = whole(function, labels)
    advice = "Negative classes do not count from the end. For padding use ignore_class or a mask"
    flat, _ = _checks.indices(function, "y_true", labels, "0..C-1", y_pred.shape[-1] - 1, False, advice)
    return flat.reshape(shape), valid


def whole(function: str, labels: Array) -> Array:
    """Convert labels of type bool or float to int64; refuse fractions."""
    _arrays.compute_dtype(function, "y_true", labels.dtype)
    with np.errstate(invalid="ignore"):  # NaN and numbers outside int64 become an integer that is not equal
        converted = labels.astype(np.int64)
    wrong = np.argwhere(converted != labels)
    if len(wrong):
        where = tuple(wrong[0].tolist())
        place = f" at [{', '.join(map(str, where))}]" if where else ""
        raise ValueError(
            f"{function}: y_true must be class indices, which are integers; got {labels[where]}{place}. "
            "For real-valued targets use a regression loss such as mean_squared_error"
        )
    return converted


def per_value(function: str, name: str, value: Array, shape: tuple[int, ...]) -> Array:
    """Return a view of weights or of a mask that broadcasts over the values of the predictions.

    Parameters
    ----------
    function, name : str
        Function and argument that error messages name.
    value : ndarray
        Weights or mask, of shape `shape` or of its first axes. Axes may have size 1.
    shape : tuple of int
        Shape of the values, one per prediction.

    Returns
    -------
    ndarray
        View with as many axes as `shape`.
    """
    if value.ndim == len(shape) + 1 and value.shape[-1] == 1:
        value = value[..., 0]
    if value.ndim > len(shape) or any(n != m and n != 1 for n, m in zip(value.shape, shape)):
        _checks.refuse_shape(
            function, name, "(...), one number per value, or the first axes of that shape,", shape, value.shape
        )
    return value.reshape(value.shape + (1,) * (len(shape) - value.ndim))


def valid_values(function: str, mask: ArrayLike | None) -> Array | None:
    """Check that a mask is an array of bool."""
    if mask is None:
        return None
    valid = _arrays.asarray(function, "mask", mask)
    if valid.dtype != bool:
        raise TypeError(
            f"{function}: mask must be bool, True where a value counts; got {valid.dtype}. Pass mask.astype(bool)"
        )
    return valid


def kind_of_labels(y_true: Any, y_pred: Any) -> str:
    """Infer the kind of classification from the shapes of targets and predictions.

    Parameters
    ----------
    y_true, y_pred : array_like
        Targets and predictions of a batch.

    Returns
    -------
    {"binary", "sparse", "categorical"}
        "binary" for a single output, "sparse" for class indices, "categorical" for one probability per class.

    Examples
    --------
    >>> import numpy as np
    >>> kind_of_labels(np.array([0, 2]), np.zeros((2, 3)))
    'sparse'
    """
    true, predicted = np.shape(y_true), np.shape(y_pred)
    if not predicted or predicted[-1] == 1:
        return "binary"
    return "sparse" if len(true) < len(predicted) or true[-1] == 1 else "categorical"
