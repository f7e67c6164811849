"""What a decoder block keeps from step to step: keys and values of its own steps, and of what it decodes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import functional as F

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.layers._layer import Layer


class DecoderCache:
    """Made by `TransformerDecoder.start`, filled by its `step`; one thread at a time.

    Attributes
    ----------
    layer : TransformerDecoder        whose it is
    batch : int        rows
    length : int        steps so far
    """

    def __init__(self, layer: Layer, batch: int, heads: int, dim: int, dtype: np.dtype[Any]) -> None:
        self.layer, self.batch, self.length = layer, batch, 0
        self._size = heads, dim, dtype
        self._cache = F.KVCache(batch, heads, dim, dtype=dtype)
        self._steps: list[tuple[Array, Array]] = []  # the same keys and values, for another order of rows
        self._encoded: tuple[Array, Array] | None = None
        self._mask: Array | None = None
        self._source = np.arange(batch)  # of which row of the encoder each row decodes

    def encode(self, keys: Array, values: Array, mask: Array | None) -> None:
        """Keep the keys and values (B, H, S, D) of what is decoded from, and which of them are real (B, S)."""
        self._encoded, self._mask = (keys, values), None if mask is None else mask[:, None, None]

    def append(self, keys: Array, values: Array) -> None:
        """Add those of the next steps, (B, H, T, D)."""
        self._cache.append(keys, values)
        self._steps.append((keys, values))
        self.length += keys.shape[2]

    def attend(self, queries: Array) -> Array:
        """Attention of the last steps to all before them and to themselves."""
        return self._cache.attend(queries)

    def attend_encoded(self, queries: Array) -> Array:
        """Attention to what is decoded from."""
        assert self._encoded is not None
        keys, values = self._encoded
        y: Array = F.attention(queries, keys, values, mask=self._mask)
        return y

    def take(self, rows: Array) -> DecoderCache:
        """A cache whose row i goes on from row rows[i] of this one: how a beam search chooses."""
        heads, dim, dtype = self._size
        other = DecoderCache(self.layer, len(rows), heads, dim, dtype)
        if self.length:
            keys, values = (np.concatenate(parts, 2)[rows] for parts in zip(*self._steps))
            other.append(keys, values)
        other._source = self._source[rows]
        other._encoded, other._mask = self._encoded, self._mask
        if self._encoded is not None and not np.array_equal(other._source, self._source):
            keys, values = self._encoded
            other.encode(keys[rows], values[rows], None)
            other._mask = None if self._mask is None else self._mask[rows]
        return other
