"""Copies of layers and initializers, made from their constructor arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from seqfuse._config import Configured

if TYPE_CHECKING:
    from seqfuse.layers._layer import Layer

T = TypeVar("T")


def clone(value: T) -> T:
    """Return a new object with the same constructor arguments, or `value` itself if it has no configuration.

    A layer clones an initializer that it uses for several weights: an initializer without a seed chooses one when it
    is created, and then returns the same numbers at every call.
    """
    return type(value).from_config(value.get_config()) if isinstance(value, Configured) else value


def copy_of(layer: Layer, **changes: Any) -> Layer:
    """Return a new layer with the same constructor arguments except `changes`; it does not share weights or states."""
    config = {name: clone(value) for name, value in layer.get_config().items()}
    return type(layer).from_config(config | changes)
