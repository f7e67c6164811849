"""Picks the kernel module: one is compiled for each instruction set, the best that runs here is loaded at import."""

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from seqfuse import _cpu

if TYPE_CHECKING:
    from seqfuse._kernels import Kernels


def available() -> list[str]:
    """Names of the instruction sets that are installed and run on this machine, the best last."""
    return [name for name in _cpu.supported() if find_spec(f"seqfuse._kernels_{name}") is not None]


def load(isa: str) -> "Kernels":
    """The kernel module of an instruction set, whichever is in use: all of them can be loaded side by side.

    Raises
    ------
    ImportError        it is not installed, or this machine cannot run it; the message names what there is
    """
    names = available()
    if isa not in names:
        raise ImportError(f"seqfuse: no kernels for {isa!r}: {_why_not(isa, names)}")
    return cast("Kernels", import_module(f"seqfuse._kernels_{isa}"))


def _why_not(isa: str, names: list[str]) -> str:
    if find_spec(f"seqfuse._kernels_{isa}") is not None:
        why = "this CPU or operating system cannot run it"
    elif isa in _cpu.supported():
        why = "this machine runs it, but it was not built"
    else:
        why = "there is no such instruction set here"
    return f"{why}; available: {', '.join(names) or 'none'}"


def _choose() -> str:
    """What SEQFUSE_ISA says, else the best."""
    names = available()
    wanted = os.environ.get("SEQFUSE_ISA", "").strip()
    if wanted and wanted not in names:
        raise ImportError(f"seqfuse: SEQFUSE_ISA={wanted} cannot be had: {_why_not(wanted, names)}")
    if not names:
        supported = ", ".join(_cpu.supported()) or "none that seqfuse is built for"
        raise ImportError(f"seqfuse: no kernel module is installed that this CPU can run; it supports: {supported}")
    return wanted or names[-1]


isa: str = _choose()
kernels: "Kernels" = load(isa)
