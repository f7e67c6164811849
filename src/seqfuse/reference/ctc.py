"""The CTC loss by the recursion over the labels with blanks around them: forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype
from seqfuse.reference.recurrent import real_steps


@dataclass(frozen=True)
class CTCLossTape:
    """What `ctc_loss_backward` reads; opaque, refers to the arguments of the forward."""

    logits: Array  # (T, B, C)
    real: Array  # (T, B)
    labels: list[Array]  # of each row those that are read
    blank: int
    batch_first: bool
    losses: Array  # (B,), before zero_infinity


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
    """Minus the log of the probability that each sequence of logits spells its labels.

        l = -, labels[0], -, labels[1], -, ..., -                        2 S + 1 states, - the blank
        a[t, s] = p[t, l[s]] (a[t-1, s] + a[t-1, s-1] + (a[t-1, s-2] if l[s] is neither - nor l[s-2]))
        loss = -log(a[T-1, 2 S] + a[T-1, 2 S - 1])                       p = softmax(logits)

    Parameters
    ----------
    logits : (T, B, C)
    labels : (B, S)        integers in [0, C), none of them the blank
    lengths, mask : (B,), (T, B)        which steps are real; all by default
    label_lengths : (B,)        how many labels a row has; S by default
    blank : int        the class that says nothing
    batch_first : bool        logits are (B, T, C), and a mask (B, T)
    zero_infinity : bool        a loss of inf becomes 0

    Returns
    -------
    (B,)        losses, in nats; inf where no path spells the labels

    Raises
    ------
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Graves et al. 2006, "Connectionist temporal classification". Everything is a logarithm here: a is soon too small.

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
    """Run `ctc_loss` and keep the tape for `ctc_loss_backward`.

    Parameters, equations and errors are those of `ctc_loss`.

    Returns
    -------
    (B,)        losses
    CTCLossTape        opaque, for `ctc_loss_backward`; refers to logits

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
    x = np.asarray(logits, computed_dtype(logits))
    x = x.swapaxes(0, 1) if batch_first else x
    T, B, _ = x.shape
    real = real_steps(T, B, lengths, mask, batch_first)
    given = np.asarray(labels)
    counts = np.full(B, given.shape[1]) if label_lengths is None else np.asarray(label_lengths)
    rows = [given[b, : counts[b]].astype(np.intp) for b in range(B)]
    losses = np.empty(B, x.dtype)
    for b in range(B):
        states = _states(rows[b], blank)
        alpha = _recursion(_log_softmax(x[real[:, b], b])[:, states], states)
        losses[b] = -_end(alpha[-1])
    shown = np.where(np.isposinf(losses), 0, losses).astype(x.dtype) if zero_infinity else losses
    return shown, CTCLossTape(x, real, rows, blank, batch_first, losses)


def ctc_loss_backward(tape: CTCLossTape, dlosses: npt.ArrayLike = 1.0) -> Array:
    """Differentiate `ctc_loss`.

        dlogits[t] = (softmax(logits[t]) - sum over s of onehot(l[s]) a[t, s] b[t, s] / sum over s of the same) dlosses

    with b[t, s] the probability of the steps behind t from state s on: the recursion read from the end.

    Parameters
    ----------
    tape : CTCLossTape        of `ctc_loss_forward`; not changed, and may be used again
    dlosses : (B,) or one number        gradient of the losses

    Returns
    -------
    (T, B, C)        dlogits, or (B, T, C) with batch_first; 0 at unreal steps and where the loss is inf

    Examples
    --------
    >>> import numpy as np
    >>> losses, tape = ctc_loss_forward(np.zeros((2, 1, 2)), [[1]])
    >>> ctc_loss_backward(tape)[:, 0].round(4)
    array([[ 0.1667, -0.1667],
           [ 0.1667, -0.1667]])
    """
    x, real = tape.logits, tape.real
    factors = np.broadcast_to(np.asarray(dlosses, x.dtype), tape.losses.shape)
    dx = np.zeros(x.shape, x.dtype)
    for b, labels in enumerate(tape.labels):
        if np.isposinf(tape.losses[b]):
            continue
        states = _states(labels, tape.blank)
        log_p = _log_softmax(x[real[:, b], b])
        said = log_p[:, states]
        alpha = _recursion(said, states)[1:]
        with np.errstate(invalid="ignore"):  # -inf - -inf at a state that says what is impossible
            beta = _recursion(said[::-1, ::-1], states[::-1])[:0:-1, ::-1] - said  # less the step itself
        through = np.where(np.isneginf(said), said, alpha + beta)
        shares = np.exp(through - through.max(axis=1, keepdims=True, initial=np.finfo(x.dtype).min))
        shares /= shares.sum(axis=1, keepdims=True)
        onehot = np.equal.outer(states, np.arange(x.shape[2])).astype(x.dtype)
        # forward: loss = -log(sum over paths of the product of softmax)
        dx[real[:, b], b] = (np.exp(log_p) - shares @ onehot) * factors[b]
    return dx.swapaxes(0, 1) if tape.batch_first else dx


def _states(labels: Array, blank: int) -> Array:
    """The labels with a blank before, between and behind them."""
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    return states


def _recursion(said: Array, states: Array) -> Array:
    """Logarithms of a before the first step and after each; `said`: log p of the states, (n, 2 S + 1)."""
    skips = np.full(len(states), -np.inf, said.dtype)  # 0 where the blank before a state may be left out
    skips[3::2] = np.where(states[3::2] != states[1:-2:2], 0, -np.inf)
    a = np.full((len(said) + 1, len(states)), -np.inf, said.dtype)
    a[0, 0] = 0
    for t, log_p in enumerate(said):
        one_back = np.concatenate([a[t, :1] - np.inf, a[t, :-1]])
        two_back = np.concatenate([a[t, :1] - np.inf, one_back[:-1]]) + skips
        a[t + 1] = log_p + np.logaddexp(np.logaddexp(a[t], one_back), two_back)
    return a


def _end(a: Array) -> Array:
    """The logarithm of the sum over the last two states."""
    return np.asarray(np.logaddexp.reduce(a[-2:]))


def _log_softmax(x: Array) -> Array:
    with np.errstate(invalid="ignore"):  # inf - inf, where NaN is right
        shifted = x - x.max(axis=-1, keepdims=True, initial=-np.inf)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
