"""The yardstick of the demo: interpolated n-grams, the strongest simple model of characters.

Witten-Bell smoothing (Witten and Bell 1991): after a context `h` that was seen N(h) times, followed by D(h) different
characters, the next character is `c` with probability

    p_k(c | h) = (N(h c) + D(h) * p_(k-1)(c | h without its first character)) / (N(h) + D(h)).

The order k is the length of the context. Order 0 counts characters alone and falls back on the uniform distribution.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqfuse.demo.text import Ids

Floats = NDArray[np.float64]


class _Counts(NamedTuple):
    """The contexts of one length, each a number in base V, and what followed them."""

    grams: Ids  # sorted, context * V + next character
    times: Ids  # N(h c), how often each was seen
    contexts: Ids  # sorted
    total: Ids  # N(h)
    kinds: Ids  # D(h)


class NGrams:
    """Interpolated n-grams of orders 0 to `order`, counted in `ids`.

    Parameters
    ----------
    ids : (N,)        the text, numbers below `size`
    size : the number of different characters, V; V**(order + 1) must fit into 63 bits
    order : the longest context

    Examples
    --------
    >>> import numpy as np
    >>> NGrams(np.array([0, 1, 0, 1, 0]), size=2, order=1).probabilities(np.array([0, 1]))
    array([[0.57142857, 0.42857143],
           [0.57142857, 0.80952381]])
    """

    def __init__(self, ids: Ids, size: int, order: int) -> None:
        if size ** (order + 1) >= 2**63:
            raise ValueError(f"NGrams: size**(order + 1) must be below 2**63; got {size}**{order + 1}")
        self.size = size
        self.order = order
        self._counts = [self._count(ids, k) for k in range(order + 1)]

    def _numbers(self, ids: Ids, length: int) -> Ids:
        """Every run of `length` characters as one number in base V: (N - length + 1,)."""
        count = max(len(ids) - length + 1, 0)
        numbers = np.zeros(count, dtype=np.int64)
        for k in range(length):
            numbers = numbers * self.size + ids[k : k + count]
        return numbers

    def _count(self, ids: Ids, order: int) -> _Counts:
        grams, times = np.unique(self._numbers(ids, order + 1), return_counts=True)
        contexts, first = np.unique(grams // self.size, return_index=True)
        total = np.add.reduceat(times, first) if len(first) else times
        kinds = np.diff(first, append=len(grams))
        return _Counts(grams, times, contexts, total, kinds)

    def probabilities(self, ids: Ids) -> Floats:
        """The probability that each order gives each character of a text.

        Returns
        -------
        (order + 1, N)        row k, column i: p_k(ids[i] | the k characters before it), or, where fewer than k
            characters stand before it, what the longest context that fits says
        """
        p = np.full(len(ids), 1.0 / self.size)
        rows = []
        for k, counts in enumerate(self._counts):
            p = p.copy()
            grams = self._numbers(ids, k + 1)
            times, _ = _look_up(counts.grams, grams, counts.times, counts.times)
            total, kinds = _look_up(counts.contexts, grams // self.size, counts.total, counts.kinds)
            seen = np.flatnonzero(total)
            where = seen + k
            p[where] = (times[seen] + kinds[seen] * p[where]) / (total[seen] + kinds[seen])
            rows.append(p)
        return np.stack(rows)

    def bits(self, ids: Ids) -> Floats:
        """The bits per character (order + 1,) that each order needs for all of a text but its first character."""
        mean: Floats = -np.log2(self.probabilities(ids)[:, 1:]).mean(axis=1)
        return mean


def _look_up(keys: Ids, wanted: Ids, a: Ids, b: Ids) -> tuple[Ids, Ids]:
    """The entries of `a` and `b` at each of `wanted` in the sorted `keys`; 0 where it is not there."""
    if not len(keys):
        return np.zeros_like(wanted), np.zeros_like(wanted)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = keys[at] == wanted
    return np.where(found, a[at], 0), np.where(found, b[at], 0)
