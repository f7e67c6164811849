"""Attention of all instruction sets in one process: with fused multiply-adds the bits agree, all are accurate."""

import numpy as np
import pytest
from support.accuracy import assert_rule_of_accuracy
from support.attention_cases import SETTINGS, Setting, make_attention_case, random_case
from support.cases import assert_same_bits

import seqfuse as sf
from seqfuse import _backend
from seqfuse import functional as F

from .test_instruction_sets import AVAILABLE, FUSED, needs_two

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
# Features and keys around packets of 2, 4, 8 and 16; queries around tiles and blocks.
SIZES = [(1, 1, 1), (2, 3, 2), (5, 7, 3), (7, 15, 8), (48, 64, 16), (49, 65, 17), (130, 63, 31), (1, 200, 64)]


def assert_all_agree(case, monkeypatch, threads=1):
    results = []
    for isa in FUSED:
        monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
        with sf.num_threads(threads):
            out, _, grads = case.run(F)
        results.append((out, grads))
    for out, grads in results[1:]:
        assert_same_bits(out, results[0][0])
        assert_same_bits(grads, results[0][1])


@needs_two
@DTYPES
@pytest.mark.parametrize(("Tq", "Tk", "D"), SIZES)
def test_instruction_sets_agree_at_nasty_sizes(Tq, Tk, D, dtype, monkeypatch):
    for settings in ((), (Setting("causal", "bottom_right"), Setting("lengths"), Setting("dlse"))):
        assert_all_agree(make_attention_case(settings, Tq=Tq, Tk=Tk, D=D, dtype=dtype), monkeypatch)


@needs_two
@DTYPES
@pytest.mark.parametrize("settings", SETTINGS)
def test_instruction_sets_agree_with_every_option(settings, dtype, monkeypatch):
    case = make_attention_case((*settings, Setting("dlse")), Tq=70, D=19, Dv=37, dtype=dtype)
    assert_all_agree(case, monkeypatch)


@needs_two
def test_instruction_sets_agree_in_any_call(monkeypatch):
    for seed in range(100):
        assert_all_agree(random_case(seed), monkeypatch, threads=1 + seed % 3)


@needs_two
@DTYPES
@pytest.mark.parametrize("scale", [1e-30, 1e-3, 30, 1e4, 1e30])
def test_instruction_sets_agree_where_weights_vanish_and_scores_overflow(scale, dtype, monkeypatch):
    case = make_attention_case((Setting("dlse"),), Tq=70, D=5, dtype=dtype)
    case.arguments["q"] *= dtype(scale)
    assert_all_agree(case, monkeypatch)


@pytest.mark.parametrize("isa", AVAILABLE)
@DTYPES
@pytest.mark.parametrize("settings", [(), (Setting("mask", "added:bhqk"), Setting("softcap", 1.5), Setting("dlse"))])
def test_every_instruction_set_keeps_the_rule_of_accuracy(settings, dtype, isa, monkeypatch):
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    cases = [make_attention_case(settings, Tq=70, D=19, dtype=dtype, seed=seed) for seed in range(4)]
    assert_rule_of_accuracy([(isa, cases)])


@pytest.mark.parametrize("isa", AVAILABLE)
def test_a_tape_keeps_to_the_kernels_that_made_it(isa, monkeypatch):
    case = make_attention_case((Setting("softcap", 1.5),), Tq=70, D=19)
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    _, tape, grads = case.run(F)
    for other in AVAILABLE:
        monkeypatch.setattr(_backend, "kernels", _backend.load(other))
        assert_same_bits(case.backward(F, tape), grads)
