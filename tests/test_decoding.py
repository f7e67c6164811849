"""Test greedy and beam search against brute force, and steps of decoders against runs over whole sequences."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest

from seqfuse import decoding
from seqfuse.decoding import beam_search, greedy_search, recurrent_step, take, transformer_step
from seqfuse.layers import LSTM, Dense, Embedding, Input, SinePositionEncoding, TransformerDecoder
from seqfuse.models import Model

V, END, START, MAX_LENGTH = 4, 0, 1, 4


class HistoryModel:
    """Decoder whose logits depend on all tokens so far; tokens in `barred` have probability 0."""

    def __init__(self, seed, barred=()):
        self.seed, self.barred = seed, barred

    def logits(self, row, history):
        rng = np.random.default_rng([self.seed, row, *history])
        logits = rng.normal(size=V) * 2
        logits[list(self.barred)] = -np.inf
        return logits

    def __call__(self, tokens, state):
        row, history = state["row"], np.concatenate([state["history"], tokens[:, None]], 1)
        return np.stack([self.logits(r, h) for r, h in zip(row, history)]), {"row": row, "history": history}

    def start(self, rows):
        return {"row": np.arange(rows), "history": np.zeros((rows, 0), int)}

    def log_softmax(self, row, history):
        logits = self.logits(row, history)
        return logits - np.log(np.exp(logits).sum())

    def log_prob(self, row, sequence):
        history = [START, *sequence]
        return sum(self.log_softmax(row, history[: i + 1])[token] for i, token in enumerate(sequence))


def penalized(log_prob, length, penalty):
    return log_prob / ((5 + length) / 6) ** penalty


def all_sequences():
    inner = [token for token in range(V) if token != END]
    for n in range(MAX_LENGTH):
        yield from ((*one, END) for one in itertools.product(inner, repeat=n))
    yield from itertools.product(inner, repeat=MAX_LENGTH)


def sequences_of(found, row):
    return [tuple(tokens[:n]) for tokens, n in zip(found.tokens[row].tolist(), found.lengths[row])]


def search(model, beams, penalty=0.0, rows=2, max_length=MAX_LENGTH):
    return beam_search(
        model, model.start(rows), [START] * rows, end=END, max_length=max_length, beams=beams, length_penalty=penalty
    )


@pytest.mark.parametrize("penalty", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_beam_search_ranks_all_sequences_when_beams_hold_all(seed, penalty):
    model, everything = HistoryModel(seed), list(all_sequences())
    found = search(model, len(everything) + 3, penalty)
    for row in range(2):
        ranked = sorted(everything, key=lambda one: -penalized(model.log_prob(row, one), len(one), penalty))
        assert sequences_of(found, row)[: len(ranked)] == ranked
        expected = [model.log_prob(row, one) for one in ranked]
        np.testing.assert_allclose(found.log_probs[row, : len(ranked)], expected, rtol=1e-12)
        assert np.isneginf(found.log_probs[row, len(ranked) :]).all()
        assert np.isclose(np.exp(expected).sum(), 1)


def beams_by_hand(model, row, beams, penalty):
    """Run beam search as the docstring of `beam_search` describes it, with lists."""
    kept = [((), 0.0)]
    for _ in range(MAX_LENGTH):
        extended = []
        for one, log_prob in kept:
            if one[-1:] == (END,):
                extended.append((one, log_prob))
            else:
                log_p = model.log_softmax(row, [START, *one])
                extended += [((*one, token), log_prob + log_p[token]) for token in range(V)]
        kept = sorted(extended, key=lambda pair: -penalized(pair[1], len(pair[0]), penalty))[:beams]
    return kept


@pytest.mark.parametrize("beams", [1, 2, 3, 7])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_beam_search_keeps_the_best_at_every_step(seed, penalty, beams):
    model = HistoryModel(seed)
    found = search(model, beams, penalty, rows=3)
    for row in range(3):
        kept = beams_by_hand(model, row, beams, penalty)
        assert sequences_of(found, row) == [one for one, _ in kept]
        np.testing.assert_allclose(found.log_probs[row], [log_prob for _, log_prob in kept], rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_greedy_search_takes_the_most_probable_token_and_equals_one_beam(seed):
    model = HistoryModel(seed)
    found = greedy_search(model, model.start(3), [START] * 3, end=END, max_length=MAX_LENGTH)
    for row in range(3):
        one = []
        while len(one) < MAX_LENGTH and one[-1:] != [END]:
            one.append(int(model.log_softmax(row, [START, *one]).argmax()))
        assert found.tokens[row, : found.lengths[row]].tolist() == one
        assert (found.tokens[row, found.lengths[row] :] == END).all()
        assert np.isclose(found.log_probs[row], model.log_prob(row, one), rtol=1e-12)
    for a, b in zip(found, search(model, 1, rows=3)):
        np.testing.assert_array_equal(a, b[:, 0])


def test_beam_search_length_penalty_favors_long_sequences():
    lengths = [search(HistoryModel(3), 3, penalty, rows=8).lengths[:, 0].sum() for penalty in (0.0, 3.0)]
    assert lengths[0] < lengths[1]


def test_search_avoids_impossible_tokens_and_reaches_max_length_without_end():
    found = search(HistoryModel(0, barred=(2, END)), 3)
    assert not np.isin(found.tokens, [2, END]).any()
    assert (found.lengths == MAX_LENGTH).all()
    model = HistoryModel(0)
    found = greedy_search(model, model.start(2), [START] * 2, end=-1, max_length=6)
    assert found.tokens.shape == (2, 6)
    assert (found.lengths == 6).all()


def test_beam_search_of_equal_logits_prefers_the_earlier_beam_and_the_lower_token():
    found = beam_search(lambda t, s: (np.zeros((len(t), 3)), s), None, [0], end=-1, max_length=2, beams=4)
    assert found.tokens[0].tolist() == [[0, 0], [0, 1], [0, 2], [1, 0]]


def test_beam_search_stops_when_all_have_ended_and_accepts_empty_batches():
    calls = []

    def step(tokens, state):
        calls.append(tokens)
        return np.where(np.arange(3) == 2, 0.0, -np.inf) + np.zeros((len(tokens), 1)), state

    found = beam_search(step, None, [0, 1], end=2, max_length=50, beams=2)
    assert len(calls) == 1
    assert found.tokens.shape == (2, 2, 1)
    assert beam_search(step, None, [0, 1], end=2, max_length=0).tokens.shape == (2, 4, 0)
    assert beam_search(step, np.zeros((0, 2)), np.zeros(0, int), end=2, max_length=3).log_probs.shape == (0, 4)


class TwoStates(NamedTuple):
    a: object
    b: object


def test_take_reorders_every_kind_of_state():
    rows, x = np.array([1, 1, 0]), np.arange(4).reshape(2, 2)
    found = take({"tuple": TwoStates(x, None), "list": [x, (x,)]}, rows)
    assert isinstance(found["tuple"], TwoStates)
    assert found["tuple"].b is None
    for one in (found["tuple"].a, found["list"][0], found["list"][1][0]):
        np.testing.assert_array_equal(one, x[rows])
    with pytest.raises(TypeError, match=r"take: state must be an array, None, .* dict of these; got int"):
        take([1], rows)


@pytest.mark.parametrize(
    ("logits", "options", "message"),
    [
        (np.zeros((1, 3)), {}, r"logits must be \(N, V\) = \(8, V\); got \(1, 3\)"),
        (np.zeros((8, 1, 3)), {}, r"logits must be \(N, V\)"),
        (np.full((8, 3), np.nan), {}, "logits must be finite or -inf, .* got a maximum of nan in row 0"),
        (np.full((8, 3), -np.inf), {}, "logits must be finite or -inf, .* got a maximum of -inf in row 0"),
        (np.array([[0.0] * 3] * 5 + [[0, np.inf, 0]] * 3), {}, "logits must be .* got a maximum of inf in row 5"),
        (np.zeros((8, 3)), {"end": 3}, r"end must be in -1..V-1 = -1..2; got 3"),
        (np.zeros((8, 3)), {"end": -2}, "end must be"),
        (np.zeros((8, 3)), {"beams": 0}, "beams must be"),
        (np.zeros((8, 3)), {"max_length": -1}, "max_length must be"),
        (np.zeros((8, 3)), {"length_penalty": -1}, "length_penalty must be"),
        (np.zeros((8, 3)), {"start": [[0]]}, r"start must be \(B,\); got \(1, 1\)"),
    ],
)
def test_beam_search_rejects_bad_arguments(logits, options, message):
    given = {"start": [0, 1], "end": 0, "max_length": 3} | options
    start = given.pop("start")
    with pytest.raises(ValueError, match=f"beam_search: {message}"):
        beam_search(lambda *_: (logits, None), None, start, **given)


def test_search_rejects_a_start_of_floats():
    with pytest.raises(TypeError, match="greedy_search: start must be"):
        greedy_search(lambda *_: None, None, [0.5], end=0, max_length=1)


def log_probs_from_logits(logits, tokens, found):
    """Log-probabilities of the sequences that were found, from logits of runs over whole sequences."""
    logits = np.asarray(logits, np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    steps = np.take_along_axis(log_p, tokens[:, :, None], 2)[..., 0]
    valid = np.arange(tokens.shape[1]) < found.lengths.reshape(-1, 1)
    return np.where(valid, steps, 0).sum(1).reshape(found.log_probs.shape)


def test_recurrent_step_agrees_with_a_run_over_the_whole_sequence():
    tokens, h, c = Input((None,)), Input((6,)), Input((6,))
    y, *new_states = LSTM(6, return_sequences=True, return_state=True)(Embedding(V, 5)(tokens), initial_state=[h, c])
    decoder = Model([tokens, h, c], [Dense(V, kernel_initializer="normal")(y), *new_states])
    decoder.set_weights([np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(decoder.get_weights())])
    state = list(np.random.default_rng(0).normal(size=(2, 3, 6)).astype("f4"))
    found = beam_search(recurrent_step(decoder), state, [START] * 3, end=END, max_length=5, beams=3)
    flat = found.tokens.reshape(9, -1)
    fed = np.concatenate([np.full((9, 1), START), flat[:, :-1]], 1)
    logits = decoder([fed, *(np.repeat(one, 3, 0) for one in state)])[0]
    np.testing.assert_allclose(found.log_probs, log_probs_from_logits(logits, flat, found), rtol=1e-12, atol=1e-12)


def test_transformer_step_agrees_with_a_run_over_the_whole_sequence():
    rng = np.random.default_rng(1)
    table, positions, readout = Embedding(V, 8), SinePositionEncoding(), Dense(V)
    blocks = [TransformerDecoder(12, 2), TransformerDecoder(12, 2, normalize_first=True)]
    encoded, mask = rng.normal(size=(3, 4, 8)).astype("f4"), rng.random((3, 4)) < 0.7

    def embed(tokens, first):
        x = table(tokens)
        return x + positions(x, start_index=first)

    def whole(tokens, encoded, mask):
        x = embed(tokens, 0)
        for block in blocks:
            x = block(x, encoded, encoder_padding_mask=mask)
        return readout(x)

    whole(np.ones((3, 2), int), encoded, mask)
    for layer in (table, readout, *blocks):
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    state = [block.start(encoded, mask) for block in blocks]
    step = transformer_step(embed, blocks, readout)
    found = beam_search(step, state, [START] * 3, end=END, max_length=5, beams=3)
    assert (found.lengths == 5).any()
    flat = found.tokens.reshape(9, -1)
    fed = np.concatenate([np.full((9, 1), START), flat[:, :-1]], 1)
    logits = whole(fed, np.repeat(encoded, 3, 0), np.repeat(mask, 3, 0))
    np.testing.assert_allclose(found.log_probs, log_probs_from_logits(logits, flat, found), rtol=1e-12, atol=1e-12)


def test_decoding_is_imported_on_first_access():
    import seqfuse

    assert seqfuse.decoding is decoding
