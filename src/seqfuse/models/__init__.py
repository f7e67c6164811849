"""Models of layers, with Keras's names: `Sequential` and `Model`, trained by explicit back-propagation through time."""

from seqfuse.models.model import Model
from seqfuse.models.saved import load_model
from seqfuse.models.sequential import Sequential

__all__ = ["Model", "Sequential", "load_model"]
