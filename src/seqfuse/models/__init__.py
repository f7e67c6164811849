"""Models of layers, with Keras's names: `Sequential` and `Model`, trained by explicit back-propagation through time."""

from seqfuse.models._model import Model
from seqfuse.models._savable_model import load_model
from seqfuse.models._sequential import Sequential

__all__ = ["Model", "Sequential", "load_model"]
