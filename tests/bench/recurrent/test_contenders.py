"""Test that the contenders of the recurrent benchmark agree with the reference."""

import pytest

from seqfuse._cells import CELLS as DEFINED
from seqfuse.bench.case import Case
from seqfuse.bench.measurements import last_result
from seqfuse.bench.peers import PEERS, versions
from seqfuse.bench.recurrent import contenders
from seqfuse.bench.recurrent.problem import make
from seqfuse.bench.recurrent.shapes import CELLS, WORKS, Shape
from seqfuse.bench.validation import disagreement

SHAPES = {"forward": Shape(5, 3, 4, 8), "forward+backward": Shape(5, 3, 4, 8), "step": Shape(1, 1, 8, 8)}


def installed(cell):
    """Return the installed peers that have the cell."""
    names = {"pytorch": "pytorch", "onnx": "onnxruntime"}
    return {names[peer] for peer in DEFINED[cell].peer_gates if peer in names} & set(versions(PEERS))


def assert_correct(built, case):
    for contender in built:
        problem = contender.problem
        results = contender.read(last_result(contender, case))
        assert disagreement(results, problem.expected(case.work), problem.kinked) is None, contender.name


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("cell", CELLS)
def test_contenders_agree_with_the_reference(cell, work):
    case = Case(cell, work, SHAPES[work], 1)
    built = contenders.with_peers(make(cell, case.shape), work, 1, list(installed(cell)))
    assert built[0].name == "seqfuse"
    assert [c.name for c in built if c.ours] == ["seqfuse"]
    training = {"onnxruntime"} if work == "forward+backward" else set()
    assert {c.name for c in built if not c.ours} == installed(cell) - training
    assert_correct(built, case)


@pytest.mark.parametrize("work", WORKS[:2])
@pytest.mark.parametrize("cell", CELLS)
def test_contenders_agree_on_padded_batches(cell, work):
    case = Case(cell, work, SHAPES[work], 1)
    built = contenders.with_padding(make(cell, case.shape), work, 1, list(installed(cell)))
    names = ["seqfuse", "padded"] + (["pytorch packed", "pytorch padded"] if "pytorch" in installed(cell) else [])
    assert [c.name for c in built] == names
    assert ["lengths" in c.problem.options for c in built] == [True, False, True, False][: len(names)]
    assert_correct(built, case)


@pytest.mark.parametrize("cell", CELLS)
def test_options_agree_with_the_reference(cell):
    case = Case(cell, "forward+backward", SHAPES["forward+backward"], 1)
    built = contenders.with_options(make(cell, case.shape), case.work, 1, PEERS)
    assert built[0].name == "seqfuse"
    assert all(c.ours and c.problem.options for c in built[1:])
    assert len({c.name for c in built}) == len(built)
    assert_correct(built, case)
