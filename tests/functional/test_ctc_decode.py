"""Tests of greedy and beam decoding: against all paths, padding and ties."""

import numpy as np
import pytest
from support.ctc_cases import CALLS, make_ctc_case, probabilities, spell

from seqfuse import functional as F


def draw(steps, classes, seed=0):
    return np.random.default_rng([steps, classes, seed]).normal(size=(steps, 1, classes)) * 1.5


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize(("steps", "classes"), [(0, 3), (1, 3), (4, 3), (7, 3), (5, 4), (3, 7)])
def test_ctc_beam_decode_with_a_wide_beam_finds_all_labels_with_their_probabilities(steps, classes, blank):
    logits = draw(steps, classes)
    expected = probabilities(logits[:, 0], blank)
    (decoded,) = F.ctc_beam_decode(logits, beam_width=5000, top_paths=5000, blank=blank)
    assert {tuple(hypothesis.labels) for hypothesis in decoded} == set(expected)
    np.testing.assert_allclose(
        [hypothesis.score for hypothesis in decoded],
        [np.log(expected[tuple(hypothesis.labels)]) for hypothesis in decoded],
        rtol=1e-12,
        atol=1e-14,
    )
    assert [hypothesis.score for hypothesis in decoded] == sorted(
        (hypothesis.score for hypothesis in decoded), reverse=True
    )


@pytest.mark.parametrize("seed", range(5))
def test_ctc_beam_decode_with_a_wide_beam_agrees_with_the_loss(seed):
    logits = draw(6, 4, seed)
    (decoded,) = F.ctc_beam_decode(logits, beam_width=5000, top_paths=20)
    for labels, score in decoded:
        (loss,) = F.ctc_loss(logits, np.array([labels], int).reshape(1, -1))
        assert score == pytest.approx(-loss, rel=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3, 8])
def test_ctc_beam_decode_score_is_at_most_the_log_probability_with_a_narrow_beam(width):
    logits = draw(8, 4)
    (decoded,) = F.ctc_beam_decode(logits, beam_width=width, top_paths=width)
    assert len(decoded) == width
    for labels, score in decoded:
        assert score <= -F.ctc_loss(logits, np.array([labels], int).reshape(1, -1))[0] + 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_ctc_greedy_decode_returns_the_most_probable_path(seed):
    logits = draw(5, 4, seed)
    log_p = logits[:, 0] - np.log(np.exp(logits[:, 0]).sum(axis=1, keepdims=True))
    paths = {p: sum(log_p[t, c] for t, c in enumerate(p)) for p in np.ndindex(*(4,) * 5)}
    best = max(paths, key=paths.get)
    (decoded,) = F.ctc_greedy_decode(logits)
    assert decoded.labels == list(spell(best))
    assert decoded.score == pytest.approx(paths[best], rel=1e-12)


@pytest.mark.parametrize("path", [[], [0], [1, 1], [1, 0, 1], [2, 2, 0, 0, 2, 1, 1], [0, 0, 3, 0]], ids=str)
def test_ctc_decoders_agree_on_a_certain_path(path):
    logits = 40 * np.eye(4)[path].reshape(-1, 1, 4)
    (greedy,), ((beam,),) = F.ctc_greedy_decode(logits), F.ctc_beam_decode(logits)
    assert greedy.labels == beam.labels == list(spell(tuple(path)))
    assert greedy.score == pytest.approx(0, abs=1e-14)
    assert beam.score == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("call", CALLS)
def test_ctc_decoders_use_only_the_valid_steps_of_a_row(call):
    case = make_ctc_case(call)
    case.time_major_logits[~case.valid] = np.nan
    options = {name: value for name, value in case.options.items() if name != "label_lengths"}
    greedy = F.ctc_greedy_decode(case.logits, **options)
    beam = F.ctc_beam_decode(case.logits, beam_width=9, top_paths=4, **options)
    for b in range(len(greedy)):
        single = case.row(b)
        assert F.ctc_greedy_decode(single.logits, **single.options) == [greedy[b]]
        assert F.ctc_beam_decode(single.logits, beam_width=9, top_paths=4, **single.options) == [beam[b]]
        assert len(beam[b]) == 4
        assert all(type(c) is int for hypothesis in (greedy[b], *beam[b]) for c in hypothesis.labels)


def test_ctc_beam_decode_omits_labels_of_probability_0():
    logits = np.array([[[-np.inf, 0, -np.inf]], [[0, 0, -np.inf]]])
    (decoded,) = F.ctc_beam_decode(logits, top_paths=16)
    assert decoded == [([1], pytest.approx(0))]


def test_ctc_decoders_order_ties_by_length_and_then_by_label():
    (decoded,) = F.ctc_beam_decode(np.zeros((1, 1, 4)), top_paths=4)
    assert [hypothesis.labels for hypothesis in decoded] == [[], [1], [2], [3]]
    assert F.ctc_greedy_decode(np.zeros((3, 1, 4)), blank=3)[0].labels == [0]


def test_ctc_decoders_return_empty_lists_for_no_rows():
    assert F.ctc_greedy_decode(np.zeros((4, 0, 3))) == F.ctc_beam_decode(np.zeros((4, 0, 3))) == []
