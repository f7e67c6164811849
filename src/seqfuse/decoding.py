"""Greedy and beam search: generate sequences token by token with a decoder.

A decoder is described by one function, its step: ``logits, state = step(tokens, state)``.

- ``tokens``, shape (N,): the last token of each of N sequences.
- ``logits``, shape (N, V): scores of the V possible next tokens, before the softmax.
- ``state``: whatever the decoder must remember between two steps. The search passes the returned state to the next
  step, and selects and reorders its rows when it keeps some sequences and drops others.

A state is one of:

- an array whose first axis is the sequences, shape (N, ...);
- an object with a method ``take(rows)`` that returns the state of the selected rows, such as the cache that
  `seqfuse.layers.TransformerDecoder.start` returns;
- a tuple, list or dict of states;
- None, if there is nothing to remember.

`recurrent_step` and `transformer_step` make the step of a decoder that is built from layers.
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
    """Type of a decoder's step: ``logits, state = step(tokens, state)``.

    `tokens` has shape (N,), `logits` (N, V). The module's documentation lists what a state can be.
    """

    def __call__(self, tokens: Array, state: Any, /) -> tuple[Any, Any]: ...


class Decoded(NamedTuple):
    """Sequences that a search has found.

    The shapes are those of `greedy_search`. `beam_search` returns K sequences per row, best first, and each array has
    an axis of length K after B.

    Attributes
    ----------
    tokens : ndarray of int64, shape (B, L)
        Generated tokens, without the start token. A sequence that ended early is filled up with the end token.
    log_probs : ndarray of float64, shape (B,)
        Natural logarithm of the probability of the whole sequence. -inf marks an unused place of `beam_search`, which
        occurs when fewer than K sequences exist.
    lengths : ndarray of int64, shape (B,)
        Number of generated tokens, including the end token.
    """

    tokens: Array
    log_probs: Array
    lengths: Array


def greedy_search(step: Step, state: Any, start: ArrayLike, *, end: int, max_length: int) -> Decoded:
    """Generate sequences by taking the most probable token at every step.

    Parameters
    ----------
    step : callable
        Step of the decoder, ``logits, state = step(tokens, state)`` with `tokens` of shape (B,) and `logits` of shape
        (B, V). See `recurrent_step` and `transformer_step`.
    state : array, object with a method ``take``, tuple, list, dict or None
        State of the decoder before the first step, with B rows.
    start : array_like of int, shape (B,)
        Start token of each sequence: the input of the first step. It is not part of the result.
    end : int
        Token that ends a sequence, in 0..V-1. With -1 no token ends a sequence, and all have `max_length` tokens.
    max_length : int
        Maximum number of generated tokens per sequence, including `end`.

    Returns
    -------
    Decoded
        `tokens` (B, L), `log_probs` (B,) and `lengths` (B,), where L is the length of the longest sequence.

    Raises
    ------
    ValueError
        If the step returns logits that are not of shape (B, V), contain NaN or inf, or have a row of only -inf; if
        `start` is not of shape (B,); or if `end` or `max_length` is out of range.
    TypeError
        If `start`, `end` or `max_length` is not made of integers.

    See Also
    --------
    beam_search : Keeps several sequences per row, and can find a more probable one.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.decoding import greedy_search
    >>> logits = np.log([[0.1, 0.5, 0.4], [0.3, 0.3, 0.4], [0.8, 0.1, 0.1]])  # row n: what follows token n
    >>> def step(tokens, state):
    ...     return logits[tokens], state
    >>> found = greedy_search(step, None, [1, 2], end=0, max_length=5)
    >>> found.tokens
    array([[2, 0],
           [0, 0]])
    >>> found.lengths, np.exp(found.log_probs).round(2)
    (array([2, 1]), array([0.32, 0.8 ]))
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
    """Generate the best sequences, keeping a fixed number of candidates per row at every step.

    Parameters
    ----------
    step : callable
        Step of the decoder, ``logits, state = step(tokens, state)`` with `tokens` of shape (B*K,) and `logits` of shape
        (B*K, V). See `recurrent_step` and `transformer_step`.
    state : array, object with a method ``take``, tuple, list, dict or None
        State of the decoder before the first step, with B rows. The search repeats each row K times.
    start : array_like of int, shape (B,)
        Start token of each sequence: the input of the first step. It is not part of the result.
    end : int
        Token that ends a sequence, in 0..V-1. With -1 no token ends a sequence, and all have `max_length` tokens.
    max_length : int
        Maximum number of generated tokens per sequence, including `end`.
    beams : int, optional
        K, the number of sequences that are kept per row. 4 by default.
    length_penalty : float, optional
        Exponent of the length in the score, at least 0. Larger values favor longer sequences. 0 by default: the score
        is the log-probability.

    Returns
    -------
    Decoded
        `tokens` (B, K, L), `log_probs` (B, K) and `lengths` (B, K), sorted by score, best first. L is the length of the
        longest sequence.

    Raises
    ------
    ValueError
        If the step returns logits that are not of shape (B*K, V), contain NaN or inf, or have a row of only -inf; if
        `start` is not of shape (B,); or if another argument is out of range.
    TypeError
        If `start`, `end`, `max_length` or `beams` is not made of integers.

    See Also
    --------
    greedy_search : The same with one candidate per row, and results without the axis K.

    Notes
    -----
    The score of a sequence is ``log_prob / ((5 + length) / 6)**length_penalty`` (Wu et al. 2016, arXiv:1609.08144,
    section 7, without the coverage penalty). At every step the search extends each unfinished candidate by every token,
    adds the finished candidates, and keeps the K with the highest score. Ties are resolved in favor of the better
    candidate before the step, then of the lower token.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.decoding import beam_search
    >>> logits = np.log([[0.1, 0.5, 0.4], [0.3, 0.3, 0.4], [0.8, 0.1, 0.1]])  # row n: what follows token n
    >>> def step(tokens, state):
    ...     return logits[tokens], state
    >>> found = beam_search(step, None, [1], end=0, max_length=5, beams=2)
    >>> found.tokens[0].tolist(), np.exp(found.log_probs[0]).round(2).tolist()
    ([[2, 0], [0, 0]], [0.32, 0.3])
    """
    beams = _checks.integer("beam_search", "beams", beams, 1)
    length_penalty = _checks.real("beam_search", "length_penalty", length_penalty, 0)
    return _search("beam_search", step, state, start, end, max_length, beams, length_penalty)


