"""Test the measurement of memory in a new process."""

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
SLACK = 2 * MB  # one huge page, or pages that the system has not counted yet
CASE = Case("attention", "causal+backward", AttentionShape(1, 2, 256, 64), 1)
QKV = 2 * 256 * 64 * 4  # bytes of each of q, k, v


def measure_growth(before, during, returned):
    """Return the growth of a call that uses `during` MB and returns `returned` MB, after `before` MB were freed."""
    np.ones(before * MB, np.uint8)

    def run():
        np.ones(during * MB, np.uint8)
        return np.ones(returned * MB, np.uint8)

    result, growth = memory.peak_growth(run)
    assert result.nbytes == returned * MB
    return growth


@pytest.mark.parametrize(("before", "during", "returned"), [(100, 20, 1), (0, 3, 10), (30, 0, 0)])
def test_peak_growth_does_not_depend_on_memory_before_the_call(before, during, returned):
    growth = memory.run_in_new_process(measure_growth, before, during, returned)
    assert growth == pytest.approx(max(during, returned) * MB, abs=SLACK)


def measure_function(name, run):
    """Measure a contender of this name that calls `run`."""

    def make_contenders(problem, work, threads, peers):
        return [Contender(name, problem, lambda: run(problem), lambda y: {"y": y})]

    memory.TABLES["attention"] = ATTENTION._replace(contenders=make_contenders)
    return memory.measure_contender("attention", CASE, name)


def return_ten(problem):
    return np.ones(10 * MB, np.uint8)


def return_ten_and_use_twenty(problem):
    result = return_ten(problem)
    np.ones(20 * MB, np.uint8)
    return result


@pytest.mark.parametrize(("run", "extra"), [(return_ten, 0), (return_ten_and_use_twenty, 20 * MB)])
def test_measure_contender_excludes_inputs_and_outputs(run, extra):
    found = memory.run_in_new_process(measure_function, "seqfuse", run)
    assert found[:2] == (4 * QKV, 10 * MB)
    assert found.extra == pytest.approx(extra, abs=SLACK)


def test_memory_cases_measure_seqfuse_when_there_is_no_peer():
    (found,) = memory.memory_cases(ATTENTION, [CASE], [])
    assert (found.case, found.inputs, found.outputs) == (CASE, 4 * QKV, 4 * QKV)
    assert list(found.extra) == ["seqfuse"]


def test_memory_cases_report_and_omit_a_peer_that_runs_out_of_memory(monkeypatch, capsys):
    def out_of_memory(function, table, case, name):
        if name == "pytorch":
            raise MemoryError("so much")
        return memory.Memory(3, 2, 1)

    monkeypatch.setattr(memory, "run_in_new_process", out_of_memory)
    (found,) = memory.memory_cases(ATTENTION, [CASE], ["pytorch"])
    assert found == (CASE, 3, 2, {"seqfuse": 1})
    assert "pytorch left out of attention causal+backward (1, 2, 256, 64), threads 1" in capsys.readouterr().err


def test_memory_cases_raise_when_seqfuse_runs_out_of_memory(monkeypatch):
    def out_of_memory(*_):
        raise MemoryError

    monkeypatch.setattr(memory, "run_in_new_process", out_of_memory)
    with pytest.raises(MemoryError):
        list(memory.memory_cases(ATTENTION, [CASE], ["pytorch"]))
