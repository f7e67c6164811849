"""Test the benchmark of a transformer block: its contenders agree, and operations are counted."""

import pytest

from seqfuse.bench import block
from seqfuse.bench.block import BlockShape, contenders, make
from seqfuse.bench.peers import PEERS, versions
from seqfuse.bench.validation import disagreement


@pytest.mark.parametrize("work", block.WORKS)
def test_contenders_agree_with_the_reference(work):
    problem = make("block", BlockShape(2, 19, 24, 3))
    found = [name for name in versions(PEERS) if name != "onnxruntime"]
    built = contenders(problem, work, 1, found)
    assert [c.name for c in built] == found
    expected = problem.expected(work)
    for contender in built:
        for _ in range(2):  # calls do not depend on each other
            assert disagreement(contender.read(contender.run()), expected) is None, contender.name


def test_amount_counts_projections_feed_forward_and_attention():
    B, N, E, H = shape = BlockShape(2, 5, 12, 3)
    projections, feed_forward, attention = 2 * B * N * 4 * E * E, 2 * B * N * 2 * E * 4 * E, 2 * B * N * N * 2 * E
    assert make("block", shape).amount("forward") == projections + feed_forward + attention
    backward = 2 * (projections + feed_forward) + 5 * attention // 2
    assert make("block", shape).amount("forward+backward") == projections + feed_forward + attention + backward
    assert H == 3


def test_shapes_are_one_small_transformer():
    assert block.SHAPES == (BlockShape(16, 256, 256, 4),)
