"""Layers and initializers made anew from what they say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from seqfuse._config import Configured

if TYPE_CHECKING:
    from seqfuse.layers._layer import Layer

Made = TypeVar("Made")


def clone(made: Made) -> Made:
    """An object with the same constructor arguments; what has no get_config is itself.

    An initializer without a seed draws the same at every call, and another one draws otherwise.
    """
    return type(made).from_config(made.get_config()) if isinstance(made, Configured) else made


def copy_of(layer: Layer, **changes: Any) -> Layer:
    """A layer made with the same arguments but for the changes; weights and states are its own."""
    config = {name: clone(value) for name, value in layer.get_config().items()}
    return type(layer).from_config(config | changes)
