"""Calls of kernels for other processes, functions that run them there, and detection of sanitizers."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
from support.attention_cases import Setting, make_attention_case
from support.cases import make_case

import seqfuse as sf
from seqfuse import functional as F
from seqfuse._cells import CELLS

# .ci/sanitize loads the runtime first; it reserves terabytes of addresses and keeps memory that was freed.
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")

TESTS = Path(__file__).parent.parent
SECONDS = 60  # a process that takes longer is considered hanging


def shared_case(name):
    """Return a float32 case that is large enough for two threads."""
    return make_case(CELLS[name], T=20, B=9, I=7, H=67, dtype=np.float32, call="lengths")


def all_results(name, threads=2):
    """Return outputs and gradients of `shared_case` as a flat list of arrays."""
    with sf.num_threads(threads):
        out, _, grads = shared_case(name).run(F)
    return [a for a in (*out, *grads) if a is not None]


def shared_attention():
    """Return a float32 case of attention with enough blocks for two threads."""
    settings = (Setting("causal", "bottom_right"), Setting("lengths"), Setting("dropout", 0.3), Setting("dlse"))
    return make_attention_case(settings, Tq=130, D=19, dtype=np.float32)


def results_of_attention(threads=2):
    """Return outputs and gradients of `shared_attention` as a flat list of arrays."""
    with sf.num_threads(threads):
        out, _, grads = shared_attention().run(F)
    return [a for a in (*out, *grads) if a is not None]


def results_of_everything(threads=2):
    """Return the results of all cells and of attention in one list."""
    return [a for name in CELLS for a in all_results(name, threads)] + results_of_attention(threads)


def same_bits(actual, expected):
    """Return whether two lists of arrays have the same bytes."""
    return [a.tobytes() for a in actual] == [e.tobytes() for e in expected]


def run_in_new_interpreter(code):
    """Return the output of code in a new interpreter that can import the tests. Fail if the code fails."""
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def exit_code_of(child):
    """Return the exit code of a forked process. A process that hangs is killed."""
    watchdog = threading.Timer(SECONDS, os.kill, (child, signal.SIGKILL))
    watchdog.start()
    _, status = os.waitpid(child, 0)
    watchdog.cancel()
    return os.waitstatus_to_exitcode(status)
