"""Cache of keys and values for attention one step at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse.functional._scores import Shape, score_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array


class KVCache:
    """Keys and values of a batch of growing sequences, for attention one step at a time.

    Each row of the batch has its own length. The result of `attend` has the same bits as the result of `attention` over
    the whole sequence with causal="bottom_right", so decoding token by token and a single pass are the same
    computation.

    Parameters
    ----------
    batch : int
        Number of rows B.
    heads : int
        Number of heads Hk of keys and values.
    dim : int
        Number of features D of a key.
    value_dim : int, optional
        Number of features Dv of a value. D by default.
    capacity : int, optional
        Minimum number of keys per row that memory is allocated for. The capacity doubles when a row needs more. 256 by
        default.
    dtype : dtype, optional
        Type, float32 or float64, of the stored arrays and the computation. float32 by default.

    Raises
    ------
    ValueError
        If a size is out of range.
    TypeError
        If a size is not an integer, or if `dtype` is not float32 or float64.
    MemoryError
        If the memory cannot be allocated.

    Notes
    -----
    Only one thread may use a cache at a time. A call during a call of another thread raises RuntimeError and changes
    nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> q, k, v = rng.standard_normal((3, 1, 2, 5, 8), np.float32)  # 1 row, 2 heads, 5 steps, 8 features
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
        kernel_class = kernels.KeyCacheFloat if self._dtype == np.float32 else kernels.KeyCacheDouble
        self._size = batch, heads, dim, value_dim
        self._kernel = kernel_class(batch, heads, dim, value_dim, capacity)

    def append(self, k: ArrayLike, v: ArrayLike, lengths: ArrayLike | None = None) -> None:
        """Append T keys and values to each row.

        Parameters
        ----------
        k : array_like, shape (B, Hk, T, D)
            Keys. A float32 cache does not accept float64.
        v : array_like, shape (B, Hk, T, Dv)
            Values.
        lengths : array_like of int, shape (B,), optional
            Append only the first lengths[b] of the T keys and values to row b. All by default.

        Raises
        ------
        ValueError
            If a shape or a value does not fit. The cache is not changed.
        TypeError
            If an array has an unsupported dtype, or is float64 and the cache is float32.
        MemoryError
            If the memory cannot be allocated. The cache is not changed.
        RuntimeError
            If another thread is using this cache.
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
            counts, lengths_shape = _checks.indices(function, "lengths", lengths, "0..T", T, copy=True)
            _checks.shape(function, "lengths", "(B,)", (B,), lengths_shape)
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
        """Compute the attention of the last Tq positions of each row over all its keys.

        Query i of row b is at position p = lengths[b] - Tq + i and attends to the keys j <= p. Append the keys of the
        new positions first.

        Parameters
        ----------
        q : array_like, shape (B, Hq, Tq, D)
            Queries. Hq must be a multiple of Hk. A float32 cache does not accept float64.
        scale : float, optional
            Factor of the scores. 1 / sqrt(D) by default.
        window : tuple of (int or None), optional
            ``(left, right)``: the query at position p attends only to the keys p - left <= j <= p + right. None means
            no limit.
        softcap : float, optional
            Limit the scores to -softcap..softcap, as in `attention`. No limit by default.
        mask : array_like, optional
            Array of 2 to 4 axes that broadcasts to (B, Hq, Tq, Tk), where Tk is the greatest length. A bool mask is
            True where a query may attend to a key. Other masks are added to the scores; -inf excludes a key.

        Returns
        -------
        y : ndarray, shape (B, Hq, Tq, Dv)
            Outputs, in the dtype of the cache. 0 for a query without keys.

        Raises
        ------
        ValueError
            If a shape or a value does not fit.
        TypeError
            If an array has an unsupported dtype, or is float64 and the cache is float32.
        RuntimeError
            If another thread is using this cache.
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
        option_values = mask, "bottom_right", scale, window, softcap, None, 0.0, None
        options = score_options(function, shape, self._dtype, *option_values)
        y = np.empty((B, Hq, Tq, Dv), self._dtype)
        self._kernel.attend(queries, shape.Tk, options, y, _threads.current())
        return y

    def reset(self, rows: ArrayLike | None = None) -> None:
        """Remove the keys and values of all rows or of some rows.

        The capacity does not change.

        Parameters
        ----------
        rows : array_like of int, or of bool with shape (batch,), optional
            Rows to empty, by number or as a mask. All rows by default.

        Raises
        ------
        ValueError
            If a row number is out of range.
        TypeError
            If `rows` are not integers or bool.
        RuntimeError
            If another thread is using this cache.
        """
        self._kernel.reset(None if rows is None else _checks.rows_of_batch("cache.reset", rows, self._size[0]))

    @property
    def lengths(self) -> Array:
        """Number of keys of each row: a new int64 array of shape (B,)."""
        return self._kernel.lengths()

    @property
    def capacity(self) -> int:
        """Number of keys per row that memory is allocated for."""
        return self._kernel.capacity()

    def copy(self) -> KVCache:
        """Return an independent copy, for example for each hypothesis of a beam search, or to reuse a prompt.

        Returns
        -------
        KVCache
            Cache with copies of the keys and values.
        """
        other = KVCache.__new__(KVCache)
        other._dtype, other._size, other._kernel = self._dtype, self._size, self._kernel.copy()
        return other

    def __copy__(self) -> KVCache:
        return self.copy()

    def __deepcopy__(self, memo: object) -> KVCache:
        return self.copy()

    def _numbers(self, function: str, name: str, value: ArrayLike) -> Array:
        """Return the value in the dtype of the cache. Refuse float64 for a float32 cache."""
        needed = "float32, the dtype of the cache"
        return _arrays.widen(function, name, value, self._dtype, needed, "Pass dtype=float64 to KVCache")

    def __reduce__(self) -> NoReturn:
        raise TypeError("KVCache: a cache cannot be pickled. Save the keys and values and append them to a new cache")

    def __repr__(self) -> str:
        B, Hk, D, Dv = self._size
        try:
            state = f"longest={self._kernel.longest()} capacity={self.capacity}"
        except RuntimeError:  # another thread is using the cache
            state = "in use"
        return f"<KVCache batch={B} heads={Hk} dim={D} value_dim={Dv} {self._dtype} {state}>"
