"""Tests of processes: forked and spawned children compute the same, limits of threads, and the end of a process."""

import multiprocessing
import os
import threading

import pytest

import seqfuse as sf
from seqfuse import functional as F

from .processes import (
    SANITIZED,
    SECONDS,
    exit_code_of,
    results_of_everything,
    run_in_new_interpreter,
    same_bits,
    shared_case,
)

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def fork(work):
    """Return the exit code of a child that calls work(): 0 if it returns True."""
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


@pytest.mark.skipif(SANITIZED, reason="the sanitizer reserves more memory than the limit")
def test_kernels_use_fewer_threads_when_the_system_refuses_more():
    assert run_in_new_interpreter("""
        import resource
        import numpy as np
        import seqfuse as sf
        from safety.processes import results_of_everything, same_bits

        expected = results_of_everything(threads=1)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        limit = used + (100 << 20)  # the stacks of 200 threads take 1.6 GB
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        print(same_bits(results_of_everything(threads=200), expected))
    """).split() == ["True"]


def test_process_ends_quietly_while_a_daemon_thread_is_inside_a_kernel():
    for seconds in (0.05, 0.1, 0.2, 0.3):
        run_in_new_interpreter(f"""
            import threading
            import time
            import numpy as np
            from seqfuse import functional as F

            x, W, U = np.ones((200, 8, 64), "f"), np.ones((64, 256), "f"), np.ones((64, 256), "f")

            def work():
                while True:
                    F.lstm(x, W, U)

            for _ in range(2):
                threading.Thread(target=work, daemon=True).start()
            time.sleep({seconds})
        """)
