"""Stream: a recurrent cell that runs one step at a time and keeps its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse import _kernels
    from seqfuse._arrays import Array
    from seqfuse.functional._cell import Cell


class Stream:
    """A recurrent cell that runs one step at a time for `batch` sequences, created by `Packed.stream`.

    A stream is not thread-safe: a call during another call raises a RuntimeError and changes nothing. It cannot be
    pickled; save its `state`.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> stream = F.pack_rnn(np.eye(2), np.eye(2)).stream()
    >>> stream
    <Stream rnn batch=1 I=2 H=2 float64>
    """

    __slots__ = ("_batch", "_cell", "_dtype", "_features", "_kernel", "_step", "_units")

    def __init__(
        self,
        kernel: _kernels.StreamFloat | _kernels.StreamDouble,
        cell: Cell,
        batch: int,
        features: int,
        units: int,
        dtype: np.dtype[Any],
    ) -> None:
        self._kernel = kernel
        self._step: Any = kernel.step
        self._cell, self._batch, self._features, self._units, self._dtype = cell, batch, features, units, dtype

    def step(self, x: ArrayLike, out: Array | None = None) -> Array:
        """Run one step and update the state.

        Parameters
        ----------
        x : array_like, shape (batch, I)
            Inputs. Their type must not be wider than that of the weights.
        out : ndarray, shape (batch, H), optional
            Array that the result is written to, so that nothing is allocated.

        Returns
        -------
        ndarray, shape (batch, H)
            The new hidden state: `out` if it is given.

        Raises
        ------
        ValueError
            If a shape does not fit. The state is unchanged.
        TypeError
            If the type of `x` is not supported, or it is float64 and the weights are float32.
        RuntimeError
            If another thread is using this stream.

        Examples
        --------
        >>> import numpy as np
        >>> from seqfuse import functional as F
        >>> stream = F.pack_rnn(np.eye(2), np.eye(2)).stream()
        >>> h = np.empty((1, 2))
        >>> stream.step([[0.0, 100.0]], out=h) is h
        True
        >>> h
        array([[0., 1.]])
        """
        try:  # the kernel accepts only arrays that need no conversion; it checks them before it changes anything
            return self._step(x, out)  # type: ignore[no-any-return]
        except (TypeError, ValueError):
            pass
        read = packed_input("stream.step", x, self._dtype)
        _checks.shape("stream.step", "x", "(batch, I)", (self._batch, self._features), read.shape)
        if out is None:
            return self._step(read, None)  # type: ignore[no-any-return]
        needed = (self._batch, self._units)
        targets = _arrays.Targets("stream.step", ("out",), (out,), ("(batch, H)",), (needed,), self._dtype, (read,))
        self._step(read, targets.work[0])
        targets.store()
        return out

    def reset(self, rows: ArrayLike | None = None) -> None:
        """Set the state to zeros.

        Parameters
        ----------
        rows : array_like of int, or of bool with shape (batch,), optional
            Rows to reset. All by default.
        """
        if rows is None:
            self._kernel.reset(None)
            return
        self._kernel.reset(_checks.rows_of_batch("stream.reset", rows, self._batch))

    @property
    def state(self) -> Array | tuple[Array, Array]:
        """Copy of the state: h (batch, H), or (h, c) for an LSTM. It can be assigned."""
        return (self._kernel.h(), self._kernel.c()) if self._cell.has_c else self._kernel.h()

    @state.setter
    def state(self, value: ArrayLike | tuple[ArrayLike, ArrayLike]) -> None:
        if not self._cell.has_c:
            self._kernel.set(self._check_state("state", value), None)
            return
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            raise ValueError(f"stream: state must be (h, c), each (batch, H); got {type(value).__name__}")
        self._kernel.set(self._check_state("state[0]", value[0]), self._check_state("state[1]", value[1]))

    def _check_state(self, name: str, value: Any) -> Array:
        """Convert a state and check its shape."""
        array = _arrays.numbers("stream", name, value, self._dtype)
        _checks.shape("stream", name, "(batch, H)", (self._batch, self._units), array.shape)
        return array

    def copy(self) -> Stream:
        """Return an independent stream with the same state.

        Returns
        -------
        Stream
            The copy. It shares the packed weights.
        """
        return Stream(self._kernel.copy(), self._cell, self._batch, self._features, self._units, self._dtype)

    def __copy__(self) -> Stream:
        return self.copy()

    def __deepcopy__(self, memo: object) -> Stream:
        return self.copy()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Stream: a stream cannot be pickled. Pickle stream.state and the Packed object, and assign the state to a "
            "new packed.stream(batch)"
        )

    def __repr__(self) -> str:
        return f"<Stream {self._cell.name} batch={self._batch} I={self._features} H={self._units} {self._dtype}>"


def packed_input(function: str, x: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Return x in the type of packed weights; refuse a wider type, whose precision would be lost."""
    needed = "no wider than the packed weights, float32"
    return _arrays.widen(function, "x", x, dtype, needed, "Pass x as float32, or pack weights of float64")
