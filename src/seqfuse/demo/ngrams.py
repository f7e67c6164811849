"""Baseline of the demo: interpolated n-gram models of characters.

An n-gram model predicts a character from the n - 1 characters before it, its context. With Witten-Bell smoothing
(Witten and Bell 1991), a context h that occurred N(h) times and was followed by D(h) distinct characters predicts the
character c with probability::

    p_n(c | h) = (N(h c) + D(h) * p_(n-1)(c | h without its first character)) / (N(h) + D(h))

where N(h c) is the number of times that c followed h. The 1-gram model has an empty context and is interpolated with
the uniform distribution.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqfuse.demo.text import Ids

Floats = NDArray[np.float64]


class _Counts(NamedTuple):
    """Counts of all contexts of one length. Strings of characters are encoded as integers in base V.

    Attributes
    ----------
    grams : ndarray of int64
        Contexts with the character that followed, sorted: ``context * V + character``.
    gram_counts : ndarray of int64
        N(h c) of each entry of `grams`.
    contexts : ndarray of int64
        Contexts, sorted.
    context_counts, distinct : ndarray of int64
        N(h) and D(h) of each entry of `contexts`.
    """

    grams: Ids
    gram_counts: Ids
    contexts: Ids
    context_counts: Ids
    distinct: Ids


class NGrams:
    """Interpolated 1-gram to n-gram models of a text.

    Parameters
    ----------
    ids : ndarray of int64, shape (N,)
        Training text, integers in 0..size-1.
    size : int
        V, the number of distinct characters. ``size**n`` must be less than 2**63.
    n : int
        Order of the largest model, at least 1.

    Raises
    ------
    ValueError
        If ``size**n`` is too large.

    Examples
    --------
    >>> import numpy as np
    >>> NGrams(np.array([0, 1, 0, 1, 0]), size=2, n=2).probabilities(np.array([0, 1]))
    array([[0.57142857, 0.42857143],
           [0.57142857, 0.80952381]])
    """

    def __init__(self, ids: Ids, size: int, n: int) -> None:
        if size**n >= 2**63:
            raise ValueError(f"NGrams: size**n must be less than 2**63; got {size}**{n}")
        self.size = size
        self.n = n
        self._counts = [self._count(ids, context) for context in range(n)]

    def _encode(self, ids: Ids, length: int) -> Ids:
        """Return every substring of `length` characters as an integer in base V, shape (N - length + 1,)."""
        count = max(len(ids) - length + 1, 0)
        numbers = np.zeros(count, dtype=np.int64)
        for k in range(length):
            numbers = numbers * self.size + ids[k : k + count]
        return numbers

    def _count(self, ids: Ids, context: int) -> _Counts:
        """Count all contexts of `context` characters and the characters that follow them."""
        grams, gram_counts = np.unique(self._encode(ids, context + 1), return_counts=True)
        contexts, first = np.unique(grams // self.size, return_index=True)
        context_counts = np.add.reduceat(gram_counts, first) if len(first) else gram_counts
        distinct = np.diff(first, append=len(grams))
        return _Counts(grams, gram_counts, contexts, context_counts, distinct)

    def probabilities(self, ids: Ids) -> Floats:
        """Return the probability that each model assigns to each character of a text.

        Parameters
        ----------
        ids : ndarray of int64, shape (N,)
            Text.

        Returns
        -------
        ndarray of float64, shape (n, N)
            Row k, column i: probability of ``ids[i]`` after the k characters before it. At the beginning of the text,
            where fewer than k characters precede, the longest available context is used.
        """
        p = np.full(len(ids), 1.0 / self.size)
        rows = []
        for k, counts in enumerate(self._counts):
            p = p.copy()
            grams = self._encode(ids, k + 1)
            gram_counts, _ = _look_up(counts.grams, grams, counts.gram_counts, counts.gram_counts)
            context_counts, distinct = _look_up(
                counts.contexts, grams // self.size, counts.context_counts, counts.distinct
            )
            known = np.flatnonzero(context_counts)
            i = known + k  # position of the predicted character
            p[i] = (gram_counts[known] + distinct[known] * p[i]) / (context_counts[known] + distinct[known])
            rows.append(p)
        return np.stack(rows)

    def bits(self, ids: Ids) -> Floats:
        """Return the bits per character of each model, shape (n,), over all characters of a text except the first.

        Parameters
        ----------
        ids : ndarray of int64, shape (N,)
            Text.
        """
        mean: Floats = -np.log2(self.probabilities(ids)[:, 1:]).mean(axis=1)
        return mean


def _look_up(keys: Ids, queries: Ids, a: Ids, b: Ids) -> tuple[Ids, Ids]:
    """Return the entries of `a` and `b` at the position of each query in the sorted `keys`; 0 if it is not there."""
    if not len(keys):
        return np.zeros_like(queries), np.zeros_like(queries)
    at = np.minimum(np.searchsorted(keys, queries), len(keys) - 1)
    found = keys[at] == queries
    return np.where(found, a[at], 0), np.where(found, b[at], 0)
