"""What is compared: y_true and y_pred brought to one shape, labels that are classes, weights and masks a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def aligned(function: str, y_true: Array, y_pred: Array, steps: bool = False) -> tuple[Array, Array]:
    """Both in one shape: where one has an axis of 1 more at its end, it is dropped, or the other gets one.

    Parameters
    ----------
    function : str        what a message says
    y_true, y_pred : (...)
    steps : bool        keep the axis of 1 that y_pred ends in, so that (N, T, 1) still has a value a step

    Returns
    -------
    y_true, y_pred        views; Keras's rule: (N,) beside (N, 1) becomes (N, 1), (N, T, 1) beside (N, T) becomes (N, T)
    """
    if y_true.shape == y_pred.shape:
        return y_true, y_pred
    seen, other = y_pred, y_true
    if other.ndim == seen.ndim + 1 and other.shape[-1] == 1:
        seen, other = (seen[..., None], other) if seen.ndim == 1 else (seen, other[..., 0])
    elif seen.ndim == other.ndim + 1 and seen.shape[-1] == 1:
        seen, other = (seen, other[..., None]) if other.ndim == 1 or steps else (seen[..., 0], other)
    if other.shape != seen.shape:
        _checks.refuse_shape(function, "y_true", "as y_pred", y_pred.shape, y_true.shape, _advice(y_true, y_pred))
    return other, seen


def _advice(y_true: Array, y_pred: Array) -> str:
    if y_true.shape in (y_pred.shape[:-1], (*y_pred.shape[:-1], 1)):
        return "For integers that say which class take the sparse one, or pass to_categorical(y_true)"
    if y_pred.ndim == 3 and y_true.shape in (
        y_pred.shape[:1],
        (y_pred.shape[0], 1),
        (y_pred.shape[0], y_pred.shape[2]),
    ):
        return (
            "y_pred has every step of a sequence: for one output a sequence, put a pooling such as "
            "GlobalAveragePooling1D() before the last layer"
        )
    return ""


def classes(
    function: str, y_true: ArrayLike, y_pred: Array, real: Array | None = None, ignore_class: int | None = None
) -> tuple[Array, Array | None]:
    """y_true as classes of the last axis of y_pred, and which of them count.

    Parameters
    ----------
    function : str        what a message says
    y_true : (...) or (..., 1)        whole numbers in 0..C-1, of any type
    y_pred : (..., C)
    real : bool, broadcasts over (...)        what does not count may be any number; None where all do
    ignore_class : int        a class that does not count, in 0..C-1 or not

    Returns
    -------
    labels : (...) int64        0 where it does not count
    real : bool (...) or None

    Raises
    ------
    ValueError        a shape disagrees, a label is outside 0..C-1 or not whole; the message says where
    TypeError        labels that are not numbers
    """
    labels = _arrays.asarray(function, "y_true", y_true)
    shape = y_pred.shape[:-1]
    if labels.shape == (*shape, 1):
        labels = labels[..., 0]
    if labels.shape != shape:
        advice = "Rows of shares, as one-hot ones, are for the categorical one" if labels.shape == y_pred.shape else ""
        _checks.refuse_shape(function, "y_true", "(...)", shape, labels.shape, advice)
    if ignore_class is not None:
        kept = labels != ignore_class
        real = kept if real is None else kept & real
    if real is not None:
        labels = np.where(real, labels, 0)
    if labels.dtype.kind not in "iu":
        labels = whole(function, labels)
    advice = "Negative classes do not count from the end; for padding say ignore_class or give a mask"
    flat, _ = _checks.indices(function, "y_true", labels, "0..C-1", y_pred.shape[-1] - 1, False, advice)
    return flat.reshape(shape), real


def whole(function: str, labels: Array) -> Array:
    """Labels that are bool or floats as integers."""
    _arrays.compute_dtype(function, "y_true", labels.dtype)
    with np.errstate(invalid="ignore"):  # NaN and what is beyond int64 become some integer, which is not equal
        whole = labels.astype(np.int64)
    wrong = np.argwhere(whole != labels)
    if len(wrong):
        where = tuple(wrong[0].tolist())
        place = f" at [{', '.join(map(str, where))}]" if where else ""
        raise ValueError(
            f"{function}: y_true must be whole numbers, a class each; got {labels[where]}{place}. "
            "For numbers take a loss as mean_squared_error"
        )
    return whole


def per_value(function: str, name: str, value: Array, shape: tuple[int, ...]) -> Array:
    """A weight or a mask with an axis for each of those of the values: trailing ones may be missing, or of length 1.

    Parameters
    ----------
    function, name : str        what a message says
    value : as `shape`, or its first axes
    shape        of the values, one for each prediction

    Returns
    -------
    array        a view that broadcasts over `shape`
    """
    if value.ndim == len(shape) + 1 and value.shape[-1] == 1:
        value = value[..., 0]
    if value.ndim > len(shape) or any(n != m and n != 1 for n, m in zip(value.shape, shape)):
        _checks.refuse_shape(function, name, "(...), one a value or the first axes of that,", shape, value.shape)
    return value.reshape(value.shape + (1,) * (len(shape) - value.ndim))


def real_values(function: str, mask: ArrayLike | None) -> Array | None:
    """A mask as an array of bool."""
    if mask is None:
        return None
    real = _arrays.asarray(function, "mask", mask)
    if real.dtype != bool:
        raise TypeError(
            f"{function}: mask must be bool, True where it counts; got {real.dtype}. Pass mask.astype(bool)"
        )
    return real


def kind_of_labels(y_true: Any, y_pred: Any) -> str:
    """What y_true says of y_pred, by their shapes: "binary", "sparse" (classes) or "categorical" (a share a class).

    Examples
    --------
    >>> import numpy as np
    >>> kind_of_labels(np.array([0, 2]), np.zeros((2, 3)))
    'sparse'
    """
    true, pred = np.shape(y_true), np.shape(y_pred)
    if not pred or pred[-1] == 1:
        return "binary"
    return "sparse" if len(true) < len(pred) or true[-1] == 1 else "categorical"