def _search(
    function: str, step: Step, state: Any, start: Any, end: int, max_length: int, beams: int, penalty: float
) -> Decoded:
    """Run a beam search on behalf of `function`, whose name begins the error messages."""
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
    log_probs = np.full((B, beams), -np.inf)  # the candidates of a row are equal at first: only one of them counts
    log_probs[:, :1] = 0
    for _ in range(max_length):
        if (ended | np.isneginf(log_probs)).all():
            break
        logits, state = step(last, state)
        extended = log_probs[:, :, None] + _log_softmax(function, logits, B * beams).reshape(B, beams, -1)
        V = extended.shape[2]
        if not -1 <= end < V:
            raise ValueError(f"{function}: end must be in -1..V-1 = -1..{V - 1}; got {end}")
        extended[ended] = -np.inf
        extended[ended, end] = log_probs[ended]  # a finished candidate is extended by `end` only, at no cost
        new_lengths = lengths + ~ended
        chosen = _top_k((extended / (((5 + new_lengths) / 6) ** penalty)[:, :, None]).reshape(B, -1), beams)
        beam, token = chosen // V, chosen % V
        log_probs = np.take_along_axis(extended.reshape(B, -1), chosen, 1)
        lengths = np.take_along_axis(new_lengths, beam, 1)
        ended = np.take_along_axis(ended, beam, 1) | (token == end)
        tokens = np.concatenate([np.take_along_axis(tokens, beam[:, :, None], 1), token[:, :, None]], 2)
        last = token.reshape(-1)
        parents = (np.arange(B)[:, None] * beams + beam).reshape(-1)
        if not np.array_equal(parents, np.arange(B * beams)):
            state = take(state, parents)
    return Decoded(tokens, log_probs, lengths)


def _log_softmax(function: str, logits: Any, rows: int) -> Array:
    """Check the logits that a step returned, and return their log-softmax in float64, shape (rows, V)."""
    values = np.asarray(logits, np.float64)
    if values.ndim != 2 or values.shape[0] != rows or values.shape[1] == 0:
        raise ValueError(f"{function}: logits must be (N, V) = ({rows}, V); got {values.shape}")
    row_max = values.max(1, keepdims=True)
    if not np.isfinite(row_max).all():
        row = int(np.isfinite(row_max[:, 0]).argmin())
        largest = float(row_max[row, 0])
        raise ValueError(
            f"{function}: logits must be finite or -inf, with a finite value in every row; got a maximum of {largest} "
            f"in row {row}"
        )
    shifted = values - row_max
    log_p: Array = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return log_p


def _top_k(scores: Array, k: int) -> Array:
    """Return the indices (B, k) of the k largest scores of each row (B, N), largest first, ties in order of index."""
    kth_largest = np.partition(scores, -k, 1)[:, -k]
    found = np.empty((len(scores), k), np.int64)
    for row, (values, least) in enumerate(zip(scores, kth_largest)):
        candidates = np.flatnonzero(values >= least)
        found[row] = candidates[np.argsort(-values[candidates], kind="stable")[:k]]
    return found


