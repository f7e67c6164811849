"""The caller's floating-point environment changes no bits and stays: rounding, traps, flags, denormals."""

import ctypes
import gc
import platform
import sys

import numpy as np
import pytest
from support.cases import VARIANTS, make_case
from support.row_operation_cases import OPERATION_VARIANTS

import seqfuse as sf
from seqfuse import functional as F

from .processes import run_in_new_interpreter, same_bits

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the control register of x86-64 as glibc saves it"
)
EACH = pytest.mark.parametrize(("cell", "options"), VARIANTS)
# One thread; split by rows; split by units.
WORK = pytest.mark.parametrize(("T", "B", "H", "threads"), [(3, 2, 5, 1), (6, 24, 67, 3), (4, 1, 337, 2)])

FLAGS = 0x3F  # exceptions that happened, denormal operands among them
DIVIDED_BY_ZERO = 0x04
DENORMALS = (0, 0x40, 0x8000, 0x8040)  # neither, inputs are zeros, results are zeros, both
ROUNDING = {"down": 0x2000, "up": 0x4000, "towards zero": 0x6000}


class Environment(ctypes.Structure):
    """fenv_t of glibc on x86-64: that of the x87, then mxcsr."""

    _fields_ = [("x87", ctypes.c_char * 28), ("mxcsr", ctypes.c_uint32)]


libm = ctypes.CDLL("libm.so.6")


def environment():
    saved = Environment()
    assert libm.fegetenv(ctypes.byref(saved)) == 0
    return saved


def in_environment(bits, work):
    """What work() returns in mxcsr with these bits added and no flag up but these, and mxcsr as it left it."""
    old = environment()
    wanted = Environment.from_buffer_copy(old)
    wanted.mxcsr = old.mxcsr & ~FLAGS | bits
    collecting = gc.isenabled()
    gc.disable()  # those who watch the collector, as hypothesis does, compute with its times
    libm.fesetenv(ctypes.byref(wanted))
    try:
        result = work()
        got = environment().mxcsr
    finally:
        libm.fesetenv(ctypes.byref(old))
        if collecting:
            gc.enable()
    return result, got & ~wanted.mxcsr, wanted.mxcsr & ~got


def everything(case):
    """A function that goes every way into the kernels: forward, backward, inspection, packed, stream."""
    weights = [case.arguments[name] for name in ("W", "U", "b") if name in case.arguments]
    x = case.arguments["x"]

    def call():
        out, tape, grads = case.run(F)
        packed = getattr(F, f"pack_{case.cell.name}")(*weights, **case.options)
        stream = packed.stream(x.shape[1])
        results = *out, *grads, *tape.states().values(), *tape.gates().values(), *packed(x), stream.step(x[0])
        return [a for a in results if a is not None]

    return call


def other_functions():
    """Others that compute in the kernels alone. NumPy lowers all flags when it is asked, as by an embedding."""
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.standard_normal(shape, dtype=np.float32)

    x, W, b, dy = draw(600, 40), draw(40, 90), draw(90), draw(600, 90)
    h, V = draw(600, 30), draw(30, 90)
    q, k, v = (draw(2, 4, 130, 19) for _ in range(3))
    options = {"causal": True, "softcap": 2.0, "dropout": 0.25, "seed": 1}
    block = [v.case((40, 4, 9), 50, dtype=np.float32) for v in OPERATION_VARIANTS if not v.positions]

    def call():
        y, tape = F.dense_forward(x, W, b)
        attention_output, attention_tape = F.attention_forward(q, k, v, **options)
        return [
            y,
            *F.dense_backward(tape, dy),
            F.readout(x, h, W, V, b, activation="softplus"),
            attention_output,
            *F.attention_backward(attention_tape, attention_output)[:3],
            *(a for case in block for a in case.run(F).values()),
        ]

    return call


@EACH
@WORK
def test_a_call_leaves_the_whole_control_register(cell, options, T, B, H, threads):
    call = everything(make_case(cell, options, T=T, B=B, H=H, dtype=np.float32))
    with sf.num_threads(threads):
        call()  # what is imported at the first call computes
        for bits in (*DENORMALS, *ROUNDING.values(), DIVIDED_BY_ZERO, FLAGS):
            assert in_environment(bits, call)[1:] == (0, 0), f"{bits:#x}"


@EACH
@WORK
def test_rounding_of_the_caller_changes_no_bits(cell, options, T, B, H, threads):
    call = everything(make_case(cell, options, T=T, B=B, H=H, dtype=np.float32))
    with sf.num_threads(threads):
        expected = call()
        for name, bits in ROUNDING.items():
            assert same_bits(in_environment(bits, call)[0], expected), name


@pytest.mark.parametrize("threads", [1, 2])
def test_other_functions_leave_the_control_register_and_have_the_same_bits_in_any_rounding(threads):
    call = other_functions()
    with sf.num_threads(threads):
        expected = call()
        for bits in (*DENORMALS, *ROUNDING.values(), DIVIDED_BY_ZERO):
            results, added, dropped = in_environment(bits, call)
            assert (added, dropped) == (0, 0), f"{bits:#x}"
            assert same_bits(results, expected), f"{bits:#x}"


@pytest.mark.parametrize("threads", [1, 2])
def test_exceptions_that_trap_in_the_caller_do_not_trap_in_a_kernel(threads):
    """After feenableexcept an infinity in x would end the process with SIGFPE."""
    code = f"""
    import ctypes, numpy as np, seqfuse as sf
    from safety.processes import CELLS, F, shared_case
    sf.set_num_threads({threads})
    cases = [shared_case(name) for name in CELLS]
    for case in cases:
        case.arguments["x"][::3, ::2] = np.inf
        case.arguments["x"][1::3, ::2] = np.finfo(np.float32).max
    libm = ctypes.CDLL("libm.so.6")
    libm.feenableexcept(0x01 | 0x04 | 0x08)  # invalid, divided by zero, overflow
    for case in cases:
        case.run(F)
    print(hex(libm.fegetexcept()))
    """
    assert run_in_new_interpreter(code).strip() == "0xd"
