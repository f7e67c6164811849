"""The base of the attention layers: several sequences in, which must fit together; the mask of the queries out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array
    from seqfuse.layers._tensor import Node

NAMES = ("query", "value", "key")


class BaseAttention(Layer):
    """A layer of [query, value] or [query, value, key]; see `Attention` and `MultiHeadAttention`."""

    supports_masking = True
    not_stepwise = "it looks at other steps; see seqfuse.functional.KVCache"
    ranks = (3,)
    symbols = "(batch, T, I)"

    def sequences(self, x: Any) -> list[Array]:
        """The inputs in the type that the layer computes in, checked; one that is given twice stays one array."""
        self._check_number(x if isinstance(x, (list, tuple)) else None)
        arrays: list[Array] = []
        for i, (name, one) in enumerate(zip(NAMES, x)):
            twin = next((array for array, before in zip(arrays, x[:i]) if before is one), None)
            arrays.append(self.cast(one, name) if twin is None else twin)
        shapes = [array.shape for array in arrays]
        self.check_together(shapes)
        if not self.built:
            self.build([(None, *shape[1:]) for shape in shapes])
        return arrays

    def _check_number(self, inputs: Sequence[Any] | None) -> None:
        if inputs is None or not 2 <= len(inputs) <= 3:
            got = "one" if inputs is None else str(len(inputs))
            raise ValueError(
                f"{self.name}: it must be called on [query, value] or [query, value, key]; got {got}. For attention of "
                "a sequence to itself give it twice"
            )

    def check_together(self, shapes: Sequence[Any], sources: Sequence[Layer | None] = (None,) * 3) -> None:
        """Refuse inputs of other than three axes, of several batches, and keys that are not those of the values."""
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
        self.check_together([one.shape for one in node.inputs], [one.node.layer for one in node.inputs])
        return super()._connect(node)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """The mask of the queries."""
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def advice(self, shape: Any, source: Layer | None) -> str:
        """A recurrent layer gives its last step alone, unless it is told otherwise: the article's third program."""
        if len(shape) != 2:
            return ""
        name = "a recurrent layer before it" if source is None else source.name
        return (
            f"Attention needs every step: give {name} return_sequences=True; and for one output a sequence, put a "
            "pooling such as GlobalAveragePooling1D() behind the attention"
        )


def of_steps(name: str, mask: Any, shape: tuple[int, ...]) -> Array:
    """A mask as bool (batch, T), the first two axes of `shape`."""
    real = np.asarray(mask, bool)
    if real.shape != shape[:2]:
        raise ValueError(f"{name}: mask must be (batch, T) = {shape[:2]}; got {real.shape}")
    return real


def _differ(a: int | None, b: int | None) -> bool:
    return a is not None and b is not None and a != b


def identity(k: Array) -> Array:
    """(B, H, T, T) for keys (B, H, T, D): the values with which attention gives its weights."""
    B, H, T, _ = k.shape
    return np.broadcast_to(np.eye(T, dtype=k.dtype), (B, H, T, T))


def total(a: Array | None, b: Array | None) -> Array | None:
    """The sum of two gradients, where None is that of what nothing comes back to."""
    return b if a is None else a if b is None else a + b
