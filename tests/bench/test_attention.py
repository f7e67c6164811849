"""Attention in the benchmark: contenders agree, and operations are counted."""

import numpy as np
import pytest

from seqfuse import reference
from seqfuse.bench import attention
from seqfuse.bench.attention import WORKS, AttentionShape, contenders, flops, make
from seqfuse.bench.peers import PEERS, versions
from seqfuse.bench.validation import disagreement

SHAPE = AttentionShape(2, 3, 17, 8)


@pytest.mark.parametrize("work", WORKS)
def test_every_contender_computes_the_same(work):
    problem = make("attention", SHAPE)
    found = [name for name in versions(PEERS) if name != "onnxruntime"]
    present = contenders(problem, work, 1, PEERS if "pytorch" in found else ())
    assert [c.name for c in present] == found
    wanted = problem.expected(work)
    assert set(wanted) == ({"y", "dq", "dk", "dv"} if attention.trains(work) else {"y"})
    for contender in present:
        for _ in range(2):  # gradients are not added up over calls
            assert disagreement(contender.read(contender.run()), wanted) is None, contender.name


@pytest.mark.parametrize("work", WORKS)
def test_expected_of_some_queries_at_a_time_is_that_of_all(work, monkeypatch):
    problem = make("attention", SHAPE)
    q, k, v, dy = (a.astype(np.float64) for a in problem[:4])
    y, tape = reference.attention_forward(q, k, v, causal=attention.causal(work))
    grads = reference.attention_backward(tape, dy)
    wanted = {"y": y, "dq": grads.dq, "dk": grads.dk, "dv": grads.dv}
    monkeypatch.setattr(attention, "BLOCK", 5)
    for name, found in problem.expected(work).items():
        np.testing.assert_allclose(found, wanted[name], rtol=0, atol=1e-12)  # sums in another order, of numbers near 1


def test_flops_count_the_pairs_that_are_left():
    B, H, N, D = shape = AttentionShape(3, 5, 7, 11)
    pair = 2 * B * H * 2 * D
    assert flops("forward", shape) == N * N * pair
    assert flops("causal", shape) == (7 + 6 + 5 + 4 + 3 + 2 + 1) * pair
    for work in ("forward", "causal"):
        assert 2 * flops(f"{work}+backward", shape) == 7 * flops(work, shape)


def test_make_gives_the_same_float32_arrays_each_time():
    problem, again = make("attention", SHAPE), make("attention", SHAPE)
    for a, b in zip(problem[:4], again[:4]):
        assert (a.shape, a.dtype) == (SHAPE, np.float32)
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(problem.q, problem.k)
