"""Tests of attention on all instruction sets: equal bits with fused multiply-add, and accuracy on each."""

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
# Numbers of features and keys near packets of 2, 4, 8 and 16; numbers of queries near tiles and blocks.
SIZES = [(1, 1, 1), (2, 3, 2), (5, 7, 3), (7, 15, 8), (48, 64, 16), (49, 65, 17), (130, 63, 31), (1, 200, 64)]


def assert_same_bits_on_all(case, monkeypatch, threads=1):
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
def test_attention_has_the_same_bits_on_every_fused_instruction_set_at_nasty_sizes(Tq, Tk, D, dtype, monkeypatch):
    for settings in ((), (Setting("causal", "bottom_right"), Setting("lengths"), Setting("dlse"))):
        assert_same_bits_on_all(make_attention_case(settings, Tq=Tq, Tk=Tk, D=D, dtype=dtype), monkeypatch)


@needs_two
@DTYPES
@pytest.mark.parametrize("settings", SETTINGS)
def test_attention_has_the_same_bits_on_every_fused_instruction_set_with_every_option(settings, dtype, monkeypatch):
    case = make_attention_case((*settings, Setting("dlse")), Tq=70, D=19, Dv=37, dtype=dtype)
    assert_same_bits_on_all(case, monkeypatch)


@needs_two
def test_attention_has_the_same_bits_on_every_fused_instruction_set_in_any_call(monkeypatch):
    for seed in range(100):
        assert_same_bits_on_all(random_case(seed), monkeypatch, threads=1 + seed % 3)


@needs_two
@DTYPES
@pytest.mark.parametrize("scale", [1e-30, 1e-3, 30, 1e4, 1e30])
def test_attention_has_the_same_bits_on_every_fused_instruction_set_when_scores_overflow(scale, dtype, monkeypatch):
    case = make_attention_case((Setting("dlse"),), Tq=70, D=5, dtype=dtype)
    case.arguments["q"] *= dtype(scale)
    assert_same_bits_on_all(case, monkeypatch)


@pytest.mark.parametrize("isa", AVAILABLE)
@DTYPES
@pytest.mark.parametrize("settings", [(), (Setting("mask", "added:bhqk"), Setting("softcap", 1.5), Setting("dlse"))])
def test_attention_is_as_accurate_as_the_reference_on_every_instruction_set(settings, dtype, isa, monkeypatch):
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    cases = [make_attention_case(settings, Tq=70, D=19, dtype=dtype, seed=seed) for seed in range(4)]
    assert_rule_of_accuracy([(isa, cases)])


@pytest.mark.parametrize("isa", AVAILABLE)
def test_attention_backward_uses_the_kernels_of_the_forward(isa, monkeypatch):
    case = make_attention_case((Setting("softcap", 1.5),), Tq=70, D=19)
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    _, tape, grads = case.run(F)
    for other in AVAILABLE:
        monkeypatch.setattr(_backend, "kernels", _backend.load(other))
        assert_same_bits(case.backward(F, tape), grads)
