"""Peers of the benchmark: the libraries that seqfuse is compared with, and which of them are installed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence

import seqfuse as sf

NEEDS = {"pytorch": ("torch",), "onnxruntime": ("onnxruntime", "onnx")}  # modules that each peer needs
PEERS = tuple(NEEDS)


def versions(peers: Sequence[str]) -> dict[str, str]:
    """Return the version of seqfuse and of each of `peers` that is installed. Only installed peers are imported."""
    found = {"seqfuse": sf.__version__}
    for peer in peers:
        if all(importlib.util.find_spec(module) is not None for module in NEEDS[peer]):
            found[peer] = str(importlib.import_module(NEEDS[peer][0]).__version__)
    return found
