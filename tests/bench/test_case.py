"""Test contenders and problem sizes of the benchmark."""

import numpy as np
import pytest

from seqfuse.bench import attention
from seqfuse.bench.case import Contender, size_of
from seqfuse.bench.peers import PEERS


@pytest.mark.parametrize(
    ("name", "ours"), [("seqfuse", True), ("padded", True), *((name, False) for name in (*PEERS, "pytorch packed"))]
)
def test_contender_is_ours_unless_its_name_begins_with_a_peer(name, ours):
    problem = attention.make("attention", attention.AttentionShape(1, 1, 1, 1))
    assert Contender(name, problem, lambda: None, lambda result: {}).ours == ours


def test_size_of_adds_up_the_arrays():
    problem = attention.make("attention", attention.AttentionShape(2, 3, 5, 7))
    assert size_of(problem) == 4 * 2 * 3 * 5 * 7 * np.dtype(np.float32).itemsize
