"""The loss of a classifier, softmax and cross-entropy in one: forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class SoftmaxCrossEntropyTape:
    """What `softmax_cross_entropy_backward` reads; opaque, refers to the arguments of the forward."""

    logits: Array  # (..., C)
    labels: Array  # (...)

    def losses(self) -> Array:
        """The cross-entropy of every label, whose mean is the loss.

        Returns
        -------
        (...)        in nats

        Examples
        --------
        >>> loss, tape = softmax_cross_entropy_forward([[0.0, 0.0], [0.0, 5.0]], [0, 1])
        >>> tape.losses().round(4)
        array([0.6931, 0.0067])
        """
        shifted = self.logits - self.logits.max(axis=-1, keepdims=True)
        right = np.take_along_axis(shifted, self.labels[..., None], axis=-1)[..., 0]
        return np.asarray(np.log(np.exp(shifted).sum(axis=-1)) - right)


def softmax_cross_entropy(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean cross-entropy of the softmax of `logits` with one right class each.

        loss = mean of (log(sum over k of exp(logits[..., k])) - logits[..., labels])

    Parameters
    ----------
    logits : (..., C)        scores
    labels : (...)        the right class, integers in [0, C)

    Returns
    -------
    float        loss, in nats; 0 where there is nothing to take the mean of

    Raises
    ------
    IndexError        a label is C or more
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs". The row's maximum
    is subtracted first, so that no exp overflows.

    Examples
    --------
    >>> round(softmax_cross_entropy([[0.0, 0.0], [0.0, 1000.0]], [1, 1]), 4)  # log(2) / 2
    0.3466
    """
    return softmax_cross_entropy_forward(logits, labels)[0]


def softmax_cross_entropy_forward(
    logits: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[float, SoftmaxCrossEntropyTape]:
    """Run `softmax_cross_entropy` and keep the tape for `softmax_cross_entropy_backward`.

    Parameters, equation and errors are those of `softmax_cross_entropy`.

    Returns
    -------
    float        loss
    SoftmaxCrossEntropyTape        opaque, for `softmax_cross_entropy_backward`; refers to logits and labels

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
    """Differentiate `softmax_cross_entropy`.

        dlogits = (softmax(logits) - onehot(labels)) * dloss / N        N labels

    Parameters
    ----------
    tape : SoftmaxCrossEntropyTape        of `softmax_cross_entropy_forward`; not changed, and may be used again
    dloss : float        gradient of the loss

    Returns
    -------
    (..., C)        dlogits

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
