"""Fused kernels for CPUs: RNN, LSTM, GRU and attention, forward and backward, NumPy in and NumPy out.

`seqfuse.functional` has the operations: each forward function returns a tape, and its backward function reads the tape.
`seqfuse.layers` and `seqfuse.models` build models from them, with Keras's names. `seqfuse.reference` has the same
functions in plain NumPy, for reading and for tests.
"""

from importlib import import_module
from typing import Any

from seqfuse import functional
from seqfuse._info import info
from seqfuse._threads import get_num_threads, num_threads, set_num_threads
from seqfuse._version import __version__

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "__version__",
    "callbacks",
    "decoding",
    "diagnostics",
    "functional",
    "get_num_threads",
    "info",
    "initializers",
    "io",
    "layers",
    "losses",
    "metrics",
    "models",
    "num_threads",
    "optimizers",
    "reference",
    "regularizers",
    "set_num_threads",
    "utils",
]

# Imported at first use, so that programs that only need the functions start faster.
_MODULES = frozenset(
    {"callbacks", "decoding", "diagnostics", "initializers", "io", "layers", "losses", "metrics", "models"}
    | {"optimizers", "reference", "regularizers", "utils"}
)
_HOMES = {"Input": "layers", "Model": "models", "Sequential": "models"}


def __getattr__(name: str) -> Any:
    """Return a module at its first use, or a name that Keras has in its top-level package."""
    if name in _MODULES:
        return import_module(f"seqfuse.{name}")
    if name in _HOMES:
        return getattr(import_module(f"seqfuse.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'seqfuse' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
