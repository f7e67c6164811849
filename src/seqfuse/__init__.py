"""Fused kernels for CPUs: RNN, LSTM, GRU and attention, forward and backward, NumPy in and NumPy out.

`seqfuse.functional` holds the operations, each as a pair: a forward that returns its tape, a backward that reads it.
`seqfuse.reference` holds the same functions in plain NumPy, written to be read.
"""

from importlib import import_module
from types import ModuleType

from seqfuse import functional
from seqfuse._info import info
from seqfuse._threads import get_num_threads, num_threads, set_num_threads
from seqfuse._version import __version__

__all__ = [
    "__version__",
    "functional",
    "get_num_threads",
    "info",
    "num_threads",
    "reference",
    "set_num_threads",
]


def __getattr__(name: str) -> ModuleType:
    """`seqfuse.reference` is imported when it is first asked for: no kernel needs it."""
    if name == "reference":
        return import_module("seqfuse.reference")
    raise AttributeError(f"module 'seqfuse' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
