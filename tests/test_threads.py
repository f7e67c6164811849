"""Tests of the number of threads: its default, the scope of changes, and invalid values."""

import os
import threading

import numpy as np
import pytest

import seqfuse as sf
from seqfuse import _threads

pytestmark = pytest.mark.serial


@pytest.fixture(autouse=True)
def _restore():
    before = sf.get_num_threads()
    yield
    sf.set_num_threads(before)


@pytest.mark.parametrize(
    ("setting", "cpus", "expected"),
    [
        (None, 4, 4),
        ("", 4, 4),
        ("2", 4, 2),
        (" 3 ", 4, 3),
        ("4,2", 8, 4),
        ("16", 4, 4),
        ("0", 4, 4),
        ("-1", 4, 4),
        ("many", 4, 4),
        ("2.5", 4, 4),
        (",2", 4, 4),
        ("\u00b2", 4, 4),
    ],
)
def test_default_is_omp_num_threads_within_the_cpus(monkeypatch, setting, cpus, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cpus)), raising=False)
    if setting is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", setting)
    assert _threads._default() == expected


def test_default_without_affinity_counts_cpus(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert _threads._default() == 1


def test_set_num_threads_is_seen_by_every_thread():
    sf.set_num_threads(3)
    assert _in_a_thread(sf.get_num_threads) == sf.get_num_threads() == 3


def test_num_threads_affects_only_this_thread():
    sf.set_num_threads(2)
    with sf.num_threads(5):
        assert sf.get_num_threads() == 5
        assert _in_a_thread(sf.get_num_threads) == 2
    assert sf.get_num_threads() == 2


def test_num_threads_nests_and_takes_precedence_over_set_num_threads():
    with sf.num_threads(5):
        with sf.num_threads(7):
            sf.set_num_threads(3)
            assert sf.get_num_threads() == 7
        assert sf.get_num_threads() == 5
    assert sf.get_num_threads() == 3


def test_num_threads_restores_when_the_block_raises():
    before = sf.get_num_threads()
    with pytest.raises(KeyError), sf.num_threads(before + 1):
        raise KeyError
    assert sf.get_num_threads() == before


@pytest.mark.parametrize("function", [sf.set_num_threads, sf.num_threads])
@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (0, ValueError, "n must be in 1..1024; got 0"),
        (-2, ValueError, "n must be in 1..1024; got -2"),
        (1025, ValueError, "n must be in 1..1024; got 1025"),
        (2**31 - 1, ValueError, "n must be in 1..1024; got 2147483647"),
        (1.0, TypeError, "n must be an integer; got 1.0"),
        ("2", TypeError, "n must be an integer; got '2'"),
        (None, TypeError, "n must be an integer; got None"),
        (True, TypeError, "n must be an integer; got True"),
    ],
)
def test_invalid_numbers_are_refused_at_the_call(function, n, error, message):
    before = sf.get_num_threads()
    with pytest.raises(error) as caught:
        function(n)
    assert str(caught.value) == f"{function.__name__}: {message}"
    assert sf.get_num_threads() == before


def test_numpy_integers_are_integers():
    sf.set_num_threads(np.int32(2))
    assert sf.get_num_threads() == 2


def _in_a_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]
