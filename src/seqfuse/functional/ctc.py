"""The CTC loss: how unlikely it is that the steps of a sequence spell its labels, whatever the alignment."""

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
    """What `ctc_loss_backward` reads; opaque, refers to logits."""

    _kernels: Kernels
    _logits: Array  # (T, B, C)
    _valid: Array | None  # bool (T, B)
    _labels: Array  # (B, S) int64, a copy
    _label_lengths: Array  # (B,) int64, a copy
    _blank: int
    _batch_first: bool
    _losses: Array  # (B,), before zero_infinity
    _saved: Any  # the states of all paths after each real step; None without a tape

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
    """Minus the log of the probability that each sequence of logits spells its labels.

        loss[b] = -log(sum over all paths that spell labels[b] of the product over t of softmax(logits[t, b])[path[t]])

    A path says one class a step. What it spells is left when each run of one class becomes one, and then blanks are
    taken out: with the blank written -, "a a - a b" spells "a a b". So a label said twice needs a blank in between.

    Parameters
    ----------
    logits : (T, B, C)        not yet probabilities, though their logarithms do as well: softmax leaves them as they are
    labels : (B, S)        integers of any type in 0..C-1, none of them the blank
    lengths : (B,)        integers: row b is real for its first lengths[b] steps; all by default
    mask : (T, B)        bool, True where a step is real; beside lengths, real where both say so
    label_lengths : (B,)        integers in 0..S: how many of its labels a row has; what stands behind is not read
    blank : int        the class that says nothing, in 0..C-1
    batch_first : bool        logits are (B, T, C), and a mask (B, T)
    zero_infinity : bool        a loss that is inf becomes 0

    Returns
    -------
    losses : (B,)        in nats, in the type of logits; half, bool and integers become float32

    Raises
    ------
    ValueError        a shape disagrees, or a label, a length or the blank is out of range
    TypeError        labels or lengths are not integers, or logits a kind of number that is not computed with

    Notes
    -----
    Graves et al. 2006, "Connectionist temporal classification". A row is impossible where it has fewer real steps than
    labels and pairs of equal neighbours together, or where a logit that it needs is -inf: no path has a probability.
    Its loss is inf, -log(0), which no small change of the logits makes finite, and its gradient 0, so that it moves
    nothing. (PyTorch's gradient is NaN there, unless zero_infinity=True; Keras on JAX has a loss around 1e5.) No labels
    are spelled by blanks alone; no labels and no step have a loss of 0. Where a real step has no softmax (NaN, inf, or
    nothing but -inf), the loss of that row and its gradient are NaN. What unreal steps hold reaches nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.ctc_loss(np.zeros((2, 1, 2)), [[1]])  # 1 1, 1 -, - 1 of four paths: -log(3 / 4)
    array([0.28768207])
    >>> F.ctc_loss(np.zeros((2, 1, 2)), [[1, 1]])  # which needs three steps
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
    """As `ctc_loss`, and the tape for `ctc_loss_backward`, which refers to logits.

    Parameters
    ----------
    logits, labels, lengths, mask, label_lengths, blank, batch_first, zero_infinity : as for `ctc_loss`

    Returns
    -------
    losses : (B,)
    CTCLossTape        opaque; it keeps some 2 S + 2 numbers for each real step

    Raises
    ------
    ValueError, TypeError        as `ctc_loss`

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


def steps_of_logits(function: str, logits: Any, blank: Any, batch_first: bool) -> tuple[Array, int]:
    """The logits as (T, B, C), whichever way they came, and the blank."""
    logits, _ = _arrays.widest(function, ("logits",), (logits,))
    symbols = "(B, T, C)" if batch_first else "(T, B, C)"
    if logits.ndim != 3:
        advice = f"For one sequence pass logits[{'' if batch_first else ':, '}None]" if logits.ndim == 2 else ""
        _checks.refuse_shape(function, "logits", symbols, None, logits.shape, advice)
    most = logits.shape[2] - 1
    if most < 0:
        raise ValueError(f"{function}: logits must be {symbols} with C at least 1; got {logits.shape}")
    number = _checks.integer(function, "blank", blank, 0, most, f"in 0..C-1 = 0..{most}")
    return logits.swapaxes(0, 1) if batch_first else logits, number


