"""Mean softmax cross-entropy with integer labels, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels

_ADVICE = "Remove rows without a label before the call"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class SoftmaxCrossEntropyTape:
    """Tape of `softmax_cross_entropy_forward` for its backward function: opaque, keeps a reference to logits."""

    _kernels: Kernels
    _logits: Array
    _labels: Array  # (N,) int64, a copy
    _row_max: Array  # (N,), maximum of each row of logits
    _inv_sum: Array  # (N,), 1 / (sum of exp(logits - row_max))
    _guards: tuple[object, ...]  # see _arrays.guard

    def __repr__(self) -> str:
        return f"<SoftmaxCrossEntropyTape logits={self._logits.shape} {self._logits.dtype}>"

    def losses(self) -> Array:
        """Return the cross-entropy of each label.

        The loss is their mean.

        Returns
        -------
        ndarray, shape (...)
            Cross-entropies in nats, in the dtype of logits. A new array at every call.

        Examples
        --------
        >>> from seqfuse import functional as F
        >>> loss, tape = F.softmax_cross_entropy_forward([[0.0, 0.0], [0.0, 5.0]], [0, 1])
        >>> tape.losses().round(4)
        array([0.6931, 0.0067])
        """
        label_logits = _arrays.rows(self._logits)[np.arange(self._labels.size), self._labels]
        # loss = -log(exp(label_logits - row_max) * inv_sum)
        return np.asarray(self._row_max - label_logits - np.log(self._inv_sum)).reshape(self._logits.shape[:-1])


def softmax_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> float:
    """Compute the mean cross-entropy between the softmax of logits and integer labels.

    See `softmax_cross_entropy_forward` for the equation.

    Parameters
    ----------
    logits : array_like, shape (..., C)
        Finite scores of the C classes, before the softmax.
    labels : array_like of int, shape (...)
        Number of the right class of each row, in 0..C-1, of any integer dtype.

    Returns
    -------
    loss : float
        Mean cross-entropy in nats. 0 if there are no labels.

    Raises
    ------
    ValueError
        If a shape does not fit, or if a label is outside 0..C-1.
    TypeError
        If `labels` are not integers, or if `logits` have an unsupported dtype.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> round(F.softmax_cross_entropy([[0.0, 0.0], [5.0, 5.0]], [0, 1]), 6)
    0.693147
    """
    loss, _ = _forward("softmax_cross_entropy", logits, labels, False)
    return loss


def softmax_cross_entropy_forward(logits: ArrayLike, labels: ArrayLike) -> tuple[float, SoftmaxCrossEntropyTape]:
    """Compute the mean softmax cross-entropy and keep the tape for its backward function.

    Parameters
    ----------
    logits : array_like, shape (..., C)
        Finite scores of the C classes, before the softmax.
    labels : array_like of int, shape (...)
        Number of the right class of each row, in 0..C-1, of any integer dtype.

    Returns
    -------
    loss : float
        Mean cross-entropy in nats. 0 if there are no labels.
    SoftmaxCrossEntropyTape
        Opaque tape for `softmax_cross_entropy_backward`. Keeps a reference to logits, which must not be modified before
        the backward function has run, and two numbers per row.

    Raises
    ------
    ValueError
        If a shape does not fit, or if a label is outside 0..C-1.
    TypeError
        If `labels` are not integers, or if `logits` have an unsupported dtype.

    Notes
    -----
    The equation is::

        loss = mean over all labels of (log(sum over c of exp(logits[..., c])) - logits[..., label])

    The maximum of each row is subtracted first, so that no exponential overflows.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> loss, tape = F.softmax_cross_entropy_forward([[0.0, 0.0], [5.0, 5.0]], [0, 1])
    >>> tape
    <SoftmaxCrossEntropyTape logits=(2, 2) float64>
    """
    return _forward("softmax_cross_entropy_forward", logits, labels, True)


def _forward(function: str, logits: Any, labels: ArrayLike, keep: bool) -> tuple[float, SoftmaxCrossEntropyTape]:
    logits, _ = _arrays.widest(function, ("logits",), (logits,))
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"{function}: logits must be (..., C) with C at least 1; got {logits.shape}")
    flat, shape = _checks.indices(function, "labels", labels, "0..C-1", logits.shape[-1] - 1, keep, _ADVICE)
    _checks.shape(function, "labels", "(...)", logits.shape[:-1], shape)
    kernels = _backend.kernels
    row_max, inv_sum = np.empty(flat.size, logits.dtype), np.empty(flat.size, logits.dtype)
    loss = 0.0
    if flat.size:
        loss = kernels.cross_entropy_forward(_arrays.rows(logits), flat, row_max, inv_sum, _threads.current())
    return loss, SoftmaxCrossEntropyTape(kernels, logits.view(), flat, row_max, inv_sum, _arrays.guard(logits))


def softmax_cross_entropy_backward(tape: SoftmaxCrossEntropyTape, dloss: float = 1.0) -> Array:
    """Compute the gradient of `softmax_cross_entropy_forward`.

    Parameters
    ----------
    tape : SoftmaxCrossEntropyTape
        Tape from `softmax_cross_entropy_forward`. It is not modified and may be used again.
    dloss : float, optional
        Gradient of the loss. 1 by default.

    Returns
    -------
    dlogits : ndarray, shape (..., C)
        Gradient of logits.

    Raises
    ------
    TypeError
        If `tape` comes from another function, or if `dloss` is not a number.

    Notes
    -----
    The equation, for N labels, is::

        dlogits = (softmax(logits) - onehot(labels)) * dloss / N

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> loss, tape = F.softmax_cross_entropy_forward([[0.0, 0.0], [5.0, 5.0]], [0, 1])
    >>> F.softmax_cross_entropy_backward(tape)
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    """
    function = "softmax_cross_entropy_backward"
    if not isinstance(tape, SoftmaxCrossEntropyTape):
        raise TypeError(f"{function}: tape must come from softmax_cross_entropy_forward; got {type(tape).__name__}")
    dloss = _checks.real(function, "dloss", dloss)
    logits, labels = tape._logits, tape._labels
    dlogits = np.empty(logits.shape, logits.dtype)
    if labels.size:
        tape._kernels.cross_entropy_backward(
            _arrays.rows(logits), labels, tape._row_max, tape._inv_sum, dloss / labels.size,
            _arrays.rows(dlogits), _threads.current(),
        )  # fmt: skip
    return dlogits
