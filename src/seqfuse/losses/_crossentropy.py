"""Cross-entropy losses with probabilities as targets: binary and categorical."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse.losses._loss import Loss
from seqfuse.losses._regression import mean_of_row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array

EPSILON = 1e-7  # probabilities are clipped to [EPSILON, 1 - EPSILON] before the logarithm, as in Keras


class ProbabilityLoss(Loss):
    """Base class of the losses whose targets are probabilities: arguments and label smoothing."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(name, reduction)
        (self.from_logits,) = _checks.flags(self._function, ("from_logits",), (from_logits,))
        self.label_smoothing = _checks.fraction(self._function, "label_smoothing", label_smoothing)
        self.axis = last_axis(self._function, axis)

    def _smoothed(self, y_true: Array, uniform: float) -> Array:
        """Return the targets mixed with a uniform distribution."""
        if not self.label_smoothing:
            return y_true
        return y_true * (1 - self.label_smoothing) + self.label_smoothing * uniform


def last_axis(function: str, axis: Any) -> int:
    """Return -1; refuse any other axis of the classes."""
    if axis != -1:
        raise ValueError(f"{function}: axis must be -1; got {axis}. Move the classes last: numpy.moveaxis(y, axis, -1)")
    return -1


def unclipped(probabilities: Array) -> Array:
    """Return which probabilities are inside the clipping bounds; only these have a gradient."""
    return (probabilities >= EPSILON) & (probabilities <= 1 - EPSILON)


class BinaryCrossentropy(ProbabilityLoss):
    """Binary cross-entropy.

    With t = y_true[c] and p = y_pred[c], the value is the mean over c of ::

        -(t log(p) + (1 - t) log(1 - p))

    Parameters
    ----------
    from_logits : bool, default False
        Whether `y_pred` contains logits, p = sigmoid(y_pred). Otherwise it contains probabilities, which are clipped
        to [1e-7, 1 - 1e-7].
    label_smoothing : float, default 0.0
        Label smoothing, in [0, 1): t becomes t (1 - label_smoothing) + label_smoothing / 2.
    axis : int, default -1
        Axis of the mean. Only -1 is supported.
    reduction : str or None, default "sum_over_batch_size"
        How the values become one number; see `Loss`.
    name : str, default "binary_crossentropy"
        Name of the loss.

    Raises
    ------
    ValueError
        If `label_smoothing` or `axis` is outside its range.

    Examples
    --------
    >>> round(BinaryCrossentropy()([[1.0], [0.0]], [[0.9], [0.2]]), 4)
    0.1643
    """

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Return the mean cross-entropy of each row."""
        t = self._smoothed(y_true, 1 / 2)
        if self.from_logits:  # -log(sigmoid(x)) = log(1 + exp(-x)), written so that exp cannot overflow
            return mean_of_row(np.maximum(y_pred, 0) - y_pred * t + np.log1p(np.exp(-np.abs(y_pred))))
        p = np.clip(y_pred, EPSILON, 1 - EPSILON)
        return mean_of_row(-(t * np.log(p) + (1 - t) * np.log(1 - p)))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return the gradient of the values.

        Logits: dy_pred = (sigmoid(y_pred) - t) / C. Probabilities: dy_pred = (p - t) / (p (1 - p)) / C, and 0 where p
        is clipped.
        """
        t = self._smoothed(y_true, 1 / 2)
        if self.from_logits:
            e = np.exp(-np.abs(y_pred))
            return np.asarray((np.where(y_pred >= 0, 1, e) / (1 + e) - t) * (1 / y_pred.shape[-1]))
        p = np.clip(y_pred, EPSILON, 1 - EPSILON)
        return np.asarray((p - t) / (p * (1 - p)) * unclipped(y_pred) * (1 / y_pred.shape[-1]))


class CategoricalCrossentropy(ProbabilityLoss):
    """Categorical cross-entropy: value = -sum over c of t[c] log(p[c]) with t = y_true.

    Parameters
    ----------
    from_logits : bool, default False
        Whether `y_pred` contains logits, p = softmax(y_pred). Otherwise p = y_pred / sum(y_pred), clipped to
        [1e-7, 1 - 1e-7].
    label_smoothing : float, default 0.0
        Label smoothing, in [0, 1): t becomes t (1 - label_smoothing) + label_smoothing / C.
    axis : int, default -1
        Axis of the classes. Only -1 is supported.
    reduction : str or None, default "sum_over_batch_size"
        How the values become one number; see `Loss`.
    name : str, default "categorical_crossentropy"
        Name of the loss.

    Raises
    ------
    ValueError
        If `label_smoothing` or `axis` is outside its range.

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[0.0, 1.0, 0.0]], [[0.05, 0.95, 0.0]]), 4)
    0.0513
    """

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Return the cross-entropy of each row."""
        t = self._smoothed(y_true, 1 / y_pred.shape[-1])
        if self.from_logits:
            shifted = y_pred - y_pred.max(axis=-1, keepdims=True)
            log_p = shifted - np.log(np.add.reduce(np.exp(shifted), axis=-1, keepdims=True))
        else:
            log_p = np.log(np.clip(y_pred / y_pred.sum(axis=-1, keepdims=True), EPSILON, 1 - EPSILON))
        return np.asarray(-np.add.reduce(t * log_p, axis=-1))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """Return the gradient of the values.

        Logits: dy_pred = softmax(y_pred) sum(t) - t. Probabilities: the derivative includes that of
        p = y_pred / sum(y_pred).
        """
        t = self._smoothed(y_true, 1 / y_pred.shape[-1])
        if self.from_logits:
            return np.asarray(F.softmax(y_pred) * t.sum(axis=-1, keepdims=True) - t)
        total = y_pred.sum(axis=-1, keepdims=True)
        p = y_pred / total
        weight = np.where(unclipped(p), t, 0)  # -p dp: the targets whose probability is not clipped
        # forward: p = y_pred / total   =>   dy_pred[c] = (dp[c] - sum over k of dp[k] p[k]) / total
        dp = -weight / np.clip(p, EPSILON, 1 - EPSILON)
        return np.asarray((dp + weight.sum(axis=-1, keepdims=True)) / total)


def binary_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Return the values of `BinaryCrossentropy`, one per row of y_pred.

    Parameters
    ----------
    y_true : array_like, shape of y_pred
        Targets.
    y_pred : array_like, shape (..., C)
        Predictions.
    from_logits : bool, default False
        Whether `y_pred` contains logits instead of probabilities.
    label_smoothing : float, default 0.0
        Label smoothing, in [0, 1); see the class.
    axis : int, default -1
        Axis of the classes. Only -1 is supported.

    Returns
    -------
    ndarray, shape (...)
        Values.

    Examples
    --------
    >>> binary_crossentropy([[1.0, 0.0]], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    return BinaryCrossentropy(from_logits, label_smoothing, axis, None)(y_true, y_pred)


def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Return the values of `CategoricalCrossentropy`, one per row of y_pred.

    Parameters
    ----------
    y_true : array_like, shape of y_pred
        Targets.
    y_pred : array_like, shape (..., C)
        Predictions.
    from_logits : bool, default False
        Whether `y_pred` contains logits instead of probabilities.
    label_smoothing : float, default 0.0
        Label smoothing, in [0, 1); see the class.
    axis : int, default -1
        Axis of the classes. Only -1 is supported.

    Returns
    -------
    ndarray, shape (...)
        Values.

    Examples
    --------
    >>> categorical_crossentropy([[1.0, 0.0]], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    return CategoricalCrossentropy(from_logits, label_smoothing, axis, None)(y_true, y_pred)
