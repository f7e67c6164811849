"""Models of layers with Keras's names, trained by explicit back-propagation through time."""

from seqfuse._registry import register
from seqfuse.models._load_model import load_model
from seqfuse.models._model import Model
from seqfuse.models._sequential import Sequential

__all__ = ["Model", "Sequential", "load_model"]

register(__name__, [Model, Sequential])


def __dir__() -> list[str]:
    return sorted(__all__)
