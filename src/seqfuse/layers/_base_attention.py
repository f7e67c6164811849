"""Base class of the attention layers: checks of query, value and key; the output has the mask of the query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Inputs, Masks, ShapeLike
    from seqfuse.layers._tensor import Node

NAMES = ("query", "value", "key")


class BaseAttention(Layer):
    """Base class of the layers that are called on [query, value] or [query, value, key]."""

    supports_masking = True
    not_stepwise = "it needs other steps; see seqfuse.functional.KVCache"
    ranks = (3,)
    symbols = "(batch, T, I)"

    def sequences(self, x: Any) -> list[Array]:
        """Convert and check the inputs; build the layer if needed.

        Parameters
        ----------
        x : list of array_like
            [query, value] or [query, value, key]. An object that occurs twice is converted once.

        Returns
        -------
        list of ndarray
            The inputs in the layer's dtype.
        """
        self._check_number(x if isinstance(x, (list, tuple)) else None)
        arrays: list[Array] = []
        for i, (name, each) in enumerate(zip(NAMES, x)):
            same = next((array for array, earlier in zip(arrays, x[:i]) if earlier is each), None)
            arrays.append(self.cast(each, name) if same is None else same)
        shapes = [array.shape for array in arrays]
        self.check_together(shapes)
        if not self.built:
            self.build([(None, *shape[1:]) for shape in shapes])
        return arrays

    def _check_number(self, inputs: Sequence[Any] | None) -> None:
        """Raise a ValueError unless there are two or three inputs."""
        if inputs is None or not 2 <= len(inputs) <= 3:
            got = "one" if inputs is None else str(len(inputs))
            raise ValueError(
                f"{self.name}: the input must be [query, value] or [query, value, key]; got {got}. For self-attention "
                "pass the sequence twice"
            )

    def check_together(self, shapes: Sequence[Any], sources: Sequence[Layer | None] = (None,) * 3) -> None:
        """Check the shapes of query, value and key.

        Parameters
        ----------
        shapes : sequence of tuple
            Shapes of the inputs.
        sources : sequence of Layer or None, optional
            Layers that the inputs come from, for the hint in the message.

        Raises
        ------
        ValueError
            If an input has not three axes, batch sizes differ, or key and value differ in the number of steps.
        """
        for shape, source in zip(shapes, sources):
            if len(shape) != 3:
                self.check_shape(shape, source=source)
        query, value, key = shapes[0], shapes[1], shapes[-1]
        if _differ(query[0], value[0]) or _differ(query[0], key[0]) or _differ(value[1], key[1]):
            needed = "(batch, Tq, ...), (batch, T, ...)" + ", (batch, T, ...)" * (len(shapes) - 2)
            got = ", ".join(str(tuple(shape)) for shape in shapes)
            raise ValueError(f"{self.name}: {', '.join(NAMES[: len(shapes)])} must be {needed}; got {got}")

    def _connect(self, node: Node) -> Any:
        self._check_number(node.inputs if node.several_in else None)
        self.check_together([each.shape for each in node.inputs], [each.node.layer for each in node.inputs])
        return super()._connect(node)

    def compute_mask(self, x: Inputs, mask: Masks = None) -> Any:
        # the mask of the query
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def advice(self, shape: ShapeLike, source: Layer | None) -> str:
        # a recurrent layer returns only its last step by default
        if len(shape) != 2:
            return ""
        name = "a recurrent layer before it" if source is None else source.name
        return (
            f"Attention needs every step: set return_sequences=True in {name}. For one output per sequence, add a "
            "pooling layer such as GlobalAveragePooling1D() after the attention"
        )


def step_mask(name: str, mask: Any, shape: tuple[int, ...]) -> Array:
    """Check a mask of steps, (batch, T), against the first two axes of `shape`."""
    valid = np.asarray(mask, bool)
    if valid.shape != shape[:2]:
        raise ValueError(f"{name}: mask must be (batch, T) = {shape[:2]}; got {valid.shape}")
    return valid


def _differ(a: int | None, b: int | None) -> bool:
    """Return whether two sizes are known and different."""
    return a is not None and b is not None and a != b


def identity(k: Array) -> Array:
    """Return identity matrices (B, H, T, T) for keys (B, H, T, D).

    With them as values, attention returns its weights.
    """
    B, H, T, _ = k.shape
    return np.broadcast_to(np.eye(T, dtype=k.dtype), (B, H, T, T))


def add_gradients(a: Array | None, b: Array | None) -> Array | None:
    """Return the sum of two gradients; None means zero."""
    return b if a is None else a if b is None else a + b
