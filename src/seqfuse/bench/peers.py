"""The peers, what each needs, and which of them are here."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence

import seqfuse as sf

NEEDS = {"pytorch": ("torch",), "onnxruntime": ("onnxruntime", "onnx")}  # modules
PEERS = tuple(NEEDS)


def versions(peers: Sequence[str]) -> dict[str, str]:
    """The version of seqfuse, and of each of `peers` that is installed: only those are imported."""
    found = {"seqfuse": sf.__version__}
    for peer in peers:
        if all(importlib.util.find_spec(module) is not None for module in NEEDS[peer]):
            found[peer] = str(importlib.import_module(NEEDS[peer][0]).__version__)
    return found
