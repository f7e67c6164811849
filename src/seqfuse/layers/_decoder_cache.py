"""Cache of a decoder block: keys and values of its own steps and of the encoder's output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import functional as F

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.layers._layer import Layer


class DecoderCache:
    """Cache for decoding, created by `TransformerDecoder.start` and filled by its `step`. Not thread-safe.

    Attributes
    ----------
    layer : TransformerDecoder
        Layer that the cache belongs to.
    batch : int
        Number of sequences.
    length : int
        Number of steps so far.
    """

    def __init__(self, layer: Layer, batch: int, heads: int, dim: int, dtype: np.dtype[Any]) -> None:
        self.layer, self.batch, self.length = layer, batch, 0
        self._size = heads, dim, dtype
        self._cache = F.KVCache(batch, heads, dim, dtype=dtype)
        self._steps: list[tuple[Array, Array]] = []  # the same keys and values, kept for `take`
        self._encoded: tuple[Array, Array] | None = None
        self._mask: Array | None = None
        self._source = np.arange(batch)  # for each row, the row of the encoder's output

    def encode(self, keys: Array, values: Array, mask: Array | None) -> None:
        """Set the keys and values (B, H, S, D) of the encoder's output, and its mask (B, S)."""
        self._encoded, self._mask = (keys, values), None if mask is None else mask[:, None, None]

    def append(self, keys: Array, values: Array) -> None:
        """Append keys and values of the next steps, (B, H, T, D)."""
        self._cache.append(keys, values)
        self._steps.append((keys, values))
        self.length += keys.shape[2]

    def attend(self, queries: Array) -> Array:
        """Return the attention of the last steps to themselves and all earlier steps."""
        return self._cache.attend(queries)

    def attend_encoded(self, queries: Array) -> Array:
        """Return the attention to the encoder's output."""
        assert self._encoded is not None
        keys, values = self._encoded
        y: Array = F.attention(queries, keys, values, mask=self._mask)
        return y

    def take(self, rows: Array) -> DecoderCache:
        """Return a new cache whose row i continues row rows[i] of this one, for beam search."""
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
