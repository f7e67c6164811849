"""Benchmark ``python -m seqfuse bench``: kernels beside PyTorch and ONNX Runtime, validated before they are timed."""

from seqfuse.bench.cli import main

__all__ = ["main"]
