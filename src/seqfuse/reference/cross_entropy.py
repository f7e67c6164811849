"""Mean softmax cross-entropy with integer labels, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class SoftmaxCrossEntropyTape:
    """Tape of `softmax_cross_entropy_forward` for its backward function."""

    logits: Array  # (..., C)
    labels: Array  # (...)

    def losses(self) -> Array:
        """Return the cross-entropy of each label.

        The loss is their mean.

        Returns
        -------
        ndarray, shape (...)
            Cross-entropies in nats.

        Examples
        --------
        >>> loss, tape = softmax_cross_entropy_forward([[0.0, 0.0], [0.0, 5.0]], [0, 1])
        >>> tape.losses().round(4)
        array([0.6931, 0.0067])
        """
        shifted = self.logits - self.logits.max(axis=-1, keepdims=True)
        label_logits = np.take_along_axis(shifted, self.labels[..., None], axis=-1)[..., 0]
        return np.asarray(np.log(np.exp(shifted).sum(axis=-1)) - label_logits)


def softmax_cross_entropy(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Compute the mean cross-entropy between the softmax of logits and integer labels.

    See `softmax_cross_entropy_forward` for the equation.

    Parameters
    ----------
    logits : array_like, shape (..., C)
        Scores of the C classes, before the softmax.
    labels : array_like of int, shape (...)
        Number of the right class of each row, in 0..C-1.

    Returns
    -------
    loss : float
        Mean cross-entropy in nats. 0 if there are no labels.

    Raises
    ------
    IndexError
        If a label is C or more.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Examples
    --------
    >>> round(softmax_cross_entropy([[0.0, 0.0], [0.0, 1000.0]], [1, 1]), 4)  # log(2) / 2
    0.3466
    """
    return softmax_cross_entropy_forward(logits, labels)[0]


def softmax_cross_entropy_forward(
    logits: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[float, SoftmaxCrossEntropyTape]:
    """Compute the mean softmax cross-entropy and keep the tape for its backward function.

    Parameters
    ----------
    logits : array_like, shape (..., C)
        Scores of the C classes, before the softmax.
    labels : array_like of int, shape (...)
        Number of the right class of each row, in 0..C-1.

    Returns
    -------
    loss : float
        Mean cross-entropy in nats. 0 if there are no labels.
    SoftmaxCrossEntropyTape
        Opaque tape for `softmax_cross_entropy_backward`. Keeps references to logits and labels.

    Raises
    ------
    IndexError
        If a label is C or more.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        loss = mean over all labels of (log(sum over c of exp(logits[..., c])) - logits[..., label])

    The maximum of each row is subtracted first, so that no exponential overflows.

    Examples
    --------
    >>> loss, tape = softmax_cross_entropy_forward([[0.0, 0.0]], [1])
    >>> round(loss, 4)
    0.6931
    """
    logits = np.asarray(logits, computed_dtype(logits))
    labels = np.asarray(labels, np.intp)
    tape = SoftmaxCrossEntropyTape(logits, labels)
    return float(tape.losses().mean()) if labels.size else 0.0, tape


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

    Notes
    -----
    The equation, for N labels, is::

        dlogits = (softmax(logits) - onehot(labels)) * dloss / N

    Examples
    --------
    >>> loss, tape = softmax_cross_entropy_forward([[0.0, 0.0]], [1])
    >>> softmax_cross_entropy_backward(tape)
    array([[ 0.5, -0.5]])
    """
    logits, labels = tape.logits, tape.labels
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    softmax = e / e.sum(axis=-1, keepdims=True)
    onehot = np.arange(logits.shape[-1]) == labels[..., None]
    # forward: loss = mean of (log(sum of exp(logits)) - logits[label])
    return np.asarray((softmax - onehot) * (dloss / max(labels.size, 1)), logits.dtype)
