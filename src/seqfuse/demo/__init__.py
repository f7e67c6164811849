"""`python -m seqfuse demo`: watch an LSTM learn to write, trained by explicit back-propagation through time."""

from seqfuse.demo.cli import main

__all__ = ["main"]
