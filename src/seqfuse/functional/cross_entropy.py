"""The mean cross-entropy of a softmax with labels, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels

_ADVICE = "Leave out what is to be ignored before the call"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class SoftmaxCrossEntropyTape:
    """What `softmax_cross_entropy_backward` reads; opaque, refers to logits."""

    _kernels: Kernels
    _logits: Array
    _labels: Array  # flat int64, a copy
    _row_max: Array  # (N,), the maximum of a row
    _inv_sum: Array  # (N,), 1 / the sum of exp(logits - row_max)

    def __repr__(self) -> str:
        return f"<SoftmaxCrossEntropyTape logits={self._logits.shape} {self._logits.dtype}>"

    def losses(self) -> Array:
        """The cross-entropy of every label, whose mean is the loss; new with every call.

        Returns
        -------
        (...)        in nats, in the type of logits

        Examples
        --------
        >>> from seqfuse import functional as F
        >>> loss, tape = F.softmax_cross_entropy_forward([[0.0, 0.0], [0.0, 5.0]], [0, 1])
        >>> tape.losses().round(4)
        array([0.6931, 0.0067])
        """
        right = _arrays.rows(self._logits)[np.arange(self._labels.size), self._labels]
        # -log(exp(right - row_max) * inv_sum)
        return np.asarray(self._row_max - right - np.log(self._inv_sum)).reshape(self._logits.shape[:-1])


def softmax_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> float:
    """The mean over all labels of log(sum(exp(logits))) - logits[label].

    Parameters
    ----------
    logits : (..., C)        any finite numbers, not yet probabilities
    labels : (...)        integers of any type in 0..C-1

    Returns
    -------
    float        in nats; 0 where there is no label at all

    Raises
    ------
    ValueError        a shape disagrees, or a label is outside 0..C-1
    TypeError        labels are not integers, or logits a kind of number that is not computed with

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> round(F.softmax_cross_entropy([[0.0, 0.0], [5.0, 5.0]], [0, 1]), 6)
    0.693147
    """
    loss, _ = _forward("softmax_cross_entropy", logits, labels, False)
    return loss


def softmax_cross_entropy_forward(logits: ArrayLike, labels: ArrayLike) -> tuple[float, SoftmaxCrossEntropyTape]:
    """As `softmax_cross_entropy`, and the tape for `softmax_cross_entropy_backward`, which refers to logits.

    Parameters
    ----------
    logits, labels : as for `softmax_cross_entropy`

    Returns
    -------
    loss : float
    SoftmaxCrossEntropyTape        opaque; it keeps the maximum and the reciprocal sum of each row

    Raises
    ------
    ValueError, TypeError        as `softmax_cross_entropy`

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
    return loss, SoftmaxCrossEntropyTape(kernels, logits, flat, row_max, inv_sum)


def softmax_cross_entropy_backward(tape: SoftmaxCrossEntropyTape, dloss: float = 1.0) -> Array:
    """Gradient of `softmax_cross_entropy_forward`: dlogits = (softmax(logits) - onehot(labels)) * dloss / N.

    Parameters
    ----------
    tape : SoftmaxCrossEntropyTape        from `softmax_cross_entropy_forward`; not changed, it may be read again
    dloss : float        gradient of the mean over the N labels

    Returns
    -------
    dlogits : (..., C)

    Raises
    ------
    TypeError        not such a tape, or dloss is not a number

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
        raise TypeError(
            f"{function}: tape must be what softmax_cross_entropy_forward returned; got {type(tape).__name__}"
        )
    dloss = _checks.real(function, "dloss", dloss)
    logits, labels = tape._logits, tape._labels
    dlogits = np.empty(logits.shape, logits.dtype)
    if labels.size:
        tape._kernels.cross_entropy_backward(
            _arrays.rows(logits), labels, tape._row_max, tape._inv_sum, dloss / labels.size,
            _arrays.rows(dlogits), _threads.current(),
        )  # fmt: skip
    return dlogits