def take(state: Any, rows: Array) -> Any:
    """Return a state whose row i is row ``rows[i]`` of the given one.

    Parameters
    ----------
    state : array, object with a method ``take``, tuple, list, dict or None
        State of a decoder, with N rows. Tuples, lists and dicts are reordered entry by entry.
    rows : ndarray of int, shape (M,)
        Row numbers in 0..N-1. A row can occur several times or not at all.

    Returns
    -------
    array, object, tuple, list, dict or None
        A state of the same kind with M rows.

    Raises
    ------
    TypeError
        If `state`, or a part of it, is of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.decoding import take
    >>> take([np.array([10, 11, 12]), None], np.array([2, 2, 0]))
    [array([12, 12, 10]), None]
    """
    if state is None:
        return None
    if isinstance(state, np.ndarray):
        return state[rows]
    if hasattr(state, "take"):
        return state.take(rows)
    if isinstance(state, dict):
        return {name: take(part, rows) for name, part in state.items()}
    if isinstance(state, (tuple, list)):
        parts = [take(part, rows) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    raise TypeError(
        "take: state must be an array, None, an object with a method take(rows), or a tuple, list or dict of these; "
        f"got {type(state).__name__}"
    )


def recurrent_step(decoder: Model | Callable[[list[Any]], Sequence[Any]]) -> Step:
    """Make the step of a decoder with recurrent layers.

    Parameters
    ----------
    decoder : Model or callable
        Model that runs one time step: its inputs are ``[tokens, *states]`` and its outputs ``[logits, *states]``, with
        `tokens` of shape (N, 1), `logits` of shape (N, 1, V) or (N, V), and the states of the recurrent layers of
        shape (N, H) in the same order on both sides. Layers return their states with ``return_state=True``.

    Returns
    -------
    callable
        Step for `greedy_search` and `beam_search`. Its state is the list of the recurrent layers' states.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.decoding import greedy_search, recurrent_step
    >>> from seqfuse.layers import GRU, Dense, Embedding, Input
    >>> from seqfuse.models import Model
    >>> tokens, h = Input((None,)), Input((8,))
    >>> y, h_next = GRU(8, return_sequences=True, return_state=True)(Embedding(5, 4)(tokens), initial_state=h)
    >>> decoder = Model([tokens, h], [Dense(5)(y), h_next])
    >>> h0 = np.zeros((2, 8))  # initial states of two sequences, for example the final states of an encoder
    >>> found = greedy_search(recurrent_step(decoder), [h0], [1, 1], end=0, max_length=3)
    >>> found.tokens.shape[0], int(found.lengths.max()) <= 3
    (2, True)
    """

    def step(tokens: Array, state: Any) -> tuple[Any, Any]:
        logits, *new_state = decoder([tokens[:, None], *state])
        return (logits[:, -1] if logits.ndim == 3 else logits), new_state

    return step


def transformer_step(
    embed: Callable[[Array, int], Any], decoders: Sequence[TransformerDecoder], readout: Callable[[Any], Any]
) -> Step:
    """Make the step of a decoder that is a stack of transformer decoder blocks.

    Parameters
    ----------
    embed : callable
        ``embed(tokens, position)`` returns the embedding (N, 1, D) of `tokens` (N, 1), which are all at the integer
        `position`, counted from 0.
    decoders : list of TransformerDecoder
        Blocks of the stack, from the first to the last. They must be built.
    readout : Layer or callable
        Maps the output (N, 1, D) of the last block to logits (N, 1, V).

    Returns
    -------
    callable
        Step for `greedy_search` and `beam_search`. Its state is the list of the blocks' caches, one per block, which
        `TransformerDecoder.start` returns.

    Notes
    -----
    Each block caches the keys and values of all past steps, so one step costs one row of attention per sequence
    instead of a run over the whole sequence.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.decoding import beam_search, transformer_step
    >>> from seqfuse.layers import Dense, Embedding, PositionEmbedding, TransformerDecoder
    >>> table, positions, block, readout = Embedding(5, 8), PositionEmbedding(10), TransformerDecoder(16, 2), Dense(5)
    >>> def embed(tokens, position):
    ...     x = table(tokens)
    ...     return x + positions(x, start_index=position)
    >>> encoded = np.zeros((2, 3, 8))  # outputs of an encoder for two sequences
    >>> y = readout(block(embed(np.array([[1], [1]]), 0), encoded))  # builds the layers
    >>> step = transformer_step(embed, [block], readout)
    >>> found = beam_search(step, [block.start(encoded)], [1, 1], end=0, max_length=3, beams=2)
    >>> found.log_probs.shape
    (2, 2)
    """

    def step(tokens: Array, state: Any) -> tuple[Any, Any]:
        x = embed(tokens[:, None], state[0].length)
        for decoder, cache in zip(decoders, state):
            x = decoder.step(x, cache)
        return readout(x)[:, -1], state

    return step
