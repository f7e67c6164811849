"""Cross-entropy loss with class indices as targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks
from seqfuse import functional as F
from seqfuse.losses._crossentropy import EPSILON, last_axis, unclipped
from seqfuse.losses._loss import Loss, per_row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class SparseCategoricalCrossentropy(Loss):
    """Categorical cross-entropy with class indices as targets: value = -log(p[y_true]).

    Parameters
    ----------
    from_logits : bool, default False
        Whether `y_pred` contains logits, p = softmax(y_pred). Otherwise p = y_pred / sum(y_pred), clipped to
        [1e-7, 1 - 1e-7].
    ignore_class : int, optional
        Label to ignore, for example of padding: its value is 0 and it does not count in a mean. It need not be in
        0..C-1.
    reduction : str or None, default "sum_over_batch_size"
        How the values become one number; see `Loss`.
    axis : int, default -1
        Axis of the classes. Only -1 is supported.
    name : str, default "sparse_categorical_crossentropy"
        Name of the loss.

    Raises
    ------
    ValueError
        If `axis` is not -1.
    TypeError
        If `ignore_class` is not an integer.

    Notes
    -----
    With logits, the loss is `seqfuse.functional.softmax_cross_entropy`: one pass over the logits forward and one
    backward.

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
        index = np.arange(len(rows)), y_true.flatten()  # a copy, because labels may be changed before backward
        target, total = rows[index], np.add.reduce(rows, axis=-1)
        p = np.asarray(target / total)
        values = -np.log(np.clip(p, EPSILON, 1 - EPSILON))
        return values.reshape(y_true.shape), (y_pred, index, target, total, unclipped(p))

    def _derivative(self, saved: Any, factor: Array | float) -> Array:
        derivative = self._logits_derivative if self.from_logits else self._probabilities_derivative
        return derivative(factor, *saved)

    def _logits_derivative(self, factor: Array | float, tape: Any, count: int) -> Array:
        """Return dy_pred = (softmax(y_pred) - one_hot(y_true)) * factor."""
        if isinstance(factor, float):
            return F.softmax_cross_entropy_backward(tape, factor * count)  # the loss of the tape is a mean
        dy_pred = F.softmax_cross_entropy_backward(tape, count)
        dy_pred *= per_row(factor, dy_pred)
        return dy_pred

    def _probabilities_derivative(
        self, factor: Array | float, y_pred: Array, index: Any, target: Array, total: Array, has_gradient: Array
    ) -> Array:
        """Return dy_pred[c] = (1 / total - one_hot(y_true)[c] / y_pred[c]) * factor; 0 where p is clipped."""
        factors = factor if isinstance(factor, float) else factor.reshape(-1)
        dvalue = np.asarray(np.where(has_gradient, factors, 0), target.dtype)
        # forward: value = log(total) - log(target), and target is one of the terms of total
        dy_pred = np.empty((len(target), y_pred.shape[-1]), target.dtype)
        dy_pred[...] = (dvalue / total)[:, None]
        dy_pred[index] -= dvalue / target
        return dy_pred.reshape(y_pred.shape)


def sparse_categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """Return the values of `SparseCategoricalCrossentropy`, one per row of y_pred.

    Parameters
    ----------
    y_true : array_like of int, shape (...) or (..., 1)
        Classes in 0..C-1.
    y_pred : array_like, shape (..., C)
        Probabilities or logits.
    from_logits : bool, default False
        Whether `y_pred` contains logits instead of probabilities.
    ignore_class : int, optional
        Label whose value is 0.
    axis : int, default -1
        Axis of the classes. Only -1 is supported.

    Returns
    -------
    ndarray, shape (...)
        Values.

    Examples
    --------
    >>> sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [0.25, 0.75]]).round(4)
    array([0.6931, 1.3863])
    """
    return SparseCategoricalCrossentropy(from_logits, ignore_class, None, axis)(y_true, y_pred)
