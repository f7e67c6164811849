"""Several Python threads in the kernels at once, also with one packed object or one tape: the bits of one call."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import seqfuse as sf
from seqfuse import functional as F
from seqfuse._cells import CELLS

from .processes import all_results, results_of_attention, same_bits, shared_attention, shared_case

pytestmark = pytest.mark.serial

EACH = pytest.mark.parametrize("name", CELLS)
CALLERS = 4


def at_once(work):
    """The results of work(caller), called by several threads that start together, a few times over."""
    start = threading.Barrier(CALLERS)

    def call(caller):
        start.wait()
        return [work(caller) for _ in range(5)]

    with ThreadPoolExecutor(CALLERS) as pool:
        return [result for results in pool.map(call, range(CALLERS)) for result in results]


def pack(name, case):
    weights = [case.arguments[w] for w in ("W", "U", "b") if w in case.arguments]
    return getattr(F, f"pack_{name}")(*weights)


@EACH
def test_calls_at_once_give_the_bits_of_one(name):
    expected = all_results(name, 1)
    assert all(same_bits(r, expected) for r in at_once(lambda caller: all_results(name, 1 + caller % 3)))


def test_calls_of_different_cells_at_once_give_the_bits_of_one():
    names = list(CELLS)[:CALLERS]
    expected = {name: all_results(name, 1) for name in names}
    results = at_once(lambda caller: (names[caller], all_results(names[caller])))
    assert all(same_bits(r, expected[name]) for name, r in results)


def test_calls_of_attention_at_once_give_the_bits_of_one():
    expected = results_of_attention(1)
    assert all(same_bits(r, expected) for r in at_once(lambda caller: results_of_attention(1 + caller % 3)))


def test_one_tape_of_attention_is_read_by_many_threads_at_once():
    case = shared_attention()
    _, tape, grads = case.run(F)

    def work(caller):
        with sf.num_threads(1 + caller % 3):
            return case.backward(F, tape)[:3]

    assert all(same_bits(r, grads[:3]) for r in at_once(work))


@EACH
def test_one_packed_object_is_used_by_many_threads_at_once(name):
    case = shared_case(name)
    packed = pack(name, case)
    call = {a: value for a, value in case.arguments.items() if a not in ("W", "U", "b")} | case.call
    expected = packed(**call)

    def work(caller):
        with sf.num_threads(1 + caller % 3):
            return packed(**call)

    assert all(same_bits(r, expected) for r in at_once(work))


@EACH
def test_streams_of_one_packed_object_do_not_disturb_each_other(name):
    case = shared_case(name)
    packed, x = pack(name, case), case.arguments["x"]
    expected = list(packed(x).y)

    def work(_):
        stream = packed.stream(x.shape[1])
        return [stream.step(x_t) for x_t in x]

    assert all(same_bits(r, expected) for r in at_once(work))


@EACH
@pytest.mark.parametrize("checkpoint", [None, 3])
def test_one_tape_is_read_by_many_threads_at_once(name, checkpoint):
    case = shared_case(name)
    _, tape = case.forward(F, checkpoint=checkpoint)

    def work(caller):
        with sf.num_threads(1 + caller % 3):
            read = *case.backward(F, tape), *tape.states().values(), *tape.gates().values()
        return [a for a in read if a is not None]

    expected = work(0)
    assert all(same_bits(r, expected) for r in at_once(work))
