"""Contenders of the recurrent benchmark compute the same."""

import pytest

from seqfuse._cells import CELLS as DEFINED
from seqfuse.bench.case import Case
from seqfuse.bench.measurements import last
from seqfuse.bench.peers import PEERS, versions
from seqfuse.bench.recurrent import contenders
from seqfuse.bench.recurrent.problem import make
from seqfuse.bench.recurrent.shapes import CELLS, WORKS, Shape
from seqfuse.bench.validation import disagreement

SHAPES = {"forward": Shape(5, 3, 4, 8), "forward+backward": Shape(5, 3, 4, 8), "step": Shape(1, 1, 8, 8)}


def installed(cell):
    """The peers that are here and have the cell."""
    names = {"pytorch": "pytorch", "onnx": "onnxruntime"}
    return {names[peer] for peer in DEFINED[cell].peer_gates if peer in names} & set(versions(PEERS))


def assert_right(present, case):
    for contender in present:
        problem = contender.problem
        results = contender.read(last(contender, case))
        assert disagreement(results, problem.expected(case.work), problem.kinked) is None, contender.name


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_contender_computes_the_same(cell, work):
    case = Case(cell, work, SHAPES[work], 1)
    present = contenders.beside_peers(make(cell, case.shape), work, 1, list(installed(cell)))
    assert present[0].name == "seqfuse"
    assert [c.name for c in present if c.ours] == ["seqfuse"]
    training = {"onnxruntime"} if work == "forward+backward" else set()
    assert {c.name for c in present if not c.ours} == installed(cell) - training
    assert_right(present, case)


@pytest.mark.parametrize("work", WORKS[:2])
@pytest.mark.parametrize("cell", CELLS)
def test_every_contender_computes_the_same_of_a_padded_batch(cell, work):
    case = Case(cell, work, SHAPES[work], 1)
    present = contenders.with_padding(make(cell, case.shape), work, 1, list(installed(cell)))
    names = ["seqfuse", "padded"] + (["pytorch packed", "pytorch padded"] if "pytorch" in installed(cell) else [])
    assert [c.name for c in present] == names
    assert ["lengths" in c.problem.options for c in present] == [True, False, True, False][: len(names)]
    assert_right(present, case)


@pytest.mark.parametrize("cell", CELLS)
def test_every_option_computes_what_the_reference_does(cell):
    case = Case(cell, "forward+backward", SHAPES["forward+backward"], 1)
    present = contenders.with_options(make(cell, case.shape), case.work, 1, PEERS)
    assert present[0].name == "seqfuse"
    assert all(c.ours and c.problem.options for c in present[1:])
    assert len({c.name for c in present}) == len(present)
    assert_right(present, case)
