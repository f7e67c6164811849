"""Checks of the constructor arguments that all layers share: Keras's further arguments, and the dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _names
from seqfuse._config import constructor_arguments

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

# Arguments of Keras that select an implementation and do not change the result. They are accepted and ignored.
IGNORED = frozenset({"implementation", "unroll", "use_cudnn", "time_major", "sparse", "ragged", "autocast"})
# Arguments of Keras that are not supported. Only None, their default, is accepted.
UNSUPPORTED = frozenset(
    {"activity_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint", "embeddings_constraint"}
    | {"gamma_constraint", "beta_constraint", "lora_rank", "quantization_config"}
)


def check_keras_options(layer_type: type, options: dict[str, Any]) -> None:
    """Check the keyword arguments that the constructor of a layer does not name.

    Raises
    ------
    ValueError
        If an unsupported argument of Keras is not None.
    TypeError
        If Keras has no such argument either. The message suggests a similar name.
    """
    kind = layer_type.__name__
    for name, value in options.items():
        if name in UNSUPPORTED and value is not None:
            raise ValueError(f"{kind}: {name} must be None: it is not supported; got {value!r}")
        if name not in IGNORED and name not in UNSUPPORTED:
            near = _names.suggestion(name, constructor_arguments(layer_type))
            raise TypeError(f"{kind}: there is no argument {name!r}{near}")


def compute_dtype(kind: str, dtype: DTypeLike) -> np.dtype[Any]:
    """Return the dtype that a layer computes in; `kind` is the name of its class, for the message.

    Raises
    ------
    TypeError
        If it is not float32 or float64.
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found not in (_arrays.FLOAT32, _arrays.FLOAT64):
        raise TypeError(f'{kind}: dtype must be "float32" or "float64"; got {dtype!r}')
    return _arrays.FLOAT64 if found == _arrays.FLOAT64 else _arrays.FLOAT32
