"""What importing seqfuse does to the process: nothing that another library could notice."""

import hashlib
import platform
import sys

import pytest

from .processes import SANITIZED, results_of_everything, run_in_new_interpreter

pytestmark = pytest.mark.serial

PROCESS = """
    import ctypes, os, signal, sys, threading
    import numpy
    libm = ctypes.CDLL("libm.so.6")
    def process():
        status = open("/proc/self/status").read()
        return {
            "threads": status.split("Threads:")[1].split()[0],
            "rounding": libm.fegetround(),
            "exceptions": libm.fetestexcept(0x3d),
            "traps": libm.fegetexcept(),
            "denormals": float.fromhex("0x1p-1040") * 1.0 != 0 and sys.float_info.min / 2 != 0,
            "signals": [signal.getsignal(s) for s in signal.valid_signals()],
            "caught": status.split("SigCgt:")[1].split()[0],
            "environment": dict(os.environ),
            "python threads": threading.active_count(),
        }
"""
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the constants of fenv.h on x86-64, and /proc"
)
@pytest.mark.parametrize("rounding", [0, 0x800], ids=["to nearest", "upward"])
def test_import_leaves_the_floating_point_environment_the_signals_and_the_threads(rounding):
    code = f"""
    process()  # Python computes something when this runs first
    libm.fesetround({rounding})
    libm.feclearexcept(0x3d)
    libm.feraiseexcept(0x04)
    before = process()
    import seqfuse, seqfuse.functional
    after = process()
    after["exceptions"] &= ~0x20  # numbers that importing anything makes inexact
    print(*(f"{{k}}: {{before[k]}} -> {{after[k]}}" for k in before if before[k] != after[k]))
    """
    assert run_in_new_interpreter(PROCESS + code).strip() == ""


@needs_linux
def test_a_call_with_one_thread_starts_none():
    code = """
    import seqfuse, seqfuse.functional as F
    seqfuse.set_num_threads(1)
    x, W, U = numpy.ones((40, 16, 64)), numpy.ones((64, 256)), numpy.ones((64, 256))
    before = process()["threads"]
    F.lstm(x, W, U)
    print(before == process()["threads"])
    seqfuse.set_num_threads(2)
    F.lstm(x, W, U)
    print(int(process()["threads"]) - int(before) == seqfuse._backend.kernels.openmp)
    """
    assert run_in_new_interpreter(PROCESS + code).split() == ["True", "True"]


@pytest.mark.skipif(SANITIZED, reason="PyTorch is not instrumented, and its runtime of OpenMP is not ours")
@pytest.mark.parametrize("order", ["import torch, seqfuse", "import seqfuse, torch"])
def test_pytorch_and_seqfuse_share_a_process(order):
    """Whichever comes first, both use their threads, and seqfuse's bits are those without PyTorch."""
    pytest.importorskip("torch")
    code = f"""
    {order}
    import hashlib
    from safety.processes import results_of_everything, same_bits
    torch.set_num_threads(2)
    seqfuse.set_num_threads(2)
    a = torch.ones(512, 512)
    first = results_of_everything()
    for _ in range(3):
        assert (a @ a == 512).all()
        assert same_bits(results_of_everything(), first)
    before = seqfuse.get_num_threads(), torch.get_num_threads()
    assert before == (2, 2), before
    print(hashlib.sha256(b"".join(a.tobytes() for a in first)).hexdigest())
    """
    expected = hashlib.sha256(b"".join(a.tobytes() for a in results_of_everything())).hexdigest()
    assert run_in_new_interpreter(code).strip() == expected
