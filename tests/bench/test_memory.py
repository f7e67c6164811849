"""The memory that a contender takes, measured in a process of its own."""

import sys

import numpy as np
import pytest
from safety.processes import SANITIZED

from seqfuse.bench import memory
from seqfuse.bench.attention import AttentionShape
from seqfuse.bench.case import Case, Contender
from seqfuse.bench.tables import ATTENTION

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps memory that was freed"),
]

MB = 1_000_000
SLACK = 2 * MB  # a huge page where there are such, and the pages that the system has not counted yet
CASE = Case("attention", "causal+backward", AttentionShape(1, 2, 256, 64), 1)
QKV = 2 * 256 * 64 * 4  # bytes of one of them


def grown(before, during, kept):
    """By how much a process grows that had so many MB before, has so many more meanwhile, and keeps some of them."""
    np.ones(before * MB, np.uint8)

    def run():
        np.ones(during * MB, np.uint8)
        return np.ones(kept * MB, np.uint8)

    result, size = memory.growth(run)
    assert result.nbytes == kept * MB
    return size


@pytest.mark.parametrize(("before", "during", "kept"), [(100, 20, 1), (0, 3, 10), (30, 0, 0)])
def test_growth_is_the_peak_meanwhile_whatever_was_there_before(before, during, kept):
    size = memory.in_a_new_process(grown, before, during, kept)
    assert size == pytest.approx(max(during, kept) * MB, abs=SLACK)


def measured(name, run):
    """What is said of a contender of that name that runs so."""

    def enter(problem, work, threads, peers):
        return [Contender(name, problem, lambda: run(problem), lambda y: {"y": y})]

    memory.TABLES["attention"] = ATTENTION._replace(enter=enter)
    return memory.weigh("attention", CASE, name)


def gives_ten(problem):
    return np.ones(10 * MB, np.uint8)


def gives_ten_and_takes_twenty(problem):
    result = gives_ten(problem)
    np.ones(20 * MB, np.uint8)
    return result


@pytest.mark.parametrize(("run", "beyond"), [(gives_ten, 0), (gives_ten_and_takes_twenty, 20 * MB)])
def test_weight_leaves_out_what_is_given_and_given_back(run, beyond):
    weight = memory.in_a_new_process(measured, "seqfuse", run)
    assert weight[:2] == (4 * QKV, 10 * MB)
    assert weight.beyond == pytest.approx(beyond, abs=SLACK)


def test_weighed_has_ours_and_every_peer_of_a_case():
    (found,) = memory.weighed(ATTENTION, [CASE], [])
    assert (found.case, found.inputs, found.outputs) == (CASE, 4 * QKV, 4 * QKV)
    assert list(found.beyond) == ["seqfuse"]


def test_weighed_leaves_out_a_peer_that_memory_is_refused(monkeypatch, capsys):
    def refused(function, table, case, name):
        if name == "pytorch":
            raise MemoryError("so much")
        return memory.Weight(3, 2, 1)

    monkeypatch.setattr(memory, "in_a_new_process", refused)
    (found,) = memory.weighed(ATTENTION, [CASE], ["pytorch"])
    assert found == (CASE, 3, 2, {"seqfuse": 1})
    assert "pytorch left out of attention causal+backward (1, 2, 256, 64), threads 1" in capsys.readouterr().err


def test_weighed_fails_when_ours_does(monkeypatch):
    def refused(*_):
        raise MemoryError

    monkeypatch.setattr(memory, "in_a_new_process", refused)
    with pytest.raises(MemoryError):
        list(memory.weighed(ATTENTION, [CASE], ["pytorch"]))
