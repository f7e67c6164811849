"""Packed: weights in the storage order of the kernels, for many calls or for single steps."""

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
    """Packed weights and options of a cell, created by `pack_lstm`, `pack_gru` and the other pack functions.

    The object is immutable and keeps copies: changing W, U or b afterwards has no effect. Several threads may use it at
    the same time. It can be pickled; the pickle contains the unpacked weights, because the packed storage order depends
    on the processor.

    Attributes
    ----------
    cell : str
        "rnn", "lstm", "gru", "indrnn" or "mingru".
    dtype : numpy.dtype
        Type of the computation: the widest type of W, U and b.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> packed = F.pack_gru(np.ones((3, 12)), np.ones((4, 12)))
    >>> packed.cell, packed.dtype, packed(np.ones((5, 2, 3))).y.shape
    ('gru', dtype('float64'), (5, 2, 4))
    """

    __slots__ = ("_cell", "_features", "_kernel", "_units", "_weights")

    def __init__(
        self, cell: Cell, W: ArrayLike, U: Any, b: ArrayLike | None, peephole: ArrayLike | None = None
    ) -> None:
        function = f"pack_{cell.name}"
        if cell.has_U:
            W, U, b = _arrays.widest(function, ("W", "U"), (W, U), b, ("W", "U"))
        else:
            W, b = _arrays.widest(function, ("W",), (W,), b, ("W",))
        own_W, own_U, own_b = _read_only_copy(W), _read_only_copy(U), _read_only_copy(b)
        if own_W.ndim != 2:
            raise ValueError(f"{function}: W must be {cell.symbols[0]}; got {own_W.shape}")
        self._features: int = own_W.shape[0]
        self._units = cell.units(function, cell.gates, self._features, own_W, own_U, own_b)
        if peephole is not None:
            peephole = _read_only_copy(_checks.peephole(function, peephole, self._units, own_W.dtype))
        self._cell, self._weights = cell, Weights(own_W, own_U, own_b, peephole)
        self._kernel = _backend.kernels.pack(cell, self._weights, _threads.current())

    @property
    def cell(self) -> str:
        """Name of the cell."""
        return self._cell.name

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the computation."""
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
        """Run the cell over a sequence. The result is bitwise equal to that of `lstm`, `gru` etc.

        Parameters
        ----------
        x : array_like, shape (T, B, I)
            Inputs; (B, T, I) with `batch_first`. Its type must not be wider than that of the weights.
        h0, c0 : array_like, shape (B, H), optional
            Initial states. Zeros by default. c0 is for an LSTM only.
        lengths : array_like of int, shape (B,), optional
            Number of valid steps of each sequence, in 0..T. All steps are valid by default.
        mask : array_like of bool, shape (T, B), optional
            True at valid steps; (B, T) with `batch_first`.
        recurrent_mask : array_like, shape (B, H), optional
            Factor of h_prev in the product with U. None for a cell without U.
        reverse : bool, default False
            Process the steps from T-1 to 0. y has the order of x.
        batch_first : bool, default False
            Exchange the first two axes of x, y and mask.
        return_sequences : bool, default True
            Whether to return y. If False, y is None.

        Returns
        -------
        RNNOutput, LSTMOutput, GRUOutput, IndRNNOutput or MinGRUOutput
            ``y`` (T, B, H), ``h`` (B, H), and ``c`` (B, H) of an LSTM.

        Raises
        ------
        ValueError
            If a shape or a value does not fit.
        TypeError
            If the type of an array is not supported, or x is float64 and the weights are float32.

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
        inputs: Array = packed_input(function, x, self.dtype)
        if inputs.ndim != 3:
            _recurrent.refuse_input(function, inputs, batch_first)
        if inputs.shape[2] != self._features:
            symbols = "(B, T, I)" if batch_first else "(T, B, I)"
            _checks.shape(function, "x", symbols, (*inputs.shape[:2], self._features), inputs.shape)
        sequence = read_sequence(
            function, cell, inputs, units, h0=h0, c0=c0, lengths=lengths, mask=mask, reverse=reverse,
            batch_first=batch_first, return_sequences=return_sequences, recurrent_mask=recurrent_mask,
        )  # fmt: skip
        y, h, c = _recurrent.run_packed(cell, self._kernel, sequence)
        return _OUTPUTS[cell.name](y, h) if c is None else _OUTPUTS[cell.name](y, h, c)  # type: ignore[no-any-return]

    def stream(self, batch: int = 1) -> Stream:
        """Return a stream that runs the cell one step at a time and keeps its state.

        Parameters
        ----------
        batch : int, default 1
            Number of sequences.

        Returns
        -------
        Stream
            Stream with zero states.

        Raises
        ------
        ValueError
            If `batch` is less than 1.

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
    """Pack the weights of a pickle."""
    return Packed(specify(kernel, candidate, options), *arrays)


def _read_only_copy(array: Any) -> Any:
    """Return a read-only copy in the same order of memory; None for None."""
    if array is None:
        return None
    array = array.copy(order="K")
    array.flags.writeable = False
    return array