def _labels(
    function: str, labels: Any, label_lengths: Any, batch: int, classes: int, blank: int
) -> tuple[Array, Array]:
    """labels (B, S), 0 where they are not read, and label_lengths (B,), as int64 and our own."""
    given = _checks.integers(function, "labels", labels)
    if given.ndim != 2 or given.shape[0] != batch:
        advice = "For one sequence pass labels[None]" if given.ndim == 1 and batch == 1 else ""
        _checks.refuse_shape(function, "labels", f"(B, S) = ({batch}, S)", None, given.shape, advice)
    most = given.shape[1]
    counts = np.full(batch, most, np.int64)
    if label_lengths is not None:
        counts, shape = _checks.indices(function, "label_lengths", label_lengths, "0..S", most, True)
        _checks.shape(function, "label_lengths", "(B,)", (batch,), shape)
    read = np.arange(most) < counts[:, None]
    advice = "For padding say label_lengths"
    flat, _ = _checks.indices(function, "labels", np.where(read, given, 0), "0..C-1", classes - 1, True, advice)
    kept = flat.reshape(given.shape)
    blanks = np.argwhere((kept == blank) & read)
    if len(blanks):
        place = ", ".join(map(str, blanks[0].tolist()))
        raise ValueError(f"{function}: labels must not be the blank = {blank}; got it at [{place}]. {advice}")
    return kept, counts


def _forward(
    function: str,
    logits: Any,
    labels: Any,
    lengths: Any,
    mask: Any,
    label_lengths: Any,
    blank: Any,
    given_flags: tuple[Any, Any],
    keep: bool,
) -> tuple[Array, CTCLossTape]:
    batch_first, zero_infinity = _checks.flags(function, ("batch_first", "zero_infinity"), given_flags)
    x, blank = steps_of_logits(function, logits, blank, batch_first)
    steps, batch, classes = x.shape
    valid = None
    if lengths is not None or mask is not None:
        valid = _checks.valid_steps(function, lengths, mask, steps, batch, batch_first)
    kept, counts = _labels(function, labels, label_lengths, batch, classes, blank)
    kernels, losses = _backend.kernels, np.empty(batch, x.dtype)
    saved = kernels.ctc_forward(x, valid, kept, counts, blank, losses, keep, _threads.current())
    tape = CTCLossTape(kernels, x, valid, kept, counts, blank, batch_first, losses, saved)
    shown = np.where(np.isposinf(losses), losses.dtype.type(0), losses) if zero_infinity else losses.copy()
    return shown, tape


def ctc_loss_backward(tape: CTCLossTape, dlosses: ArrayLike = 1.0) -> Array:
    """Gradient of `ctc_loss_forward`: dlogits[t, b] = (softmax(logits[t, b]) - shares[t, b]) dlosses[b].

    shares[t, b, c] is which part of the probability of all paths that spell labels[b] is that of paths that say c at
    step t. It is 0 in rows whose loss is inf, and at unreal steps, whatever dlosses says.

    Parameters
    ----------
    tape : CTCLossTape        from `ctc_loss_forward`; not changed, it may be read again
    dlosses : (B,), or one number for all rows        gradient of losses; 1 is that of their sum

    Returns
    -------
    dlogits : (T, B, C)        (B, T, C) with batch_first

    Raises
    ------
    ValueError        a shape disagrees
    TypeError        not such a tape, or a kind of number that is not computed with

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> losses, tape = F.ctc_loss_forward(np.zeros((2, 1, 2)), [[1]])
    >>> F.ctc_loss_backward(tape)[:, 0].round(4)  # each step says 1 in two of three paths, and had 1/2
    array([[ 0.1667, -0.1667],
           [ 0.1667, -0.1667]])
    """
    function = "ctc_loss_backward"
    if not isinstance(tape, CTCLossTape) or tape._saved is None:
        raise TypeError(f"{function}: tape must be what ctc_loss_forward returned; got {type(tape).__name__}")
    steps, batch, classes = tape._logits.shape
    gradient = _arrays.numbers(function, "dlosses", dlosses, tape._logits.dtype)
    if gradient.ndim:
        _checks.shape(function, "dlosses", "(B,)", (batch,), gradient.shape)
    gradient = np.ascontiguousarray(np.broadcast_to(gradient, (batch,)))
    shape = (batch, steps, classes) if tape._batch_first else (steps, batch, classes)
    dlogits = np.empty(shape, tape._logits.dtype)
    written = dlogits.swapaxes(0, 1) if tape._batch_first else dlogits
    tape._kernels.ctc_backward(tape, gradient, written, _threads.current())
    return dlogits
