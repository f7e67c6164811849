"""Saving and loading models: one safetensors file with the weights, and the structure as JSON in its metadata."""

from seqfuse._io.model import load_weights, save_model, save_weights
from seqfuse.models import load_model

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]


def __dir__() -> list[str]:
    return sorted(__all__)
