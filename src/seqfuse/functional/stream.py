"""A recurrence taken one step at a time, its state kept inside."""

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
    """What `Packed.stream` returns: `batch` rows of a recurrence, and the state that they are in.

    One thread at a time: a call while another is under way raises RuntimeError and changes nothing. It is not pickled:
    `state` is what to save.
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
        """Take one step.

        Parameters
        ----------
        x : (batch, I)        inputs, of no wider type than the weights
        out : (batch, H)        written and returned instead of a new array: nothing is allocated

        Returns
        -------
        (batch, H)        the new h

        Raises
        ------
        ValueError        a shape disagrees; the state is as it was
        TypeError        a kind of number that is not computed with, or float64 for weights of float32
        RuntimeError        another thread is using this stream

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
        try:  # the kernel takes arrays that are right and refuses any other, before it does anything
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
        """Set the state to zeros: of every row, or of the rows given by their numbers or as bool (batch,)."""
        if rows is None:
            self._kernel.reset(None)
            return
        self._kernel.reset(_checks.rows_of_batch("stream.reset", rows, self._batch))

    @property
    def state(self) -> Array | tuple[Array, Array]:
        """h (batch, H), or (h, c) of an LSTM: a copy to get, checked when set."""
        return (self._kernel.h(), self._kernel.c()) if self._cell.has_c else self._kernel.h()

    @state.setter
    def state(self, value: ArrayLike | tuple[ArrayLike, ArrayLike]) -> None:
        if not self._cell.has_c:
            self._kernel.set(self._checked("state", value), None)
            return
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            raise ValueError(f"stream: state must be (h, c), each (batch, H); got {type(value).__name__}")
        self._kernel.set(self._checked("state[0]", value[0]), self._checked("state[1]", value[1]))

    def _checked(self, name: str, value: Any) -> Array:
        array = _arrays.numbers("stream", name, value, self._dtype)
        _checks.shape("stream", name, "(batch, H)", (self._batch, self._units), array.shape)
        return array

    def copy(self) -> Stream:
        """Another stream in the same state, which goes its own way from here."""
        return Stream(self._kernel.copy(), self._cell, self._batch, self._features, self._units, self._dtype)

    def __copy__(self) -> Stream:
        return self.copy()

    def __deepcopy__(self, memo: object) -> Stream:
        return self.copy()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Stream: a stream must stay in the process that made it. Save stream.state and the Packed, which can be "
            "pickled, and set the state of packed.stream(batch) again"
        )

    def __repr__(self) -> str:
        return f"<Stream {self._cell.name} batch={self._batch} I={self._features} H={self._units} {self._dtype}>"


def packed_input(function: str, x: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Return x in the type of packed weights; refuse a wider type, whose precision would be lost."""
    needed = "no wider than the packed weights, float32"
    return _arrays.widen(function, "x", x, dtype, needed, "Pass x as float32, or pack weights of float64")
