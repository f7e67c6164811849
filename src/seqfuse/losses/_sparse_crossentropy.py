"""The loss of a classifier: how unlikely the predictions say that the right classes are, given as their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks
from seqfuse import functional as F
from seqfuse.losses._crossentropy import EPSILON, inside, last_axis
from seqfuse.losses._loss import Loss, per_row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class SparseCategoricalCrossentropy(Loss):
    """value = -log(p[y_true])

    Parameters
    ----------
    from_logits : bool        y_pred are logits, p = softmax(y_pred); otherwise p = y_pred / sum(y_pred), held within
        1e-7 and 1 - 1e-7
    ignore_class : int        a label whose value is 0 and does not count in a mean; it need not be in 0..C-1
    reduction, name : as for `Loss`
    axis : -1        where the classes are

    Notes
    -----
    Of logits, `functional.softmax_cross_entropy` is the whole loss: one pass over them forward and one backward.

    Examples
    --------
    >>> loss = SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    >>> value, tape = loss.forward([0, -1], [[0.0, 0.0], [5.0, 0.0]])
    >>> round(value, 4), loss.backward(tape)
    (0.6931, array([[-0.5,  0.5],
           [ 0. ,  0. ]]))
    """

    labels = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
    ) -> None:
        super().__init__(name, reduction)
        (self.from_logits,) = _checks.flags(self._function, ("from_logits",), (from_logits,))
        self.axis = last_axis(self._function, axis)
        if ignore_class is not None and _checks.index(ignore_class) is None:
            raise TypeError(f"{self._function}: ignore_class must be an integer or None; got {ignore_class!r}")
        self.ignore_class = ignore_class

    def _evaluate(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        if self.from_logits:
            _, tape = F.softmax_cross_entropy_forward(y_pred, y_true)
            return tape.losses(), (tape, y_true.size)
        rows = _arrays.rows(y_pred)
        place = np.arange(len(rows)), y_true.flatten()  # a copy: a label may be changed before backward
        right, total = rows[place], np.add.reduce(rows, axis=-1)
        share = np.asarray(right / total)
        values = -np.log(np.clip(share, EPSILON, 1 - EPSILON))
        return values.reshape(y_true.shape), (y_pred, place, right, total, inside(share))

    def _derivative(self, saved: Any, factor: Array | float) -> Array:
        return (self._derivative_of_logits if self.from_logits else self._derivative_of_shares)(factor, *saved)

    def _derivative_of_logits(self, factor: Array | float, tape: Any, count: int) -> Array:
        """dy_pred = (softmax(y_pred) - onehot(y_true)) factor"""
        if isinstance(factor, float):
            return F.softmax_cross_entropy_backward(tape, factor * count)  # the tape's loss is the mean
        dy_pred = F.softmax_cross_entropy_backward(tape, count)
        dy_pred *= per_row(factor, dy_pred)
        return dy_pred

    def _derivative_of_shares(
        self, factor: Array | float, y_pred: Array, place: Any, right: Array, total: Array, free: Array
    ) -> Array:
        """dy_pred[c] = (1 / total - [c is y_true] / y_pred[c]) factor, 0 where the share is held"""
        each = np.asarray(np.where(free, factor if isinstance(factor, float) else factor.reshape(-1), 0), right.dtype)
        # forward: value = log(total) - log(right), and right is one of the terms of total
        dy_pred = np.empty((len(right), y_pred.shape[-1]), right.dtype)
        dy_pred[...] = (each / total)[:, None]
        dy_pred[place] -= each / right
        return dy_pred.reshape(y_pred.shape)


def sparse_categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """The values of `SparseCategoricalCrossentropy`, one for each row of y_pred.

    Examples
    --------
    >>> sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [0.25, 0.75]]).round(4)
    array([0.6931, 1.3863])
    """
    return SparseCategoricalCrossentropy(from_logits, ignore_class, None, axis)(y_true, y_pred)
