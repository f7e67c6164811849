"""What a sequence of logits trained with `ctc_loss` spells: along its best path, or by a beam over what is spelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse._results import CTCHypothesis
from seqfuse.functional.ctc import steps_of_logits

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
    """What the likeliest path spells: the best class of each step, runs made one, blanks taken out.

    Parameters
    ----------
    logits, lengths, mask, blank, batch_first : as for `ctc_loss`

    Returns
    -------
    list        for each row a CTCHypothesis: labels, a list of int, and score, the log of the probability of that path

    Raises
    ------
    ValueError        a shape disagrees, or a real step has no softmax: NaN, inf, or nothing but -inf
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Other paths may spell the same: the score is at most minus the `ctc_loss` of these labels, and other labels may be
    likelier. Of equal logits the first is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> path = np.array([1, 1, 0, 1, 2])
    >>> F.ctc_greedy_decode(20 * np.eye(3)[path][:, None])[0].labels
    [1, 1, 2]
    """
    decoded = []
    for log_p, none in _rows("ctc_greedy_decode", logits, lengths, mask, blank, batch_first):
        path = log_p.argmax(axis=1)
        said = (path != none) & (np.diff(path, prepend=none) != 0)
        decoded.append(CTCHypothesis(path[said].tolist(), float(log_p.max(axis=1).sum())))
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
    """The likeliest labels, each by the sum over the paths that spell it.

    Parameters
    ----------
    logits, lengths, mask, blank, batch_first : as for `ctc_loss`
    beam_width : int        how many beginnings are kept after each step
    top_paths : int        how many of the last are returned, at most beam_width

    Returns
    -------
    list        for each row a list of CTCHypothesis, the likeliest first: labels, a list of int, and score, the log of
        their probability. Fewer than top_paths where no more has a probability

    Raises
    ------
    ValueError        a shape disagrees, a number is out of range, or a real step has no softmax
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Prefix search with a beam: Graves 2012, "Supervised sequence labelling with recurrent neural networks", chapter 7;
    Hannun et al. 2014 (arXiv:1408.2873). Computed in float64. A score is minus the `ctc_loss` of its labels where
    beam_width is as many as there are beginnings, else at most that. Of equal scores the beginning that was better
    before, and then the smaller label, comes first.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> logits = np.log([[[0.6, 0.4]], [[0.6, 0.4]]])  # blanks twice are the best path, of 0.36
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
    return [_search(log_p, none, width)[:top] for log_p, none in rows]


def _rows(function: str, logits: Any, lengths: Any, mask: Any, blank: Any, batch_first: Any) -> list[tuple[Array, int]]:
    """For each row the logarithms (n, C) of the shares at its real steps, in float64, and the blank."""
    (batch_first,) = _checks.flags(function, ("batch_first",), (batch_first,))
    x, blank = steps_of_logits(function, logits, blank, batch_first)
    valid = None
    if lengths is not None or mask is not None:
        valid = _checks.valid_steps(function, lengths, mask, x.shape[0], x.shape[1], batch_first)
    rows = []
    for b in range(x.shape[1]):
        steps = np.arange(len(x)) if valid is None else np.flatnonzero(valid[:, b])
        of_row = x[steps, b].astype(np.float64)
        high = of_row.max(axis=1, keepdims=True)
        wrong = np.flatnonzero(~np.isfinite(high[:, 0]))
        if len(wrong):
            place = [b, int(steps[wrong[0]])] if batch_first else [int(steps[wrong[0]]), b]
            raise ValueError(
                f"{function}: logits must have a finite maximum at real steps; got {high[wrong[0], 0]} at {place}"
            )
        shifted = of_row - high
        rows.append((shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), blank))
    return rows


def _search(log_p: Array, blank: int, width: int) -> list[CTCHypothesis]:
    """All that is left in the beam after the last step, the likeliest first."""
    # Beginnings, and the logarithms of the sums over their paths that end in a blank, and in their last label.
    prefixes: list[tuple[int, ...]] = [()]
    in_blank, in_label = np.zeros(1), np.full(1, -np.inf)
    for step in log_p:
        total = np.logaddexp(in_blank, in_label)
        rows = np.array([i for i, prefix in enumerate(prefixes) if prefix], np.intp)
        last = np.array([prefix[-1] for prefix in prefixes if prefix], np.intp)
        longer = total[:, None] + step  # by one label; said again it is another one behind a blank alone
        longer[rows, last] = in_blank[rows] + step[last]
        longer[:, blank] = -np.inf
        stay_in_label = np.full(len(prefixes), -np.inf)
        stay_in_label[rows] = in_label[rows] + step[last]
        place = {prefix: i for i, prefix in enumerate(prefixes)}
        for i, prefix in enumerate(prefixes):
            parent = place.get(prefix[:-1]) if prefix else None
            if parent is not None:  # grown by one it is this beginning
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
    """Where the greatest numbers stand, the greatest first; of equal ones the first. What is -inf is left out."""
    least = np.partition(scores, -count)[-count] if len(scores) > count else -np.inf
    pool = np.flatnonzero((scores >= least) & (scores > -np.inf))
    return pool[np.argsort(-scores[pool], kind="stable")][:count]
