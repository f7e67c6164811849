"""Demo ``python -m seqfuse demo``: an LSTM learns to write, trained by truncated back-propagation through time."""

from seqfuse.demo.cli import main

__all__ = ["main"]
