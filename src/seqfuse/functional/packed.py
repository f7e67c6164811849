"""Weights laid out once for the kernels: many calls, or single steps, without laying them out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse._results import GRUOutput, IndRNNOutput, LSTMOutput, MinGRUOutput, RNNOutput
from seqfuse.functional import _recurrent
from seqfuse.functional._cell import specify
from seqfuse.functional._sequence import read_sequence
from seqfuse.functional._weights import Weights
from seqfuse.functional.stream import Stream, packed_input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.functional._cell import Cell

Output = TypeVar("Output", RNNOutput, LSTMOutput, GRUOutput, IndRNNOutput, MinGRUOutput)
_OUTPUTS: dict[str, Any] = {
    "rnn": RNNOutput,
    "lstm": LSTMOutput,
    "gru": GRUOutput,
    "indrnn": IndRNNOutput,
    "mingru": MinGRUOutput,
}


class Packed(Generic[Output]):
    """The weights and options of a cell, laid out for the kernels: what `pack_lstm`, `pack_gru` and their like return.

    Immutable: it keeps copies, and changing W, U or b afterwards changes nothing. Several threads may use one. It can
    be pickled; the layout is that of the processor at hand, so the copies travel, and are packed again on arrival.

    Attributes
    ----------
    cell : str        "rnn", "lstm", "gru", "indrnn" or "mingru"
    dtype : numpy.dtype        what is computed in, the widest of W, U and b
    """

    __slots__ = ("_cell", "_features", "_kernel", "_units", "_weights")

    def __init__(
        self, cell: Cell, W: ArrayLike, U: Any, b: ArrayLike | None, peephole: ArrayLike | None = None
    ) -> None:
        function = f"pack_{cell.name}"
        if cell.has_U:
            W, U, b = _arrays.widest(function, ("W", "U"), (W, U), b)
        else:
            W, b = _arrays.widest(function, ("W",), (W,), b)
        own_W, own_U, own_b = _own(W), _own(U), _own(b)
        if own_W.ndim != 2:
            raise ValueError(f"{function}: W must be {cell.symbols[0]}; got {own_W.shape}")
        self._features: int = own_W.shape[0]
        self._units = cell.units(function, cell.gates, self._features, own_W, own_U, own_b)
        if peephole is not None:
            peephole = _own(_checks.peephole(function, peephole, self._units, own_W.dtype))
        self._cell, self._weights = cell, Weights(own_W, own_U, own_b, peephole)
        self._kernel = _backend.kernels.pack(cell, self._weights, _threads.current())

    @property
    def cell(self) -> str:
        return self._cell.name

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self._weights.W.dtype
        return dtype

    def __call__(
        self,
        x: ArrayLike,
        h0: ArrayLike | None = None,
        c0: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        recurrent_mask: ArrayLike | None = None,
        reverse: bool = False,
        batch_first: bool = False,
        return_sequences: bool = True,
    ) -> Output:
        """Run the cell over a sequence, as `lstm`, `gru` or the like would: the same bits.

        Parameters
        ----------
        x : (T, B, I)        inputs, of no wider type than the weights: they are not packed again
        h0, c0 : (B, H)        initial state, zeros by default; c0 for an LSTM alone
        lengths, mask, reverse, batch_first, return_sequences        as there
        recurrent_mask : (B, H)        as there; None for a cell without U

        Returns
        -------
        RNNOutput, LSTMOutput, GRUOutput, IndRNNOutput or MinGRUOutput

        Raises
        ------
        ValueError        a shape or a value disagrees
        TypeError        a kind of number that is not computed with, or float64 for weights of float32

        Examples
        --------
        >>> import numpy as np
        >>> from seqfuse import functional as F
        >>> rng = np.random.default_rng(0)
        >>> x, W, U = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 16)), rng.normal(size=(4, 16))
        >>> packed = F.pack_lstm(W, U)
        >>> bool((packed(x).y == F.lstm(x, W, U).y).all())
        True
        """
        function, cell, units = f"packed_{self.cell}", self._cell, self._units
        given: Array = packed_input(function, x, self.dtype)
        if given.ndim != 3:
            _recurrent.refuse_input(function, given, batch_first)
        if given.shape[2] != self._features:
            symbols = "(B, T, I)" if batch_first else "(T, B, I)"
            _checks.shape(function, "x", symbols, (*given.shape[:2], self._features), given.shape)
        sequence = read_sequence(
            function, cell, given, units, h0=h0, c0=c0, lengths=lengths, mask=mask, reverse=reverse,
            batch_first=batch_first, return_sequences=return_sequences, recurrent_mask=recurrent_mask,
        )  # fmt: skip
        y, h, c = _recurrent.run_packed(cell, self._kernel, sequence)
        return _OUTPUTS[cell.name](y, h) if c is None else _OUTPUTS[cell.name](y, h, c)  # type: ignore[no-any-return]

    def stream(self, batch: int = 1) -> Stream:
        """A recurrence over `batch` rows that is taken one step at a time and keeps its state; zeros at first.

        Examples
        --------
        >>> import numpy as np
        >>> from seqfuse import functional as F
        >>> rng = np.random.default_rng(0)
        >>> x, W, U = rng.normal(size=(5, 1, 3)), rng.normal(size=(3, 16)), rng.normal(size=(4, 16))
        >>> packed = F.pack_lstm(W, U)
        >>> stream = packed.stream()
        >>> h = [stream.step(x_t) for x_t in x]
        >>> bool((np.array(h) == packed(x).y).all())
        True
        """
        batch = _checks.integer("stream", "batch", batch, 1)
        _checks.sizes("stream", "the state (batch, H)", batch, self._units)
        return Stream(self._kernel.stream(batch), self._cell, batch, self._features, self._units, self.dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        cell, weights = self._cell, self._weights
        options = cell.options and (cell.options.activation, cell.options.recurrent_activation, cell.options.clip)
        arrays: tuple[Any, ...] = weights.W, weights.U, weights.b, weights.peephole
        return _unpickle, (cell.kernel, cell.candidate, options, *arrays)

    def __copy__(self) -> Packed[Output]:
        return self

    def __deepcopy__(self, memo: object) -> Packed[Output]:
        return self

    def __repr__(self) -> str:
        return f"<Packed {self._cell.name} I={self._features} H={self._units} {self.dtype}>"


def _unpickle(kernel: str, candidate: bool, options: tuple[Any, Any, float] | None, *arrays: Any) -> Packed[Any]:
    """Pack the weights of a pickle again."""
    return Packed(specify(kernel, candidate, options), *arrays)


def _own(array: Any) -> Any:
    """A read-only copy."""
    if array is None:
        return None
    array = array.copy(order="C")
    array.flags.writeable = False
    return array
