"""Sequences token by token out of a model that gives the next one's logits: the most probable ones that are found.

All is said by a step, `logits, state = step(tokens, state)`: for the last token of each of N sequences, (N,), it gives
the logits of the next ones, (N, V), and the state that the step after it goes on from. A state is an array whose first
axis are the sequences, None, an object with a method `take(rows)`, such as `DecoderCache`, or a tuple, list or dict of
states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from seqfuse import _checks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.layers import TransformerDecoder
    from seqfuse.models import Model

__all__ = ["Decoded", "Step", "beam_search", "greedy_search", "recurrent_step", "take", "transformer_step"]


def __dir__() -> list[str]:
    return sorted(__all__)


class Step(Protocol):
    """logits (N, V) and the state after them, for tokens (N,) and the state before them."""

    def __call__(self, tokens: Array, state: Any, /) -> tuple[Any, Any]: ...


class Decoded(NamedTuple):
    """What a search has found; `beam_search` has an axis of beams behind B, the best first."""

    tokens: Array  # (B, L), without the first one; `end` again after the end
    log_probs: Array  # (B,), of the whole sequence; -inf: there are not so many sequences
    lengths: Array  # (B,), tokens up to the end, that counted


def greedy_search(step: Step, state: Any, start: ArrayLike, *, end: int, max_length: int) -> Decoded:
    """The most probable token at every step.

    Parameters
    ----------
    step : callable        see the module: `recurrent_step` and `transformer_step` make one
    state : any        of B rows, before the first step
    start : (B,) integers        the token that each sequence starts from
    end : int        the token that ends a sequence; -1: none does
    max_length : int        tokens of a sequence, `end` counted

    Returns
    -------
    Decoded        tokens (B, L), log_probs (B,), lengths (B,)

    Raises
    ------
    ValueError        logits that are no (B, V) numbers; a number out of range

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.decoding import greedy_search
    >>> logits = np.log([[0.1, 0.5, 0.4], [0.3, 0.3, 0.4], [0.8, 0.1, 0.1]])  # after 0, 1, 2
    >>> greedy_search(lambda tokens, state: (logits[tokens], state), None, [1, 2], end=0, max_length=5)
    Decoded(tokens=array([[2, 0],
           [0, 0]]), log_probs=array([-1.13943428, -0.22314355]), lengths=array([2, 1]))
    """
    found = _search("greedy_search", step, state, start, end, max_length, 1, 0.0)
    return Decoded(*(part[:, 0] for part in found))


def beam_search(
    step: Step,
    state: Any,
    start: ArrayLike,
    *,
    end: int,
    max_length: int,
    beams: int = 4,
    length_penalty: float = 0.0,
) -> Decoded:
    """The best sequences, of which so many are kept at every step.

    A sequence counts log p / ((5 + length) / 6)^length_penalty. At every step each sequence that has not ended is made
    longer by every token, and the best of these and of those that have ended are kept.

    Parameters
    ----------
    step, state, start, end, max_length : as for `greedy_search`; the step is called with B*beams rows
    beams : int        K, sequences that are kept
    length_penalty : float        at least 0; more favours longer sequences

    Returns
    -------
    Decoded        tokens (B, K, L), log_probs (B, K), lengths (B, K), the best first by what they count

    Raises
    ------
    ValueError        as `greedy_search`

    Notes
    -----
    Of equal ones the earlier beam comes first, and then the lower token. Of fewer than K sequences the rest has
    log_probs -inf. Wu et al. 2016, arXiv:1609.08144, section 7, has the penalty.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.decoding import beam_search
    >>> logits = np.log([[0.1, 0.5, 0.4], [0.3, 0.3, 0.4], [0.8, 0.1, 0.1]])  # after 0, 1, 2
    >>> found = beam_search(lambda tokens, state: (logits[tokens], state), None, [1], end=0, max_length=5, beams=2)
    >>> found.tokens[0].tolist(), np.exp(found.log_probs[0]).round(2).tolist()
    ([[2, 0], [0, 0]], [0.32, 0.3])
    """
    beams = _checks.integer("beam_search", "beams", beams, 1)
    length_penalty = _checks.real("beam_search", "length_penalty", length_penalty, 0)
    return _search("beam_search", step, state, start, end, max_length, beams, length_penalty)


def _search(
    function: str, step: Step, state: Any, start: Any, end: int, max_length: int, beams: int, penalty: float
) -> Decoded:
    first = _checks.integers(function, "start", start)
    if first.ndim != 1:
        raise ValueError(f"{function}: start must be (B,); got {first.shape}")
    max_length, end = _checks.integer(function, "max_length", max_length, 0), _checks.integer(function, "end", end, -1)
    rows, B = np.repeat(np.arange(len(first)), beams), len(first)
    state = take(state, rows) if beams > 1 else state
    last = first[rows]
    tokens = np.empty((B, beams, 0), np.int64)
    lengths = np.zeros((B, beams), np.int64)
    ended = np.zeros((B, beams), bool)
    log_probs = np.full((B, beams), -np.inf)  # what starts equal is one sequence
    log_probs[:, :1] = 0
    for _ in range(max_length):
        if (ended | np.isneginf(log_probs)).all():
            break
        logits, state = step(last, state)
        longer = log_probs[:, :, None] + _log_softmax(function, logits, B * beams).reshape(B, beams, -1)
        V = longer.shape[2]
        if not -1 <= end < V:
            raise ValueError(f"{function}: end must be in -1..V-1 = -1..{V - 1}; got {end}")
        longer[ended] = -np.inf
        longer[ended, end] = log_probs[ended]  # what has ended stays, and takes one place
        counted = lengths + ~ended
        chosen = _best((longer / (((5 + counted) / 6) ** penalty)[:, :, None]).reshape(B, -1), beams)
        beam, token = chosen // V, chosen % V
        log_probs = np.take_along_axis(longer.reshape(B, -1), chosen, 1)
        lengths = np.take_along_axis(counted, beam, 1)
        ended = np.take_along_axis(ended, beam, 1) | (token == end)
        tokens = np.concatenate([np.take_along_axis(tokens, beam[:, :, None], 1), token[:, :, None]], 2)
        last = token.reshape(-1)
        parents = (np.arange(B)[:, None] * beams + beam).reshape(-1)
        if not np.array_equal(parents, np.arange(B * beams)):
            state = take(state, parents)
    return Decoded(tokens, log_probs, lengths)


def _log_softmax(function: str, logits: Any, rows: int) -> Array:
    given = np.asarray(logits, np.float64)
    if given.ndim != 2 or given.shape[0] != rows or given.shape[1] == 0:
        raise ValueError(f"{function}: logits must be (N, V) = ({rows}, V); got {given.shape}")
    largest = given.max(1, keepdims=True)
    if not np.isfinite(largest).all():
        raise ValueError(f"{function}: logits must be numbers or -inf, and one of each row a number")
    shifted = given - largest
    found: Array = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return found


def _best(scores: Array, k: int) -> Array:
    """(B, k): where the k largest of each row (B, N) are, largest first, and the first ones of equals."""
    floor = np.partition(scores, -k, 1)[:, -k]
    found = np.empty((len(scores), k), np.int64)
    for row, (one, least) in enumerate(zip(scores, floor)):
        at = np.flatnonzero(one >= least)
        found[row] = at[np.argsort(-one[at], kind="stable")[:k]]
    return found


def take(state: Any, rows: Array) -> Any:
    """The state whose row i is row rows[i] of this one.

    Raises
    ------
    TypeError        something that is no state
    """
    if state is None:
        return None
    if isinstance(state, np.ndarray):
        return state[rows]
    if hasattr(state, "take"):
        return state.take(rows)
    if isinstance(state, dict):
        return {name: take(one, rows) for name, one in state.items()}
    if isinstance(state, (tuple, list)):
        parts = [take(one, rows) for one in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    raise TypeError(f"take: state must be arrays, or have a method take(rows); got {type(state).__name__}")


def recurrent_step(decoder: Model | Callable[[list[Any]], Sequence[Any]]) -> Step:
    """The step of a decoder with recurrent layers: its state is a list of theirs.

    Parameters
    ----------
    decoder : Model or callable        [tokens (N, 1), *states] -> [logits (N, 1, V) or (N, V), *states]

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.decoding import greedy_search, recurrent_step
    >>> from seqfuse.layers import GRU, Dense, Embedding, Input
    >>> from seqfuse.models import Model
    >>> tokens, h = Input((None,)), Input((8,))
    >>> y, after = GRU(8, return_sequences=True, return_state=True)(Embedding(5, 4)(tokens), initial_state=h)
    >>> decoder = Model([tokens, h], [Dense(5)(y), after])
    >>> encoded = np.zeros((2, 8))  # what the decoder starts from, of two sequences
    >>> greedy_search(recurrent_step(decoder), [encoded], [1, 1], end=0, max_length=3).tokens.shape[0]
    2
    """

    def step(tokens: Array, state: Any) -> tuple[Any, Any]:
        logits, *after = decoder([tokens[:, None], *state])
        return (logits[:, -1] if logits.ndim == 3 else logits), after

    return step


def transformer_step(
    embed: Callable[[Array, int], Any], decoders: Sequence[TransformerDecoder], readout: Callable[[Any], Any]
) -> Step:
    """The step of a decoder of transformer blocks: its state is a list of what `TransformerDecoder.start` gives.

    Parameters
    ----------
    embed : callable        (tokens (N, 1), position of the first) -> (N, 1, D)
    decoders : list of TransformerDecoder        from the first to the last
    readout : Layer or callable        (N, 1, D) -> logits (N, 1, V)

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.decoding import beam_search, transformer_step
    >>> from seqfuse.layers import Dense, Embedding, PositionEmbedding, TransformerDecoder
    >>> table, positions, block, readout = Embedding(5, 8), PositionEmbedding(10), TransformerDecoder(16, 2), Dense(5)
    >>> def embed(tokens, first):
    ...     x = table(tokens)
    ...     return x + positions(x, start_index=first)
    >>> encoded = np.zeros((2, 3, 8))  # of two sequences
    >>> y = readout(block(embed(np.array([[1], [1]]), 0), encoded))  # makes the weights
    >>> found = beam_search(
    ...     transformer_step(embed, [block], readout), [block.start(encoded)], [1, 1], end=0, max_length=3, beams=2
    ... )
    >>> found.log_probs.shape
    (2, 2)
    """

    def step(tokens: Array, state: Any) -> tuple[Any, Any]:
        x = embed(tokens[:, None], state[0].length)
        for decoder, cache in zip(decoders, state):
            x = decoder.step(x, cache)
        return readout(x)[:, -1], state

    return step
