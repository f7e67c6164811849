"""Decoding step by step: keys and values of sequences that grow, kept as the kernels read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse.functional._scores import Shape, options_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array


class KVCache:
    """Keys and values of a batch of sequences, each of a length of its own, for attention step by step.

    What `attend` gives for a query has the bits that `attention` gives for it over the whole sequence with
    causal="bottom_right": decoding token by token and a single pass are the same computation.

    One thread at a time: a call while another is under way raises RuntimeError and changes nothing.

    Parameters
    ----------
    batch : int        B, rows
    heads : int        Hk, heads of keys and values
    dim : int        D, features of a key
    value_dim : int        Dv, features of a value; D by default
    capacity : int        keys that each row has room for, at least; it doubles when a row needs more
    dtype : float32 or float64        what is kept and computed in

    Raises
    ------
    ValueError        a size is out of range
    TypeError        a size is not an integer, or dtype not float32 or float64
    MemoryError        the room cannot be had

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> q, k, v = rng.standard_normal((3, 1, 2, 5, 8), np.float32)  # a row, 2 heads, 5 steps, 8 features
    >>> cache = F.KVCache(1, 2, 8)
    >>> for t in range(5):
    ...     cache.append(k[:, :, t : t + 1], v[:, :, t : t + 1])
    ...     y = cache.attend(q[:, :, t : t + 1])
    >>> bool((y == F.attention(q, k, v, causal=True)[:, :, -1:]).all())
    True
    >>> cache
    <KVCache batch=1 heads=2 dim=8 value_dim=8 float32 longest=5 capacity=256>
    """

    __slots__ = ("_dtype", "_kernel", "_size")

    def __init__(
        self,
        batch: int,
        heads: int,
        dim: int,
        value_dim: int | None = None,
        *,
        capacity: int = 256,
        dtype: DTypeLike = np.float32,
    ) -> None:
        function = "KVCache"
        batch = _checks.integer(function, "batch", batch, 0)
        heads = _checks.integer(function, "heads", heads, 1)
        dim = _checks.integer(function, "dim", dim, 0)
        value_dim = dim if value_dim is None else _checks.integer(function, "value_dim", value_dim, 0)
        capacity = _checks.integer(function, "capacity", capacity, 0)
        self._dtype = _checks.float_dtype(function, dtype, repr(dtype))
        _checks.sizes(
            function, "the cache (batch, heads, capacity, dim + value_dim)", batch, heads, capacity, dim + value_dim
        )
        kernels = _backend.kernels
        kind = kernels.KeyCacheFloat if self._dtype == np.float32 else kernels.KeyCacheDouble
        self._size = batch, heads, dim, value_dim
        self._kernel = kind(batch, heads, dim, value_dim, capacity)

    def append(self, k: ArrayLike, v: ArrayLike, lengths: ArrayLike | None = None) -> None:
        """Add T keys and values to each row, or to row b the first lengths[b] of them.

        Parameters
        ----------
        k : (B, Hk, T, D)        keys, of no wider type than the cache
        v : (B, Hk, T, Dv)        values
        lengths : (B,) integers in 0..T        how many of the T each row takes; all by default

        Raises
        ------
        ValueError        a shape disagrees; the cache is as it was
        TypeError        a kind of number that is not computed with, or float64 for a cache of float32
        MemoryError        more room cannot be had; the cache is as it was
        RuntimeError        another thread is using this cache
        """
        function, (B, Hk, D, Dv) = "cache.append", self._size
        keys, values = self._numbers(function, "k", k), self._numbers(function, "v", v)
        if keys.ndim != 4 or (*keys.shape[:2], keys.shape[3]) != (B, Hk, D):
            advice = f"For one step pass k.reshape({B}, {Hk}, 1, {D})" if keys.size == B * Hk * D else ""
            _checks.refuse_shape(function, "k", f"(B, Hk, T, D) = ({B}, {Hk}, T, {D})", None, keys.shape, advice)
        T = keys.shape[2]
        _checks.shape(function, "v", "(B, Hk, T, Dv)", (B, Hk, T, Dv), values.shape)
        if lengths is None:
            counts = np.full(B, T, np.int64)
        else:
            counts, given = _checks.indices(function, "lengths", lengths, "0..T", T, copy=True)
            _checks.shape(function, "lengths", "(B,)", (B,), given)
        self._kernel.append(keys, values, counts)

    def attend(
        self,
        q: ArrayLike,
        *,
        scale: float | None = None,
        window: Sequence[int | None] | None = None,
        softcap: float | None = None,
        mask: ArrayLike | None = None,
    ) -> Array:
        """Attention of the last Tq positions of each row over all its keys so far.

        Query i of row b stands at position p = lengths[b] - Tq + i and attends to keys j <= p: append first, then
        attend. A query before the first key gives zeros.

        Parameters
        ----------
        q : (B, Hq, Tq, D)        queries, of no wider type than the cache; Hq is a multiple of Hk
        scale, window, softcap : as for `attention`
        mask : broadcastable to (B, Hq, Tq, Tk), Tk the greatest length        as for `attention`

        Returns
        -------
        y : (B, Hq, Tq, Dv)        in the type of the cache

        Raises
        ------
        ValueError        a shape or a value disagrees
        TypeError        a kind of number that is not computed with, or float64 for a cache of float32
        RuntimeError        another thread is using this cache
        """
        function, (B, Hk, D, Dv) = "cache.attend", self._size
        queries = self._numbers(function, "q", q)
        if queries.ndim != 4 or (queries.shape[0], queries.shape[3]) != (B, D):
            _checks.refuse_shape(function, "q", f"(B, Hq, Tq, D) = ({B}, Hq, Tq, {D})", None, queries.shape)
        _, Hq, Tq, _ = queries.shape
        if Hq == 0 or Hq % Hk:
            raise ValueError(
                f"{function}: q must have Hq a multiple of Hk = {Hk} and at least {Hk}; got {queries.shape}"
            )
        _checks.sizes(function, "y (B, Hq, Tq, Dv)", B, Hq, Tq, Dv)
        shape = Shape(B, Hq, Hk, Tq, self._kernel.longest(), D, Dv)
        given = mask, "bottom_right", scale, window, softcap, None, 0.0, None
        options = options_of(function, shape, self._dtype, *given)
        y = np.empty((B, Hq, Tq, Dv), self._dtype)
        self._kernel.attend(queries, shape.Tk, options, y, _threads.current())
        return y

    def reset(self, rows: ArrayLike | None = None) -> None:
        """Empty every row, or the rows given by their numbers or as bool (batch,); the room stays.

        Raises
        ------
        ValueError        a number is out of range
        TypeError        rows are not integers or bool
        RuntimeError        another thread is using this cache
        """
        self._kernel.reset(None if rows is None else _checks.rows_of_batch("cache.reset", rows, self._size[0]))

    @property
    def lengths(self) -> Array:
        """How many keys each row has, (B,) int64: a copy."""
        return self._kernel.lengths()

    @property
    def capacity(self) -> int:
        """How many keys each row has room for."""
        return self._kernel.capacity()

    def copy(self) -> KVCache:
        """Another cache with the same keys and values, which goes its own way from here: a beam, or a shared prompt."""
        other = KVCache.__new__(KVCache)
        other._dtype, other._size, other._kernel = self._dtype, self._size, self._kernel.copy()
        return other

    def __copy__(self) -> KVCache:
        return self.copy()

    def __deepcopy__(self, memo: object) -> KVCache:
        return self.copy()

    def _numbers(self, function: str, name: str, value: ArrayLike) -> Array:
        needed = "float32, as the cache is"
        return _arrays.widen(function, name, value, self._dtype, needed, "Pass dtype=float64 to KVCache")

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "KVCache: a cache must stay in the process that made it. Keep the keys and values and append them again"
        )

    def __repr__(self) -> str:
        B, Hk, D, Dv = self._size
        try:
            room = f"longest={self._kernel.longest()} capacity={self.capacity}"
        except RuntimeError:  # another thread is using it
            room = "in use"
        return f"<KVCache batch={B} heads={Hk} dim={D} value_dim={Dv} {self._dtype} {room}>"
