"""Loading of the kernels: there is one library per instruction set, and import loads the best that this CPU runs."""

import os
from functools import cache
from pathlib import Path

from seqfuse import _kernels


def supported() -> list[str]:
    """Return the names of the instruction sets that this machine can run, the best last."""
    return [each.name for each in _kernels.instruction_sets() if each.supported]


def with_fma() -> list[str]:
    """Return the names of the instruction sets with a fused multiply-add, whose results have equal bits."""
    return [each.name for each in _kernels.instruction_sets() if each.has_fma]


def installed() -> list[str]:
    """Return the names of the instruction sets whose libraries are installed."""
    return [each.name for each in _kernels.instruction_sets() if library(each.name).exists()]


def available() -> list[str]:
    """Return the names of the instruction sets that are installed and run on this machine, the best last."""
    runs = supported()
    return [name for name in installed() if name in runs]


def library(isa: str) -> Path:
    """Return the path of the library of an instruction set, installed or not."""
    return Path(_kernels.__file__).parent / f"libseqfuse_{isa}.so"


def load(isa: str) -> _kernels.Kernels:
    """Return the kernels of an instruction set. Several can be loaded in one process.

    Raises
    ------
    ImportError
        If the library is not installed, or if this machine cannot run it. The message lists those that can be loaded.
    """
    names = available()
    if isa not in names:
        raise ImportError(f"seqfuse: no kernels for {isa!r}: {_why_not(isa, names)}")
    return _load(str(library(isa)))


_load = cache(_kernels.load)  # one object per library

_INSTALL = "SEQFUSE_ISAS=all pip install --no-cache-dir --force-reinstall --no-deps --no-binary seqfuse seqfuse"


def _why_not(isa: str, names: list[str]) -> str:
    """Return the reason why an instruction set cannot be loaded, and those that can."""
    if isa in installed():
        why = "this CPU or operating system cannot run it"
    elif isa in supported():
        why = f"this machine runs it, but it was not built. Build all: {_INSTALL}"
    else:
        why = "there is no such instruction set here"
    return f"{why}; available: {', '.join(names) or 'none'}"


def _choose() -> str:
    """Return the instruction set given by the environment variable SEQFUSE_ISA, or the best one if it is not set."""
    names = available()
    chosen = os.environ.get("SEQFUSE_ISA", "").strip()
    if chosen and chosen not in names:
        raise ImportError(f"seqfuse: SEQFUSE_ISA={chosen} cannot be loaded: {_why_not(chosen, names)}")
    if not names:
        built, runs = (", ".join(sets) or "none" for sets in (installed(), supported()))
        raise ImportError(
            f"seqfuse: the installed kernels ({built}) do not run on this CPU, which supports: {runs}. "
            f"seqfuse was built on another machine; build it for this one: {_INSTALL}"
        )
    return chosen or names[-1]


isa: str = _choose()
kernels: _kernels.Kernels = load(isa)
