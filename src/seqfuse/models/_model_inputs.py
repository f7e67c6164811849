"""Checks of the symbolic inputs and outputs of a model, and of the arrays that it is called on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.layers._tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence


def as_tensors(argument: str, value: Any) -> tuple[list[Tensor], bool]:
    """Return symbolic inputs or outputs as a list, and whether they were given as a list or dict."""
    several = isinstance(value, (list, tuple))
    tensors: Sequence[Any] = list(value) if several else list(value.values()) if isinstance(value, Mapping) else [value]
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"Model: {argument} must be symbolic, from Input and layers; got {type(tensor).__name__}")
    return list(tensors), several or isinstance(value, Mapping)


def tensor_names(given: Any, tensors: Sequence[Tensor]) -> list[str]:
    """Return the names of inputs or outputs: the keys of a dict, otherwise the names of their layers."""
    return [str(name) for name in given] if isinstance(given, Mapping) else [tensor.name for tensor in tensors]


def match_axes(name: str, tensor: Tensor, x: Any) -> Any:
    """Return x with the number of axes of its Input: a last axis of size 1 is added or removed, as in Keras."""
    x = x if isinstance(x, np.ndarray) else np.asarray(x)
    shape = tensor.shape
    if x.ndim == len(shape) - 1 and shape[-1] == 1:
        x = x[..., None]
    elif x.ndim == len(shape) + 1 and x.shape[-1] == 1:
        x = x[..., 0]
    if x.ndim != len(shape):
        raise ValueError(f"{name}: {tensor.name} must be {shape}; got {x.shape}".replace("None", "any"))
    return x
