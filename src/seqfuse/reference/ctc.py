"""CTC loss by the recursion over the labels with blanks around them, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype
from seqfuse.reference.recurrent import valid_steps


@dataclass(frozen=True)
class CTCLossTape:
    """Tape of `ctc_loss_forward` for `ctc_loss_backward`."""

    logits: Array  # (T, B, C)
    valid: Array  # (T, B), True at valid steps
    labels: list[Array]  # labels of each row, without padding
    blank: int
    batch_first: bool
    losses: Array  # (B,), before zero_infinity is applied


def ctc_loss(
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    lengths: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    label_lengths: npt.ArrayLike | None = None,
    blank: int = 0,
    batch_first: bool = False,
    zero_infinity: bool = False,
) -> Array:
    """Compute the CTC loss of each sequence of a batch.

    See `ctc_loss_forward` for the equations.

    Parameters
    ----------
    logits : array_like, shape (T, B, C)
        Scores of the C classes at each step, before the softmax; (B, T, C) with batch_first.
    labels : array_like of int, shape (B, S)
        Labels of each row, in 0..C-1. None of them may be the blank.
    lengths : array_like of int, shape (B,), optional
        Number of valid steps of each row of the batch. All steps by default.
    mask : array_like of bool, shape (T, B), optional
        True at valid steps; (B, T) with batch_first. With `lengths`, both must mark a step as valid.
        All steps by default.
    label_lengths : array_like of int, shape (B,), optional
        Number of labels of each row. S by default.
    blank : int, optional
        Number of the blank class. 0 by default.
    batch_first : bool, optional
        If True, the first two axes of `logits` and `mask` are (B, T). False by default.
    zero_infinity : bool, optional
        If True, an infinite loss is returned as 0. False by default.

    Returns
    -------
    losses : ndarray, shape (B,)
        Loss of each row in nats. inf if no path spells the labels.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Examples
    --------
    >>> import numpy as np
    >>> ctc_loss(np.zeros((2, 1, 2)), [[1]])  # -log(3 / 4)
    array([0.28768207])
    """
    options = (blank, batch_first, zero_infinity)
    return _forward(logits, labels, lengths, mask, label_lengths, *options)[0]


def ctc_loss_forward(
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    lengths: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    label_lengths: npt.ArrayLike | None = None,
    blank: int = 0,
    batch_first: bool = False,
    zero_infinity: bool = False,
) -> tuple[Array, CTCLossTape]:
    """Compute the CTC loss of each sequence and keep the tape for `ctc_loss_backward`.

    Parameters
    ----------
    logits : array_like, shape (T, B, C)
        Scores of the C classes at each step, before the softmax; (B, T, C) with batch_first.
    labels : array_like of int, shape (B, S)
        Labels of each row, in 0..C-1. None of them may be the blank.
    lengths : array_like of int, shape (B,), optional
        Number of valid steps of each row of the batch. All steps by default.
    mask : array_like of bool, shape (T, B), optional
        True at valid steps; (B, T) with batch_first. With `lengths`, both must mark a step as valid.
        All steps by default.
    label_lengths : array_like of int, shape (B,), optional
        Number of labels of each row. S by default.
    blank : int, optional
        Number of the blank class. 0 by default.
    batch_first : bool, optional
        If True, the first two axes of `logits` and `mask` are (B, T). False by default.
    zero_infinity : bool, optional
        If True, an infinite loss is returned as 0. False by default.

    Returns
    -------
    losses : ndarray, shape (B,)
        Loss of each row in nats. inf if no path spells the labels.
    CTCLossTape
        Opaque tape for `ctc_loss_backward`. Keeps references to logits.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The states of a row are its labels with a blank before, between and after them, 2 S + 1 in all, and l[s] is the
    class of state s. a[t, s] is the total probability of the paths over steps 0..t that end in state s. It is computed
    in logarithms, because it soon becomes too small for floating point::

        p[t] = softmax(logits[t])
        a[t, s] = p[t, l[s]] * (a[t-1, s] + a[t-1, s-1] + a[t-1, s-2])
        loss = -log(a[T-1, 2 S] + a[T-1, 2 S - 1])

    The term a[t-1, s-2], which skips a blank, is omitted if l[s] is the blank or equals l[s-2].

    The source is Graves et al. 2006, "Connectionist temporal classification".

    Examples
    --------
    >>> import numpy as np
    >>> losses, tape = ctc_loss_forward(np.zeros((2, 1, 2)), [[1]])
    >>> losses
    array([0.28768207])
    """
    return _forward(logits, labels, lengths, mask, label_lengths, blank, batch_first, zero_infinity)


def _forward(
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    lengths: npt.ArrayLike | None,
    mask: npt.ArrayLike | None,
    label_lengths: npt.ArrayLike | None,
    blank: int,
    batch_first: bool,
    zero_infinity: bool,
) -> tuple[Array, CTCLossTape]:
    """Return the losses and the tape."""
    x = np.asarray(logits, computed_dtype(logits))
    x = x.swapaxes(0, 1) if batch_first else x
    T, B, _ = x.shape
    valid = valid_steps(T, B, lengths, mask, batch_first)
    labels_array = np.asarray(labels)
    counts = np.full(B, labels_array.shape[1]) if label_lengths is None else np.asarray(label_lengths)
    label_rows = [labels_array[b, : counts[b]].astype(np.intp) for b in range(B)]
    losses = np.empty(B, x.dtype)
    for b in range(B):
        states = _states(label_rows[b], blank)
        alpha = _recursion(_log_softmax(x[valid[:, b], b])[:, states], states)
        losses[b] = -_log_sum_of_last_two(alpha[-1])
    returned = np.where(np.isposinf(losses), 0, losses).astype(x.dtype) if zero_infinity else losses
    return returned, CTCLossTape(x, valid, label_rows, blank, batch_first, losses)


def ctc_loss_backward(tape: CTCLossTape, dlosses: npt.ArrayLike = 1.0) -> Array:
    """Compute the gradient of `ctc_loss_forward`.

    Parameters
    ----------
    tape : CTCLossTape
        Tape from `ctc_loss_forward`. It is not modified and may be used again.
    dlosses : array_like, shape (B,) or (), optional
        Gradient of the losses. 1 by default.

    Returns
    -------
    dlogits : ndarray, shape (T, B, C)
        Gradient of logits; (B, T, C) with batch_first. 0 at padding steps and in rows with an infinite loss.

    Notes
    -----
    b[t, s] is the probability of the steps after t, given state s at step t. It is computed with the recursion in
    reverse. Per row of the batch::

        joint[t, s] = a[t, s] * b[t, s]
        posterior[t, c] = (sum of joint[t, s] over s with l[s] = c) / (sum of joint[t, s] over all s)
        dlogits[t, c] = (softmax(logits[t])[c] - posterior[t, c]) * dlosses

    posterior[t, c] is the posterior probability that the alignment emits class c at step t.

    Examples
    --------
    >>> import numpy as np
    >>> losses, tape = ctc_loss_forward(np.zeros((2, 1, 2)), [[1]])
    >>> ctc_loss_backward(tape)[:, 0].round(4)
    array([[ 0.1667, -0.1667],
           [ 0.1667, -0.1667]])
    """
    x, valid = tape.logits, tape.valid
    row_gradients = np.broadcast_to(np.asarray(dlosses, x.dtype), tape.losses.shape)
    dx = np.zeros(x.shape, x.dtype)
    for b, labels in enumerate(tape.labels):
        if np.isposinf(tape.losses[b]):
            continue
        states = _states(labels, tape.blank)
        log_p = _log_softmax(x[valid[:, b], b])
        log_p_states = log_p[:, states]
        alpha = _recursion(log_p_states, states)[1:]
        with np.errstate(invalid="ignore"):  # -inf - -inf at a state whose class has probability 0
            beta = (
                _recursion(log_p_states[::-1, ::-1], states[::-1])[:0:-1, ::-1] - log_p_states
            )  # b excludes the probability of step t itself
        log_joint = np.where(np.isneginf(log_p_states), log_p_states, alpha + beta)
        posterior = np.exp(log_joint - log_joint.max(axis=1, keepdims=True, initial=np.finfo(x.dtype).min))
        posterior /= posterior.sum(axis=1, keepdims=True)
        onehot = np.equal.outer(states, np.arange(x.shape[2])).astype(x.dtype)
        # forward: loss = -log(sum over paths of the product of softmax)
        dx[valid[:, b], b] = (np.exp(log_p) - posterior @ onehot) * row_gradients[b]
    return dx.swapaxes(0, 1) if tape.batch_first else dx


def _states(labels: Array, blank: int) -> Array:
    """Return the labels with a blank before, between and after them."""
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    return states


def _recursion(log_p_states: Array, states: Array) -> Array:
    """Return log a before the first step and after each step, shape (n + 1, 2 S + 1).

    `log_p_states` (n, 2 S + 1) is the log-probability of the class of each state at each step.
    """
    log_skip = np.full(len(states), -np.inf, log_p_states.dtype)  # 0 if a path may skip the blank before the state
    log_skip[3::2] = np.where(states[3::2] != states[1:-2:2], 0, -np.inf)
    a = np.full((len(log_p_states) + 1, len(states)), -np.inf, log_p_states.dtype)
    a[0, 0] = 0
    for t, log_p in enumerate(log_p_states):
        from_previous = np.concatenate([a[t, :1] - np.inf, a[t, :-1]])
        from_second_previous = np.concatenate([a[t, :1] - np.inf, from_previous[:-1]]) + log_skip
        a[t + 1] = log_p + np.logaddexp(np.logaddexp(a[t], from_previous), from_second_previous)
    return a


def _log_sum_of_last_two(a: Array) -> Array:
    """Return the logarithm of the sum of the probabilities of the last two states."""
    return np.asarray(np.logaddexp.reduce(a[-2:]))


def _log_softmax(x: Array) -> Array:
    """Return the logarithm of the softmax over the last axis."""
    with np.errstate(invalid="ignore"):  # inf - inf is NaN, as it should be
        shifted = x - x.max(axis=-1, keepdims=True, initial=-np.inf)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
