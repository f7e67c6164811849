"""Tests of all instruction sets in one process: bitwise equality with fused multiply-add, accuracy of all."""

import numpy as np
import pytest
from support.cases import CALLS, EVERY_ACTIVATION, OPTIONS, VARIANTS, assert_accurate, assert_same_bits, make_case

import seqfuse as sf
from seqfuse import _backend, reference
from seqfuse import functional as F

AVAILABLE = _backend.available()
FUSED = [isa for isa in AVAILABLE if isa in _backend.with_fma()]  # the others round the product before the addition
needs_two = pytest.mark.skipif(len(FUSED) < 2, reason="one instruction set with fused multiply-add is here")
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EACH = pytest.mark.parametrize(("cell", "options"), VARIANTS)
# Packet sizes of 2, 4, 8 and 16 units, exact and one less or more; sums over several blocks of 64 terms; segments.
SIZES = [(1, 1, 1, 1), (3, 5, 4, 3), (5, 7, 9, 8), (4, 17, 1, 17), (3, 2, 33, 31), (2, 3, 270, 61), (2, 1, 3, 300)]
SIZES += [(130, 9, 2, 7), (2, 515, 3, 5)]


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
@pytest.mark.parametrize(("T", "B", "I", "H"), SIZES)
@EACH
def test_instruction_sets_agree_at_nasty_sizes(cell, options, T, B, I, H, dtype, monkeypatch):
    assert_all_agree(make_case(cell, options, T=T, B=B, I=I, H=H, dtype=dtype), monkeypatch)


@needs_two
@DTYPES
@pytest.mark.parametrize("call", CALLS)
@EACH
def test_instruction_sets_agree_for_every_call(cell, options, call, dtype, monkeypatch):
    assert_all_agree(make_case(cell, options, T=11, B=7, I=5, H=37, call=call, dtype=dtype), monkeypatch)


@needs_two
@DTYPES
@pytest.mark.parametrize(("cell", "settings"), OPTIONS + EVERY_ACTIVATION)
def test_instruction_sets_agree_with_every_option(cell, settings, dtype, monkeypatch):
    assert_all_agree(make_case(cell, settings=settings, T=6, B=7, I=5, H=37, dtype=dtype), monkeypatch)


@needs_two
@DTYPES
@pytest.mark.parametrize("scale", [1e-30, 1e-3, 30, 1e4, 1e30])
@EACH
def test_instruction_sets_agree_when_gates_saturate_and_numbers_underflow(cell, options, scale, dtype, monkeypatch):
    case = make_case(cell, options, T=6, B=7, I=5, H=37, dtype=dtype)
    case.arguments["x"] *= dtype(scale)
    assert_all_agree(case, monkeypatch)


@needs_two
@DTYPES
@pytest.mark.parametrize(("B", "H"), [(1, 337), (29, 67)])
@EACH
def test_instruction_sets_agree_with_several_threads(cell, options, B, H, dtype, monkeypatch):
    assert_all_agree(make_case(cell, options, T=7, B=B, I=5, H=H, dtype=dtype), monkeypatch, threads=3)


@pytest.mark.parametrize("isa", AVAILABLE)
@DTYPES
@EACH
def test_instruction_sets_obey_the_rule_of_accuracy(cell, options, dtype, isa, monkeypatch):
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    wider, results = np.float64 if dtype is np.float32 else np.longdouble, []
    for seed in range(4):  # pooled, because the maximum of a few errors is not significant
        case = make_case(cell, options, T=7, B=13, I=19, H=37, call="all", dtype=dtype, seed=seed)
        runs = case.run(F), case.run(reference), case.astype(wider).run(reference)
        results.append([[a for a in (*out, *grads) if a is not None] for out, _, grads in runs])
    names = [name for of in (runs[0][0], runs[0][2]) for name, a in of._asdict().items() if a is not None]
    for name, *parts in zip(names, *(map(np.stack, zip(*of)) for of in zip(*results))):
        assert_accurate(name, *parts)


@pytest.mark.parametrize("isa", AVAILABLE)
@EACH
def test_tape_uses_the_kernels_that_created_it(cell, options, isa, monkeypatch):
    case = make_case(cell, options, H=19)
    monkeypatch.setattr(_backend, "kernels", _backend.load(isa))
    _, tape, grads = case.run(F)
    for other in AVAILABLE:
        monkeypatch.setattr(_backend, "kernels", _backend.load(other))
        assert_same_bits(case.backward(F, tape), grads)
