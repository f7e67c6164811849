"""Initializers of weights with Keras's names, for arguments such as `kernel_initializer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _config, _names, _registry
from seqfuse.initializers.base import Initializer
from seqfuse.initializers.fixed import Constant, Identity, Ones, Zeros
from seqfuse.initializers.random import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from seqfuse.initializers.scaled import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse._arrays import Array

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

# Snake-case names, which Keras's module also has.
zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_uniform, random_normal, truncated_normal, orthogonal = RandomUniform, RandomNormal, TruncatedNormal, Orthogonal
variance_scaling, glorot_uniform, glorot_normal = VarianceScaling, GlorotUniform, GlorotNormal
he_uniform, he_normal, lecun_uniform, lecun_normal = HeUniform, HeNormal, LecunUniform, LecunNormal

_CLASSES: dict[str, type[Initializer]] = {
    _names.snake_case(entry.__name__): entry
    for entry in (
        *(Zeros, Ones, Constant, Identity, RandomUniform, RandomNormal, TruncatedNormal, Orthogonal),
        *(VarianceScaling, GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal),
    )
}
_registry.register(__name__, [Initializer, *_CLASSES.values()])
_ALIASES = {
    "zero": "zeros",
    "one": "ones",
    "uniform": "random_uniform",
    "normal": "random_normal",
    "identityinitializer": "identity",
    "orthogonalinitializer": "orthogonal",
}


def get(
    identifier: Any, function: str = "initializers.get", argument: str = "identifier"
) -> Initializer | Callable[..., Array] | None:
    """Return an initializer from a name, a class, an object, an array or a configuration.

    Parameters
    ----------
    identifier : str, Initializer, type, callable, ndarray, dict or None
        A name such as "glorot_uniform" or "GlorotUniform", an initializer, its class, a function
        ``(shape, dtype) -> array``, the values themselves as an array, or
        ``{"class_name": ..., "config": ...}``. None is returned as it is.
    function : str, default "initializers.get"
        Name that error messages begin with.
    argument : str, default "identifier"
        Argument that error messages name.

    Returns
    -------
    Initializer, callable or None
        The initializer, or the callable as it is.

    Raises
    ------
    ValueError
        If no initializer has the name. The message suggests the nearest one.
    TypeError
        If `identifier` is of another kind.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.get("he_normal")
    HeNormal()
    >>> initializers.get({"class_name": "Orthogonal", "config": {"gain": 2.0, "seed": 1}})
    Orthogonal(gain=2.0, seed=1)
    """
    if isinstance(identifier, np.ndarray):
        return Constant(identifier)
    name = identifier.lower() if isinstance(identifier, str) else None
    found = _config.get_instance(function, _ALIASES.get(name or "", identifier), _CLASSES, argument)
    if found is not None and not callable(found):
        kinds = "a name, an initializer or a function (shape, dtype) -> array"
        raise TypeError(f"{function}: {argument} must be {kinds}; got {found!r}")
    return found  # type: ignore[no-any-return]


def __dir__() -> list[str]:
    return sorted(__all__)
