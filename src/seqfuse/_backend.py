"""Loads kernels: a library is built for each instruction set, and import takes the best one that runs here."""

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
    """Return the kernels of an instruction set; all of them can be loaded side by side.

    Raises
    ------
    ImportError
        If the set is not installed, or this machine cannot run it; the message names those that can be loaded.
    """
    names = available()
    if isa not in names:
        raise ImportError(f"seqfuse: no kernels for {isa!r}: {_why_not(isa, names)}")
    return _load(str(library(isa)))


_load = cache(_kernels.load)  # one object per library

_INSTALL = "SEQFUSE_ISAS=all pip install --no-cache-dir --force-reinstall --no-deps --no-binary seqfuse seqfuse"


def _why_not(isa: str, names: list[str]) -> str:
    if isa in installed():
        why = "this CPU or operating system cannot run it"
    elif isa in supported():
        why = f"this machine runs it, but it was not built. Build all: {_INSTALL}"
    else:
        why = "there is no such instruction set here"
    return f"{why}; available: {', '.join(names) or 'none'}"


def _choose() -> str:
    """Return the instruction set that SEQFUSE_ISA names, or else the best one."""
    names = available()
    wanted = os.environ.get("SEQFUSE_ISA", "").strip()
    if wanted and wanted not in names:
        raise ImportError(f"seqfuse: SEQFUSE_ISA={wanted} cannot be loaded: {_why_not(wanted, names)}")
    if not names:
        built, runs = (", ".join(sets) or "none" for sets in (installed(), supported()))
        raise ImportError(
            f"seqfuse: the installed kernels ({built}) do not run on this CPU, which supports: {runs}. "
            f"seqfuse was built on another machine; build it for this one: {_INSTALL}"
        )
    return wanted or names[-1]


isa: str = _choose()
kernels: _kernels.Kernels = load(isa)
