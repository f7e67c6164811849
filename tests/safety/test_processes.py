"""A child computes what its parent computes, however it came to be and whatever the parent has done with threads."""

import multiprocessing
import os
import threading

import pytest

import seqfuse as sf
from seqfuse import functional as F

from .processes import SECONDS, exit_code_of, results_of_everything, same_bits, shared_case

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def fork(work):
    """The exit code of a child that calls work() and ends with 0 where that is true."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return exit_code_of(child)


@needs_fork
def test_a_forked_child_and_its_own_child_compute_after_the_parent_used_threads():
    expected = results_of_everything()

    def right():
        return same_bits(results_of_everything(), expected)

    assert fork(lambda: right() and fork(right) == 0) == 0
    assert right(), "and the parent's threads work on"


@needs_fork
def test_a_forked_child_uses_python_threads_of_its_own():
    expected = results_of_everything()

    def right():
        results = []
        threads = [threading.Thread(target=lambda: results.append(results_of_everything())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(results) == 2 and all(same_bits(r, expected) for r in results)

    assert fork(right) == 0


@needs_fork
def test_a_fork_while_another_thread_is_inside_a_kernel():
    case = shared_case("lstm")
    with sf.num_threads(2):
        expected = F.lstm(**case.arguments, **case.call)
    stop = threading.Event()

    def compute():
        with sf.num_threads(2):
            while not stop.is_set():
                F.lstm(**case.arguments, **case.call)

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        codes = [fork(lambda: same_bits(F.lstm(**case.arguments, **case.call), expected)) for _ in range(10)]
    finally:
        stop.set()
        thread.join()
    assert codes == [0] * 10


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_child_of_multiprocessing_computes_the_same(method):
    expected = results_of_everything()
    with multiprocessing.get_context(method).Pool(2) as pool:
        pending = [pool.apply_async(results_of_everything, (threads,)) for threads in (1, 2, 3)]
        results = [p.get(SECONDS) for p in pending]
        pool.close()
        pool.join()
    assert all(same_bits(r, expected) for r in results)
