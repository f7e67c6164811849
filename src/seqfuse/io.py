"""Models in files: one safetensors file with the numbers, whose metadata says the structure as JSON; no pickle."""

from seqfuse._io.model import load_weights, save_model, save_weights
from seqfuse.models import load_model

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]


def __dir__() -> list[str]:
    return sorted(__all__)
