"""Connectionist temporal classification (CTC) loss, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class CTCLossTape:
    """Tape of `ctc_loss_forward` for `ctc_loss_backward`: opaque, keeps a reference to logits."""

    _kernels: Kernels
    _logits: Array  # (T, B, C)
    _valid: Array | None  # bool (T, B)
    _labels: Array  # (B, S) int64, a copy
    _label_lengths: Array  # (B,) int64, a copy
    _blank: int
    _batch_first: bool
    _losses: Array  # (B,), before zero_infinity is applied
    _saved: Any  # the forward variables after each valid step; None in the tape of `ctc_loss`
    _guards: tuple[object, ...]  # see _arrays.guard

    def __repr__(self) -> str:
        return f"<CTCLossTape logits={self._logits.shape} labels={self._labels.shape} {self._logits.dtype}>"


def ctc_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    label_lengths: ArrayLike | None = None,
    blank: int = 0,
    batch_first: bool = False,
    zero_infinity: bool = False,
) -> Array:
    """Compute the CTC loss of each sequence of a batch.

    See `ctc_loss_forward` for the equation.

    Parameters
    ----------
    logits : array_like, shape (T, B, C)
        Scores of the C classes at each step, before the softmax; (B, T, C) with batch_first. Log-probabilities are
        accepted too, because the softmax does not change them.
    labels : array_like of int, shape (B, S)
        Labels of each row, in 0..C-1, of any integer dtype. None of them may be the blank.
    lengths : array_like of int, shape (B,), optional
        Number of valid steps of each row of the batch, in 0..T. All steps by default.
    mask : array_like of bool, shape (T, B), optional
        True at valid steps; (B, T) with batch_first. With `lengths`, both must mark a step as valid.
        All steps by default.
    label_lengths : array_like of int, shape (B,), optional
        Number of labels of each row, in 0..S. The entries after it are ignored. All labels by default.
    blank : int, optional
        Number of the blank class, in 0..C-1. 0 by default.
    batch_first : bool, optional
        If True, the first two axes of `logits` and `mask` are (B, T). False by default.
    zero_infinity : bool, optional
        If True, an infinite loss is returned as 0. False by default.

    Returns
    -------
    losses : ndarray, shape (B,)
        Loss of each row in nats. The dtype is that of logits. float16, bfloat16, bool and integer logits are converted
        to float32.

    Raises
    ------
    ValueError
        If a shape does not fit, or if a label, a length or the blank is out of range.
    TypeError
        If `labels` or lengths are not integers, or if `logits` have an unsupported dtype.

    Notes
    -----
    A path emits one class per step. A path spells labels as follows: merge each run of equal classes into one, then
    remove the blanks. With the blank written as -, the path "a a - a b" spells "a a b". A label that repeats its
    predecessor therefore needs a blank in between.

    A row is impossible if it has fewer valid steps than labels plus pairs of equal neighboring labels, or if a required
    logit is -inf. Its loss is inf, and its gradient is 0. (The gradient of PyTorch is NaN in this case, unless
    zero_infinity=True. Keras on JAX returns a loss of about 1e5.) A row without labels is spelled only by blanks. A
    row without labels and steps has a loss of 0. If the softmax of a valid step is undefined (NaN, inf, or only -inf),
    the loss of that row and its gradient are NaN. Values at padding steps do not affect the result.

    The source is Graves et al. 2006, "Connectionist temporal classification".

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.ctc_loss(np.zeros((2, 1, 2)), [[1]])  # three of four paths: 1 1, 1 - and - 1
    array([0.28768207])
    >>> F.ctc_loss(np.zeros((2, 1, 2)), [[1, 1]])  # impossible: needs three steps
    array([inf])
    """
    losses, _ = _forward(
        "ctc_loss", logits, labels, lengths, mask, label_lengths, blank, (batch_first, zero_infinity), False
    )
    return losses


def ctc_loss_forward(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    label_lengths: ArrayLike | None = None,
    blank: int = 0,
    batch_first: bool = False,
    zero_infinity: bool = False,
) -> tuple[Array, CTCLossTape]:
    """Compute the CTC loss of each sequence and keep the tape for `ctc_loss_backward`.

    Parameters
    ----------
    logits : array_like, shape (T, B, C)
        Scores of the C classes at each step, before the softmax; (B, T, C) with batch_first. Log-probabilities are
        accepted too, because the softmax does not change them.
    labels : array_like of int, shape (B, S)
        Labels of each row, in 0..C-1, of any integer dtype. None of them may be the blank.
    lengths : array_like of int, shape (B,), optional
        Number of valid steps of each row of the batch, in 0..T. All steps by default.
    mask : array_like of bool, shape (T, B), optional
        True at valid steps; (B, T) with batch_first. With `lengths`, both must mark a step as valid.
        All steps by default.
    label_lengths : array_like of int, shape (B,), optional
        Number of labels of each row, in 0..S. The entries after it are ignored. All labels by default.
    blank : int, optional
        Number of the blank class, in 0..C-1. 0 by default.
    batch_first : bool, optional
        If True, the first two axes of `logits` and `mask` are (B, T). False by default.
    zero_infinity : bool, optional
        If True, an infinite loss is returned as 0. False by default.

    Returns
    -------
    losses : ndarray, shape (B,)
        Loss of each row in nats. The dtype is that of logits. float16, bfloat16, bool and integer logits are converted
        to float32.
    CTCLossTape
        Opaque tape for `ctc_loss_backward`. Keeps a reference to logits, which must not be modified before the backward
        function has run, and about 2 S + 2 numbers per valid step.

    Raises
    ------
    ValueError
        If a shape does not fit, or if a label, a length or the blank is out of range.
    TypeError
        If `labels` or lengths are not integers, or if `logits` have an unsupported dtype.

    Notes
    -----
    The loss is the negative log-probability that a sequence spells its labels::

        loss[b] = -log(sum over all paths that spell labels[b] of
                       the product over t of softmax(logits[t, b])[path[t]])

    A path emits one class per step. A path spells labels as follows: merge each run of equal classes into one, then
    remove the blanks. With the blank written as -, the path "a a - a b" spells "a a b". A label that repeats its
    predecessor therefore needs a blank in between.

    A row is impossible if it has fewer valid steps than labels plus pairs of equal neighboring labels, or if a required
    logit is -inf. Its loss is inf, and its gradient is 0. (The gradient of PyTorch is NaN in this case, unless
    zero_infinity=True. Keras on JAX returns a loss of about 1e5.) A row without labels is spelled only by blanks. A
    row without labels and steps has a loss of 0. If the softmax of a valid step is undefined (NaN, inf, or only -inf),
    the loss of that row and its gradient are NaN. Values at padding steps do not affect the result.

    The source is Graves et al. 2006, "Connectionist temporal classification".

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> losses, tape = F.ctc_loss_forward(np.zeros((2, 1, 3)), [[1]])
    >>> tape
    <CTCLossTape logits=(2, 1, 3) labels=(1, 1) float64>
    """
    return _forward(
        "ctc_loss_forward", logits, labels, lengths, mask, label_lengths, blank, (batch_first, zero_infinity), True
    )


def time_major_logits(function: str, logits: Any, blank: Any, batch_first: bool) -> tuple[Array, int]:
    """Return the logits as (T, B, C), whatever the order of their axes, and the blank."""
    logits, _ = _arrays.widest(function, ("logits",), (logits,))
    symbols = "(B, T, C)" if batch_first else "(T, B, C)"
    if logits.ndim != 3:
        advice = f"For one sequence pass logits[{'' if batch_first else ':, '}None]" if logits.ndim == 2 else ""
        _checks.refuse_shape(function, "logits", symbols, None, logits.shape, advice)
    max_class = logits.shape[2] - 1
    if max_class < 0:
        raise ValueError(f"{function}: logits must be {symbols} with C at least 1; got {logits.shape}")
    number = _checks.integer(function, "blank", blank, 0, max_class, f"in 0..C-1 = 0..{max_class}")
    return logits.swapaxes(0, 1) if batch_first else logits, number


def _labels(
    function: str, labels: Any, label_lengths: Any, batch: int, classes: int, blank: int
) -> tuple[Array, Array]:
    """Return new int64 arrays of the labels (B, S), with 0 for ignored entries, and their lengths (B,)."""
    given = _checks.integers(function, "labels", labels)
    if given.ndim != 2 or given.shape[0] != batch:
        advice = "For one sequence pass labels[None]" if given.ndim == 1 and batch == 1 else ""
        _checks.refuse_shape(function, "labels", f"(B, S) = ({batch}, S)", None, given.shape, advice)
    max_length = given.shape[1]
    counts = np.full(batch, max_length, np.int64)
    if label_lengths is not None:
        counts, shape = _checks.indices(function, "label_lengths", label_lengths, "0..S", max_length, True)
        _checks.shape(function, "label_lengths", "(B,)", (batch,), shape)
    used = np.arange(max_length) < counts[:, None]
    advice = "For padding, pass label_lengths"
    flat, _ = _checks.indices(function, "labels", np.where(used, given, 0), "0..C-1", classes - 1, True, advice)
    checked = flat.reshape(given.shape)
    blanks = np.argwhere((checked == blank) & used)
    if len(blanks):
        place = ", ".join(map(str, blanks[0].tolist()))
        raise ValueError(f"{function}: labels must not be the blank = {blank}; got it at [{place}]. {advice}")
    return checked, counts


def _forward(
    function: str,
    logits: Any,
    labels: Any,
    lengths: Any,
    mask: Any,
    label_lengths: Any,
    blank: Any,
    flags: tuple[Any, Any],
    keep: bool,
) -> tuple[Array, CTCLossTape]:
    """Return the losses and the tape."""
    batch_first, zero_infinity = _checks.flags(function, ("batch_first", "zero_infinity"), flags)
    x, blank = time_major_logits(function, logits, blank, batch_first)
    steps, batch, classes = x.shape
    valid = None
    if lengths is not None or mask is not None:
        valid = _checks.valid_steps(function, lengths, mask, steps, batch, batch_first)
    checked, counts = _labels(function, labels, label_lengths, batch, classes, blank)
    kernels, losses = _backend.kernels, np.empty(batch, x.dtype)
    saved = kernels.ctc_forward(x, valid, checked, counts, blank, losses, keep, _threads.current())
    guards = _arrays.guard(x)
    tape = CTCLossTape(kernels, x.view(), valid, checked, counts, blank, batch_first, losses, saved, guards)
    returned = np.where(np.isposinf(losses), losses.dtype.type(0), losses) if zero_infinity else losses.copy()
    return returned, tape


def ctc_loss_backward(tape: CTCLossTape, dlosses: ArrayLike = 1.0) -> Array:
    """Compute the gradient of `ctc_loss_forward`.

    Parameters
    ----------
    tape : CTCLossTape
        Tape from `ctc_loss_forward`. It is not modified and may be used again.
    dlosses : array_like, shape (B,) or (), optional
        Gradient of the losses. 1 by default, which returns the gradient of their sum.

    Returns
    -------
    dlogits : ndarray, shape (T, B, C)
        Gradient of logits; (B, T, C) with batch_first.

    Raises
    ------
    ValueError
        If the shape of `dlosses` does not fit.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    The equation is::

        dlogits[t, b, c] = (softmax(logits[t, b])[c] - posterior[t, b, c]) * dlosses[b]

    where posterior[t, b, c] is the posterior probability that the alignment emits class c at step t, given labels[b].
    The gradient is 0 at padding steps and in rows with an infinite loss, whatever dlosses is.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> losses, tape = F.ctc_loss_forward(np.zeros((2, 1, 2)), [[1]])
    >>> F.ctc_loss_backward(tape)[:, 0].round(4)  # class 1: probability 1/2, posterior 2/3
    array([[ 0.1667, -0.1667],
           [ 0.1667, -0.1667]])
    """
    function = "ctc_loss_backward"
    if not isinstance(tape, CTCLossTape) or tape._saved is None:
        raise TypeError(f"{function}: tape must come from ctc_loss_forward; got {type(tape).__name__}")
    steps, batch, classes = tape._logits.shape
    gradient = _arrays.numbers(function, "dlosses", dlosses, tape._logits.dtype)
    if gradient.ndim:
        _checks.shape(function, "dlosses", "(B,)", (batch,), gradient.shape)
    gradient = np.ascontiguousarray(np.broadcast_to(gradient, (batch,)))
    shape = (batch, steps, classes) if tape._batch_first else (steps, batch, classes)
    dlogits = np.empty(shape, tape._logits.dtype)
    time_major = dlogits.swapaxes(0, 1) if tape._batch_first else dlogits
    tape._kernels.ctc_backward(tape, gradient, time_major, _threads.current())
    return dlogits
