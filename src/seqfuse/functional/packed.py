"""Weights laid out once for the kernels, and recurrences that take one step at a time with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse._results import GRUOutput, LSTMOutput, RNNOutput
from seqfuse.functional import _recurrent
from seqfuse.functional.gru import cell_options
from seqfuse.functional.stream import Stream

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array

Output = TypeVar("Output", RNNOutput, GRUOutput, LSTMOutput)
_OUTPUTS: dict[str, Any] = {"rnn": RNNOutput, "gru": GRUOutput, "lstm": LSTMOutput}


class Packed(Generic[Output]):
    """The weights of a cell, laid out for the kernels: what `pack_rnn`, `pack_lstm` and `pack_gru` return.

    Immutable: it keeps copies, and changing W, U or b afterwards changes nothing. Several threads may use one. It can
    be pickled; the layout is that of the processor at hand, so the copies travel, and are packed again on arrival.

    Attributes
    ----------
    cell : str        "rnn", "lstm" or "gru"
    dtype : numpy.dtype        what is computed in, the widest of W, U and b
    """

    __slots__ = ("_candidate", "_cell", "_features", "_kernel", "_reset_after", "_units", "_weights")

    def __init__(
        self, cell: str, W: ArrayLike, U: ArrayLike, b: ArrayLike | None, reset_after: bool, candidate: bool
    ) -> None:
        function = f"pack_{cell}"
        weights = _arrays.widest(function, ("W", "U"), (W, U), b)
        if weights[0].ndim != 2:
            columns = "H" if _recurrent.GATES[cell] == 1 else f"{_recurrent.GATES[cell]}*H"
            raise ValueError(f"{function}: W must be (I, {columns}); got {weights[0].shape}")
        self._features: int = weights[0].shape[0]
        self._units = _checks.weights(function, _recurrent.GATES[cell], self._features, *weights)
        self._weights = tuple(_own(array, given) for array, given in zip(weights, (W, U, b)))
        self._cell, self._reset_after, self._candidate = cell, reset_after, candidate
        own_W, own_U, own_b = self._weights
        bx, bh = _recurrent.halves(own_b)
        self._kernel = _backend.kernels.Recurrent(
            cell, own_W, own_U, bx, bh, reset_after, candidate, _threads.current()
        )

    @property
    def cell(self) -> str:
        return self._cell

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self._weights[0].dtype
        return dtype

    def __call__(
        self,
        x: ArrayLike,
        h0: ArrayLike | None = None,
        c0: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        reverse: bool = False,
        batch_first: bool = False,
        return_sequences: bool = True,
    ) -> Output:
        """Run the cell over a sequence, as `rnn`, `lstm` or `gru` would: the same bits.

        Parameters
        ----------
        x : (T, B, I)        inputs, of no wider type than the weights: they are not packed again
        h0, c0 : (B, H)        initial state, zeros by default; c0 for an LSTM alone
        lengths, mask, reverse, batch_first, return_sequences        as there

        Returns
        -------
        RNNOutput, LSTMOutput or GRUOutput

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
        y, h, c = _recurrent.forward_packed(
            f"packed_{self._cell}", self._cell, self._kernel, self._features, self._units, self._weights[0].dtype,
            x, h0, c0, lengths, mask, reverse, batch_first, return_sequences,
        )  # fmt: skip
        return _OUTPUTS[self._cell](y, h) if c is None else _OUTPUTS[self._cell](y, h, c)  # type: ignore[no-any-return]

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
        return Packed, (self._cell, *self._weights, self._reset_after, self._candidate)

    def __copy__(self) -> Packed[Output]:
        return self

    def __deepcopy__(self, memo: object) -> Packed[Output]:
        return self

    def __repr__(self) -> str:
        return f"<Packed {self._cell} I={self._features} H={self._units} {self.dtype}>"


def _own(array: Array | None, given: object) -> Any:
    """The array, read-only, and no one else's."""
    if array is None:
        return None
    array = array if array is not given and array.flags.owndata else array.copy(order="C")
    array.flags.writeable = False
    return array


def pack_rnn(W: ArrayLike, U: ArrayLike, b: ArrayLike | None = None) -> Packed[RNNOutput]:
    """Lay out the weights of an RNN once, for many calls or for single steps.

    Parameters
    ----------
    W, U, b        as in `rnn`; copied

    Returns
    -------
    Packed        called as `rnn` without its weights

    Raises
    ------
    ValueError, TypeError        as `rnn`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.pack_rnn(np.zeros((3, 4), np.float32), np.zeros((4, 4), np.float32))
    <Packed rnn I=3 H=4 float32>
    """
    return Packed("rnn", W, U, b, True, False)


def pack_lstm(W: ArrayLike, U: ArrayLike, b: ArrayLike | None = None) -> Packed[LSTMOutput]:
    """Lay out the weights of an LSTM once, for many calls or for single steps.

    Parameters
    ----------
    W, U, b        as in `lstm`; copied

    Returns
    -------
    Packed        called as `lstm` without its weights

    Raises
    ------
    ValueError, TypeError        as `lstm`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.pack_lstm(np.zeros((3, 16), np.float32), np.zeros((4, 16), np.float32))
    <Packed lstm I=3 H=4 float32>
    """
    return Packed("lstm", W, U, b, True, False)


def pack_gru(
    W: ArrayLike,
    U: ArrayLike,
    b: ArrayLike | None = None,
    *,
    reset_after: bool = True,
    update_gate: str = "previous",
) -> Packed[GRUOutput]:
    """Lay out the weights of a GRU once, for many calls or for single steps.

    Parameters
    ----------
    W, U, b, reset_after, update_gate        as in `gru`; W, U and b are copied

    Returns
    -------
    Packed        called as `gru` without its weights

    Raises
    ------
    ValueError, TypeError        as `gru`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> F.pack_gru(np.zeros((3, 12), np.float32), np.zeros((4, 12), np.float32))
    <Packed gru I=3 H=4 float32>
    """
    return Packed("gru", W, U, b, *cell_options("pack_gru", reset_after, update_gate))
