"""Memory: what cannot be had is a MemoryError and the next call works; 10,000 calls leave nothing behind."""

import sys

import pytest

from seqfuse._cells import CELLS

from .processes import SANITIZED, run_in_new_interpreter

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.skipif(SANITIZED, reason="the sanitizer takes terabytes of addresses and keeps what was freed"),
]

PROCESS = """
    import os, resource
    import numpy as np, seqfuse as sf
    from safety.processes import (
        CELLS, F, all_results, results_of_attention, same_bits, shared_attention, shared_case,
    )
    PAGE = resource.getpagesize()
    def bytes_of(column):  # 0: addresses, 1: resident
        return int(open("/proc/self/statm").read().split()[column]) * PAGE
    def allow(more=None):  # so many bytes of addresses beside those that are taken; None: as many as there are
        limit = resource.RLIM_INFINITY if more is None else bytes_of(0) + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    def refused(work):
        try:
            work()
        except MemoryError:
            return True
"""


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_call_that_memory_is_refused_raises_and_the_next_one_works(name, threads):
    """A limit on the addresses: y fits, the tape does not; of what backward takes, the more the higher the limit."""
    code = f"""
    sf.set_num_threads({threads})
    expected = all_results({name!r}, {threads})  # starts the threads, which take addresses too
    case = shared_case({name!r})
    arguments = {{a: case.arguments[a] for a in ("W", "U", "b") if a in case.arguments}}
    x = np.broadcast_to(case.arguments["x"][0, 0], (4000, 64, 7))
    lengths = np.full(64, 5)  # much memory, little work
    forward, backward = getattr(F, "{name}_forward"), getattr(F, "{name}_backward")
    allow(100 << 20)
    assert refused(lambda: forward(x, **arguments, lengths=lengths)), "y takes 69 MB"
    assert same_bits(all_results({name!r}, {threads}), expected)
    allow()
    (y, *_), tape = forward(x, **arguments, lengths=lengths)
    times = 0
    for more in [0] + [1 << k for k in range(16, 24)]:
        allow(more)
        times += bool(refused(lambda: backward(tape, y)))
    assert times > 3, times
    assert same_bits(all_results({name!r}, {threads}), expected)
    print("lives")
    """
    assert run_in_new_interpreter(PROCESS + code).strip() == "lives"


@pytest.mark.parametrize("name", CELLS)
def test_ten_thousand_calls_leave_the_resident_memory_as_it_was(name):
    """Forward and backward, thin tapes, objects made and dropped, streams, and calls that are refused."""
    code = f"""
    from support.cases import make_case
    cell = CELLS[{name!r}]
    case = make_case(cell, T=3, B=2, I=4, H=9, dtype=np.float32)
    large = shared_case({name!r})
    weights = [case.arguments[a] for a in ("W", "U", "b") if a in case.arguments]
    x = case.arguments["x"]
    pack = getattr(F, "pack_{name}")
    packed, stream = pack(*weights), pack(*weights).stream(2)

    def rarely():
        packed = pack(*weights)
        packed(x)
        packed.stream(2).copy().step(x[0])
        _, tape = case.forward(F, checkpoint=2)
        case.backward(F, tape)
        tape.states(), tape.gates()
        try:
            case.with_argument("x", x[:, :, 1:]).forward(F)
        except ValueError:
            pass

    def calls(n):
        for i in range(n):
            case.run(F)
            stream.step(x[0])
            if i % 10 == 0:
                rarely()
            if i % 100 == 0:
                large.run(F)

    sf.set_num_threads(2)
    calls(1000)
    before = bytes_of(1)
    calls(10_000)
    print(bytes_of(1) - before)
    """
    grown = int(run_in_new_interpreter(PROCESS + code))
    assert grown < 2 << 20, f"{grown / 2**20:.1f} MB are left behind"


@pytest.mark.parametrize("threads", [1, 2])
def test_attention_that_memory_is_refused_raises_and_the_next_call_works(threads):
    """Much memory, little work: half a million queries, five keys."""
    code = f"""
    sf.set_num_threads({threads})
    expected = results_of_attention({threads})
    q, k = np.broadcast_to(np.float32(0.5), (1, 1, 500_000, 64)), np.ones((1, 1, 5, 64), np.float32)
    allow(100 << 20)
    assert refused(lambda: F.attention(q, k, k)), "y takes 128 MB"
    assert same_bits(results_of_attention({threads}), expected)
    allow()
    y, tape = F.attention_forward(q, k, k)
    times = 0
    for more in [0] + [1 << n for n in range(16, 28)]:
        allow(more)
        times += bool(refused(lambda: F.attention_backward(tape, y)))
    assert times > 3, times
    assert same_bits(results_of_attention({threads}), expected)
    print("lives")
    """
    assert run_in_new_interpreter(PROCESS + code).strip() == "lives"


def test_ten_thousand_calls_of_attention_leave_the_resident_memory_as_it_was():
    """Forward and backward with a gradient of the mask, copies of arguments, calls that are refused, and large ones."""
    code = """
    from support.attention_cases import Setting, make_attention_case
    settings = (Setting("mask", "-inf:bhqk"), Setting("lengths"), Setting("dropout", 0.3), Setting("dlse"))
    case, large = make_attention_case(settings, Tq=5, D=7, dtype=np.float32), shared_attention()
    transposed = case.with_argument("k", np.asfortranarray(case.arguments["k"]))

    def calls(n):
        for i in range(n):
            case.run(F)
            if i % 10 == 0:
                transposed.run(F)
                try:
                    case.with_argument("k", case.arguments["q"]).forward(F)
                except ValueError:
                    pass
            if i % 100 == 0:
                large.run(F)

    sf.set_num_threads(2)
    calls(1000)
    before = bytes_of(1)
    calls(10_000)
    print(bytes_of(1) - before)
    """
    grown = int(run_in_new_interpreter(PROCESS + code))
    assert grown < 2 << 20, f"{grown / 2**20:.1f} MB are left behind"
