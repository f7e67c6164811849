"""The text that the demo learns: CPython's own documentation, which every CPython carries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


class Text(NamedTuple):
    """A text as numbers, in two parts.

    Attributes
    ----------
    vocabulary : every character of the text, sorted; character i is `vocabulary[i]`
    train, held : (N,), (M,)        the part that is learnt from and the last tenth, held out
    """

    vocabulary: str
    train: Ids
    held: Ids

    def encode(self, characters: str) -> Ids:
        """The numbers (N,) of `characters`, all of which must be in the vocabulary."""
        number = {character: i for i, character in enumerate(self.vocabulary)}
        return np.array([number[character] for character in characters], dtype=np.int64)

    def decode(self, ids: Ids) -> str:
        """The characters of the numbers (N,)."""
        return "".join(self.vocabulary[i] for i in ids)


def corpus() -> str:
    """The help topics of the running Python, sorted by name: 465,000 characters in 3.11, 511,000 in 3.13."""
    from pydoc_data.topics import topics

    return "\n".join(topics[name] for name in sorted(topics))


def split(characters: str) -> Text:
    """Number the characters and hold out the last tenth.

    Examples
    --------
    >>> text = split("abcabcabca")
    >>> text.vocabulary, text.train.tolist(), text.decode(text.held)
    ('abc', [0, 1, 2, 0, 1, 2, 0, 1, 2], 'a')
    """
    vocabulary = "".join(sorted(set(characters)))
    ids = Text(vocabulary, np.empty(0, np.int64), np.empty(0, np.int64)).encode(characters)
    cut = len(ids) - len(ids) // 10
    return Text(vocabulary, ids[:cut], ids[cut:])


def streams(ids: Ids, batch: int) -> tuple[Ids, Ids]:
    """Cut a text into `batch` pieces that are read side by side.

    Returns
    -------
    inputs, targets : (batch, L)        row n is the n-th piece; the target is the character after the input. What does
        not fill a whole column, fewer than `batch` characters at the end, is left out.

    Examples
    --------
    >>> streams(np.arange(8), 2)
    (array([[0, 1, 2],
           [3, 4, 5]]), array([[1, 2, 3],
           [4, 5, 6]]))
    """
    length = (len(ids) - 1) // batch
    return ids[: length * batch].reshape(batch, length), ids[1 : length * batch + 1].reshape(batch, length)
