"""Matches what the user passes as inputs and outputs of a model with symbolic tensors, and arrays with inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.layers._tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence


def to_tensors(argument: str, value: Any) -> tuple[list[Tensor], bool]:
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


def match_inputs(model: str, names: Sequence[str], tensors: Sequence[Tensor], several: bool, x: Any) -> list[Any]:
    """Return the inputs of a model as a list of arrays with the number of axes of their `Input`.

    Parameters
    ----------
    model : str
        Name of the model, for messages.
    names : sequence of str
        Names of the inputs.
    tensors : sequence of Tensor
        The symbolic inputs.
    several : bool
        Whether the model was created with a list or dict of inputs.
    x : array_like, or a list or dict of them
        Inputs as the user passes them.
    """
    if isinstance(x, Mapping):
        if set(x) != set(names):
            raise ValueError(f"{model}: x must have the inputs {names}; got {list(x)}")
        arrays = [x[name] for name in names]
    elif isinstance(x, (list, tuple)) and (several or len(names) > 1):
        if len(x) != len(names):
            raise ValueError(f"{model}: x must be a list of {len(names)} inputs, {names}; got {len(x)}")
        arrays = list(x)
    else:
        if isinstance(x, (list, tuple)) and len(x) == 1 and np.ndim(x[0]) == len(tensors[0].shape):
            (x,) = x
        arrays = [x]
        if len(names) > 1:
            raise ValueError(f"{model}: x must be a list of {len(names)} inputs, {names}; got one array")
    return [_match_axes(model, tensor, array) for tensor, array in zip(tensors, arrays)]


def _match_axes(model: str, tensor: Tensor, x: Any) -> Any:
    """Return x with the number of axes of its Input: a last axis of size 1 is added or removed, as in Keras."""
    x = x if isinstance(x, np.ndarray) else np.asarray(x)
    shape = tensor.shape
    if x.ndim == len(shape) - 1 and shape[-1] == 1:
        x = x[..., None]
    elif x.ndim == len(shape) + 1 and x.shape[-1] == 1:
        x = x[..., 0]
    if x.ndim != len(shape):
        raise ValueError(f"{model}: {tensor.name} must be {shape}; got {x.shape}".replace("None", "any"))
    return x
