import pytest

import seqfuse as sf
from seqfuse.bench import contenders
from seqfuse.bench.cli import last
from seqfuse.bench.problem import disagreement, expected, make
from seqfuse.bench.shapes import CELLS, WORKS, Case, Shape

SHAPES = {"forward": Shape(5, 3, 4, 8), "forward+backward": Shape(5, 3, 4, 8), "step": Shape(1, 1, 8, 8)}


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_contender_computes_the_same(cell, work):
    problem = make(cell, SHAPES[work])
    case = Case(cell, work, SHAPES[work], 1)
    names = list(contenders.versions(contenders.PEERS))
    with contenders.enter(problem, work, 1, names) as present:
        assert present[0].name == "seqfuse"
        assert {c.name for c in present} == {n for n in names if n != "onnxruntime" or work != "forward+backward"}
        for contender in present:
            wrong = disagreement(contender.read(last(contender.run, case)), expected(problem, work))
            assert wrong is None, contender.name


def test_enter_sets_the_threads_while_it_lasts():
    before = sf.get_num_threads()
    with contenders.enter(make("rnn", Shape(1, 1, 1, 1)), "forward", before + 1, []):
        assert sf.get_num_threads() == before + 1
    assert sf.get_num_threads() == before


@pytest.mark.once
def test_versions_leave_out_what_is_missing(monkeypatch):
    monkeypatch.setattr(contenders.importlib.util, "find_spec", lambda name: None)
    assert contenders.versions(contenders.PEERS) == {"seqfuse": sf.__version__}
