"""Decoding of logits that were trained with `ctc_loss`: along the best path, or with a beam search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse._results import CTCHypothesis
from seqfuse.functional.ctc import time_major_logits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def ctc_greedy_decode(
    logits: ArrayLike,
    *,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    blank: int = 0,
    batch_first: bool = False,
) -> list[CTCHypothesis]:
    """Return the labels that the most probable path of each row spells.

    The path emits the most probable class at each step. Runs of equal classes are merged, then blanks are removed.

    Parameters
    ----------
    logits : array_like, shape (T, B, C)
        Scores of the C classes at each step, before the softmax; (B, T, C) with batch_first. Log-probabilities are
        accepted too, because the softmax does not change them.
    lengths : array_like of int, shape (B,), optional
        Number of valid steps of each row of the batch, in 0..T. All steps by default.
    mask : array_like of bool, shape (T, B), optional
        True at valid steps; (B, T) with batch_first. With `lengths`, both must mark a step as valid.
        All steps by default.
    blank : int, optional
        Number of the blank class, in 0..C-1. 0 by default.
    batch_first : bool, optional
        If True, the first two axes of `logits` and `mask` are (B, T). False by default.

    Returns
    -------
    list
        For each row a ``CTCHypothesis``: ``labels``, a list of int, and ``score``, the log-probability of the path.

    Raises
    ------
    ValueError
        If a shape does not fit, if a number is out of range, or if the softmax of a valid step is undefined (NaN, inf,
        or only -inf).
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    Several paths may spell the same labels. The score is therefore at most the negative `ctc_loss` of the labels, and
    other labels may be more probable. If logits are equal, the first class is used.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> path = np.array([1, 1, 0, 1, 2])
    >>> F.ctc_greedy_decode(20 * np.eye(3)[path][:, None])[0].labels
    [1, 1, 2]
    """
    decoded = []
    for log_p, blank_class in _rows("ctc_greedy_decode", logits, lengths, mask, blank, batch_first):
        path = log_p.argmax(axis=1)
        emitted = (path != blank_class) & (np.diff(path, prepend=blank_class) != 0)
        decoded.append(CTCHypothesis(path[emitted].tolist(), float(log_p.max(axis=1).sum())))
    return decoded


def ctc_beam_decode(
    logits: ArrayLike,
    *,
    beam_width: int = 16,
    top_paths: int = 1,
    lengths: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    blank: int = 0,
    batch_first: bool = False,
) -> list[list[CTCHypothesis]]:
    """Return the most probable labels of each row, found with a beam search.

    The probability of labels is the sum over all paths that spell them.

    Parameters
    ----------
    logits : array_like, shape (T, B, C)
        Scores of the C classes at each step, before the softmax; (B, T, C) with batch_first. Log-probabilities are
        accepted too, because the softmax does not change them.
    beam_width : int, optional
        Number of prefixes that are kept after each step. 16 by default.
    top_paths : int, optional
        Number of hypotheses to return, at most beam_width. 1 by default.
    lengths : array_like of int, shape (B,), optional
        Number of valid steps of each row of the batch, in 0..T. All steps by default.
    mask : array_like of bool, shape (T, B), optional
        True at valid steps; (B, T) with batch_first. With `lengths`, both must mark a step as valid.
        All steps by default.
    blank : int, optional
        Number of the blank class, in 0..C-1. 0 by default.
    batch_first : bool, optional
        If True, the first two axes of `logits` and `mask` are (B, T). False by default.

    Returns
    -------
    list
        For each row a list of ``CTCHypothesis``, the most probable one first: ``labels``, a list of int, and ``score``,
        the log-probability of the labels. The list is shorter than top_paths if no other labels have a nonzero
        probability.

    Raises
    ------
    ValueError
        If a shape does not fit, if a number is out of range, or if the softmax of a valid step is undefined (NaN, inf,
        or only -inf).
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The algorithm is prefix beam search: Graves 2012, "Supervised sequence labelling with recurrent neural networks",
    chapter 7, and Hannun et al. 2014, arXiv:1408.2873. It computes in float64. If the beam holds all prefixes, the
    score is the negative `ctc_loss` of the labels; otherwise it is at most that. Of hypotheses with equal scores, the
    one whose prefix was better before comes first, then the one with the smaller label.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> logits = np.log([[[0.6, 0.4]], [[0.6, 0.4]]])  # the best path is two blanks, with probability 0.36
    >>> F.ctc_greedy_decode(logits)[0].labels
    []
    >>> [(best,)] = F.ctc_beam_decode(logits)
    >>> best.labels, round(float(np.exp(best.score)), 2)
    ([1], 0.64)
    """
    function = "ctc_beam_decode"
    width = _checks.integer(function, "beam_width", beam_width, 1)
    top = _checks.integer(function, "top_paths", top_paths, 1, width, f"in 1..beam_width = 1..{width}")
    rows = _rows(function, logits, lengths, mask, blank, batch_first)
    return [_search(log_p, blank_class, width)[:top] for log_p, blank_class in rows]


def _rows(function: str, logits: Any, lengths: Any, mask: Any, blank: Any, batch_first: Any) -> list[tuple[Array, int]]:
    """Return the log-probabilities (n, C) of each row at its n valid steps, in float64, and the blank."""
    (batch_first,) = _checks.flags(function, ("batch_first",), (batch_first,))
    x, blank = time_major_logits(function, logits, blank, batch_first)
    valid = None
    if lengths is not None or mask is not None:
        valid = _checks.valid_steps(function, lengths, mask, x.shape[0], x.shape[1], batch_first)
    rows = []
    for b in range(x.shape[1]):
        steps = np.arange(len(x)) if valid is None else np.flatnonzero(valid[:, b])
        row_logits = x[steps, b].astype(np.float64)
        row_max = row_logits.max(axis=1, keepdims=True)
        invalid = np.flatnonzero(~np.isfinite(row_max[:, 0]))
        if len(invalid):
            index = [b, int(steps[invalid[0]])] if batch_first else [int(steps[invalid[0]]), b]
            raise ValueError(
                f"{function}: logits must have a finite maximum at valid steps; got {row_max[invalid[0], 0]} at {index}"
            )
        shifted = row_logits - row_max
        rows.append((shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), blank))
    return rows


def _search(log_p: Array, blank: int, width: int) -> list[CTCHypothesis]:
    """Return the hypotheses in the beam after the last step, the most probable one first."""
    # in_blank, in_label: log-probability of all paths that spell the prefix and end in a blank, or in its last label
    prefixes: list[tuple[int, ...]] = [()]
    in_blank, in_label = np.zeros(1), np.full(1, -np.inf)
    for step in log_p:
        total = np.logaddexp(in_blank, in_label)
        rows = np.array([i for i, prefix in enumerate(prefixes) if prefix], np.intp)
        last = np.array([prefix[-1] for prefix in prefixes if prefix], np.intp)
        longer = total[:, None] + step  # longer[i, c]: prefix i followed by label c
        longer[rows, last] = in_blank[rows] + step[last]  # a repeated label needs a blank in between
        longer[:, blank] = -np.inf
        stay_in_label = np.full(len(prefixes), -np.inf)
        stay_in_label[rows] = in_label[rows] + step[last]
        index = {prefix: i for i, prefix in enumerate(prefixes)}
        for i, prefix in enumerate(prefixes):
            parent = index.get(prefix[:-1]) if prefix else None
            if parent is not None:  # the parent followed by one label is this prefix
                stay_in_label[i] = np.logaddexp(stay_in_label[i], longer[parent, prefix[-1]])
                longer[parent, prefix[-1]] = -np.inf
        stay_in_blank = total + step[blank]
        scores = np.concatenate([np.logaddexp(stay_in_blank, stay_in_label), longer.ravel()])
        kept, n = _best(scores, width), len(prefixes)
        in_blank = np.concatenate([stay_in_blank, np.full(longer.size, -np.inf)])[kept]
        in_label = np.concatenate([stay_in_label, longer.ravel()])[kept]
        prefixes = [
            prefixes[k] if k < n else (*prefixes[(k - n) // len(step)], (k - n) % len(step)) for k in kept.tolist()
        ]
    scores = np.logaddexp(in_blank, in_label)
    return [CTCHypothesis(list(prefix), score) for prefix, score in zip(prefixes, scores.tolist())]


def _best(scores: Array, count: int) -> Array:
    """Return the indices of the `count` greatest scores, the greatest first.

    Of equal scores the first one comes first. Scores of -inf are omitted.
    """
    least = np.partition(scores, -count)[-count] if len(scores) > count else -np.inf
    candidates = np.flatnonzero((scores >= least) & (scores > -np.inf))
    return candidates[np.argsort(-scores[candidates], kind="stable")][:count]
