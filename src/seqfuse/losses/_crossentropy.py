"""Losses of shares: how unlikely the predictions say that the targets are, given as shares."""

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

EPSILON = 1e-7  # shares are held within EPSILON and 1 - EPSILON before their logarithm, as Keras does


class ShareLoss(Loss):
    """What losses of shares have in common: logits, smoothed labels, and classes in the last axis."""

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

    def _smoothed(self, y_true: Array, even: float) -> Array:
        """The targets, moved a little to where all are the same."""
        return y_true * (1 - self.label_smoothing) + self.label_smoothing * even if self.label_smoothing else y_true


def last_axis(function: str, axis: Any) -> int:
    """Refuse classes in another axis than the last."""
    if axis != -1:
        raise ValueError(f"{function}: axis must be -1; got {axis}. Move the classes last: numpy.moveaxis(y, axis, -1)")
    return -1


def inside(shares: Array) -> Array:
    """Which shares are not held at a bound, and so have a gradient."""
    return (shares >= EPSILON) & (shares <= 1 - EPSILON)


class BinaryCrossentropy(ShareLoss):
    """value = mean over c of -(t log(p) + (1 - t) log(1 - p)), with p = y_pred[c] and t = y_true[c]

    Parameters
    ----------
    from_logits : bool        y_pred are logits, p = sigmoid(y_pred); otherwise p is held within 1e-7 and 1 - 1e-7
    label_smoothing : float        t becomes t (1 - label_smoothing) + label_smoothing / 2; in [0, 1)
    axis : -1        where the mean is taken
    reduction, name : as for `Loss`

    Examples
    --------
    >>> round(BinaryCrossentropy()([[1.0], [0.0]], [[0.9], [0.2]]), 4)
    0.1643
    """

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """The mean cross-entropy of each row."""
        t = self._smoothed(y_true, 1 / 2)
        if self.from_logits:  # -log(sigmoid(x)) = log(1 + exp(-x)), with an exp that cannot overflow
            return mean_of_row(np.maximum(y_pred, 0) - y_pred * t + np.log1p(np.exp(-np.abs(y_pred))))
        p = np.clip(y_pred, EPSILON, 1 - EPSILON)
        return mean_of_row(-(t * np.log(p) + (1 - t) * np.log(1 - p)))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """dy_pred = (sigmoid(y_pred) - t) / C of logits; (p - t) / (p (1 - p)) / C of shares, 0 where p is held"""
        t = self._smoothed(y_true, 1 / 2)
        if self.from_logits:
            e = np.exp(-np.abs(y_pred))
            return np.asarray((np.where(y_pred >= 0, 1, e) / (1 + e) - t) * (1 / y_pred.shape[-1]))
        p = np.clip(y_pred, EPSILON, 1 - EPSILON)
        return np.asarray((p - t) / (p * (1 - p)) * inside(y_pred) * (1 / y_pred.shape[-1]))


class CategoricalCrossentropy(ShareLoss):
    """value = -sum over c of t[c] log(p[c]), with t = y_true

    Parameters
    ----------
    from_logits : bool        y_pred are logits, p = softmax(y_pred); otherwise p = y_pred / sum(y_pred), held within
        1e-7 and 1 - 1e-7
    label_smoothing : float        t becomes t (1 - label_smoothing) + label_smoothing / C; in [0, 1)
    axis : -1        where the classes are
    reduction, name : as for `Loss`

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[0.0, 1.0, 0.0]], [[0.05, 0.95, 0.0]]), 4)
    0.0513
    """

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """The cross-entropy of each row."""
        t = self._smoothed(y_true, 1 / y_pred.shape[-1])
        if self.from_logits:
            shifted = y_pred - y_pred.max(axis=-1, keepdims=True)
            log_p = shifted - np.log(np.add.reduce(np.exp(shifted), axis=-1, keepdims=True))
        else:
            log_p = np.log(np.clip(y_pred / y_pred.sum(axis=-1, keepdims=True), EPSILON, 1 - EPSILON))
        return np.asarray(-np.add.reduce(t * log_p, axis=-1))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """dy_pred = softmax(y_pred) sum(t) - t of logits; of shares the derivative of p = y_pred / sum(y_pred) too"""
        t = self._smoothed(y_true, 1 / y_pred.shape[-1])
        if self.from_logits:
            return np.asarray(F.softmax(y_pred) * t.sum(axis=-1, keepdims=True) - t)
        total = y_pred.sum(axis=-1, keepdims=True)
        p = y_pred / total
        weight = np.where(inside(p), t, 0)  # -p dp: what of t is not held
        # forward: p = y_pred / total   =>   dy_pred[c] = (dp[c] - sum over k of dp[k] p[k]) / total
        dp = -weight / np.clip(p, EPSILON, 1 - EPSILON)
        return np.asarray((dp + weight.sum(axis=-1, keepdims=True)) / total)


def binary_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """The values of `BinaryCrossentropy`, one for each row of y_pred.

    Examples
    --------
    >>> binary_crossentropy([[1.0, 0.0]], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    return BinaryCrossentropy(from_logits, label_smoothing, axis, None)(y_true, y_pred)


def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """The values of `CategoricalCrossentropy`, one for each row of y_pred.

    Examples
    --------
    >>> categorical_crossentropy([[1.0, 0.0]], [[0.5, 0.5]]).round(4)
    array([0.6931])
    """
    return CategoricalCrossentropy(from_logits, label_smoothing, axis, None)(y_true, y_pred)
