"""Models in files: one safetensors file with the numbers, whose metadata says the structure as JSON; no pickle."""

from seqfuse.io.model import load_model, load_weights, save_model, save_weights

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]
