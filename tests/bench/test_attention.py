"""Test the benchmark of attention: its contenders agree, and operations are counted."""

import numpy as np
import pytest

from seqfuse import reference
from seqfuse.bench import attention
from seqfuse.bench.attention import WORKS, AttentionShape, contenders, flops, make
from seqfuse.bench.peers import PEERS, versions
from seqfuse.bench.validation import disagreement

SHAPE = AttentionShape(2, 3, 17, 8)


@pytest.mark.parametrize("work", WORKS)
def test_contenders_agree_with_the_reference(work):
    problem = make("attention", SHAPE)
    found = [name for name in versions(PEERS) if name != "onnxruntime"]
    built = contenders(problem, work, 1, PEERS if "pytorch" in found else ())
    assert [c.name for c in built] == found
    expected = problem.expected(work)
    assert set(expected) == ({"y", "dq", "dk", "dv"} if attention.trains(work) else {"y"})
    for contender in built:
        for _ in range(2):  # gradients do not accumulate over calls
            assert disagreement(contender.read(contender.run()), expected) is None, contender.name


@pytest.mark.parametrize("work", WORKS)
def test_expected_in_blocks_equals_all_queries_at_once(work, monkeypatch):
    problem = make("attention", SHAPE)
    q, k, v, dy = (a.astype(np.float64) for a in problem[:4])
    y, tape = reference.attention_forward(q, k, v, causal=attention.causal(work))
    grads = reference.attention_backward(tape, dy)
    whole = {"y": y, "dq": grads.dq, "dk": grads.dk, "dv": grads.dv}
    monkeypatch.setattr(attention, "BLOCK", 5)
    for name, found in problem.expected(work).items():
        np.testing.assert_allclose(
            found, whole[name], rtol=0, atol=1e-12
        )  # different order of summation; values near 1


def test_flops_count_unmasked_pairs():
    B, H, N, D = shape = AttentionShape(3, 5, 7, 11)
    pair = 2 * B * H * 2 * D
    assert flops("forward", shape) == N * N * pair
    assert flops("causal", shape) == (7 + 6 + 5 + 4 + 3 + 2 + 1) * pair
    for work in ("forward", "causal"):
        assert 2 * flops(f"{work}+backward", shape) == 7 * flops(work, shape)


def test_make_returns_the_same_float32_arrays_in_every_call():
    problem, second = make("attention", SHAPE), make("attention", SHAPE)
    for a, b in zip(problem[:4], second[:4]):
        assert (a.shape, a.dtype) == (SHAPE, np.float32)
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(problem.q, problem.k)
