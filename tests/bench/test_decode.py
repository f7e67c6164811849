"""Test the benchmark of decoding: its contenders agree, and bytes are counted."""

import numpy as np
import pytest

from seqfuse import reference
from seqfuse.bench import decode
from seqfuse.bench.decode import DecodeShape, contenders, make
from seqfuse.bench.peers import PEERS, versions
from seqfuse.bench.validation import disagreement

SHAPES = (DecodeShape(2, 4, 4, 19, 8), DecodeShape(3, 6, 2, 19, 8))


@pytest.mark.parametrize("shape", SHAPES)
def test_contenders_agree_with_the_reference(shape):
    problem = make("decode", shape)
    found = [name for name in versions(PEERS) if name != "onnxruntime"]
    built = contenders(problem, "step", 1, found)
    assert [c.name for c in built] == found
    expected = problem.expected("step")
    for contender in built:
        for _ in range(2):  # a step does not change the cache
            assert disagreement(contender.read(contender.run()), expected) is None, contender.name


@pytest.mark.parametrize("shape", SHAPES)
def test_expected_row_by_row_equals_the_whole_batch(shape):
    problem = make("decode", shape)
    (y,) = problem.expected("step").values()
    assert y.shape == problem.q.shape
    whole = reference.attention(*(a.astype(np.float64) for a in problem[:3]))
    np.testing.assert_allclose(y, whole, rtol=0, atol=1e-12)  # different order of summation; values near 1


def test_amount_counts_each_key_and_value_once():
    assert make("decode", DecodeShape(3, 6, 2, 19, 8)).amount("step") == 3 * 2 * 19 * (8 + 8) * 4


def test_shapes_combine_two_batch_sizes_two_numbers_of_heads_and_three_lengths():
    assert {(shape.B, shape.Hq, shape.Hk) for shape in decode.SHAPES} == {(b, h, 8) for b in (1, 8) for h in (8, 32)}
    assert {shape.Tk for shape in decode.SHAPES} == {512, 4096, 16384}
    assert len(decode.SHAPES) == 12
