"""Base class of the tapes of recurrent cells; a tape also provides the states and gates of every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from seqfuse import _threads
from seqfuse._cells import CELLS

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels
    from seqfuse.functional._cell import Cell
    from seqfuse.functional._sequence import Sequence
    from seqfuse.functional._weights import Weights


@dataclass(slots=True, eq=False, repr=False)
class Tape:
    """Tape of a recurrent forward function.

    It keeps views of x, W, U, b, the peephole weights and y; do not change their values before the backward function is
    called. The backward function does not change the tape; it can be called repeatedly and from any thread. A tape
    belongs to the kernels that created it, because the layout of `_saved` is theirs. With ``checkpoint=k`` it keeps
    the states before every k-th step and not y; the steps in between are recomputed, with bitwise equal results.

    The kernels read the fields by name.
    """

    _kernels: Kernels
    _cell: Cell
    _weights: Weights
    _sequence: Sequence
    _y: Any  # (T, B, H); None with checkpoints
    _saved: Array | None  # in the kernels' layout; None for a sequence without steps or rows
    _checkpoint: int  # 0: every step is kept
    _guards: tuple[object, ...]  # see _arrays.guard

    def states(self) -> dict[str, Array]:
        """Return the states after every step, in the order of x.

        Returns
        -------
        dict of ndarray
            "h", and "c" for an LSTM: new arrays (T, B, H), or (B, T, H) with `batch_first`. At a padding step they hold
            the state that is carried over, although y is 0 there.

        Examples
        --------
        >>> import numpy as np
        >>> from seqfuse import functional as F
        >>> rng = np.random.default_rng(0)
        >>> x, W, U = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 16)), rng.normal(size=(4, 16))
        >>> out, tape = F.lstm_forward(x, W, U, lengths=[5, 2])
        >>> states = tape.states()
        >>> bool((states["c"][-1] == out.c).all()), bool((states["h"][1:, 1] == out.h[1]).all())
        (True, True)
        """
        return self._read(CELLS[self._cell.name].states, ())

    def gates(self) -> dict[str, Array]:
        """Return the activated gates of every step, in the order of x.

        Returns
        -------
        dict of ndarray
            The names are those in the equations, such as "i", "f", "g" and "o" for an LSTM. The values are new arrays
            (T, B, H), or (B, T, H) with `batch_first`; 0 at padding steps.

        Examples
        --------
        >>> import numpy as np
        >>> from seqfuse import functional as F
        >>> rng = np.random.default_rng(0)
        >>> x, W, U = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 12)), rng.normal(size=(4, 12))
        >>> out, tape = F.gru_forward(x, W, U)
        >>> gates = tape.gates()
        >>> list(gates)
        ['z', 'r', 'n']
        >>> bool(np.allclose(out.y[0], (1 - gates["z"][0]) * gates["n"][0]))  # from a state of zeros
        True
        """
        return self._read((), CELLS[self._cell.name].gates)

    def _read(self, states: tuple[str, ...], gates: tuple[str, ...]) -> dict[str, Array]:
        """Return the named states and gates as new arrays."""
        sequence = self._sequence
        (steps, batch, _), units = sequence.x.shape, sequence.units
        shape = (batch, steps, units) if sequence.batch_first else (steps, batch, units)
        arrays = {name: np.empty(shape, sequence.x.dtype) for name in states + gates}
        if steps and batch:
            outputs = [array.swapaxes(0, 1) if sequence.batch_first else array for array in arrays.values()]
            self._kernels.recurrent_inspect(self, outputs[: len(states)], outputs[len(states) :], _threads.current())
        return arrays

    def __reduce__(self) -> NoReturn:
        advice = f"Pickle the arguments and call {self._cell.name}_forward again"
        raise TypeError(f"{type(self).__name__}: a tape cannot be pickled. {advice}")

    def __repr__(self) -> str:
        steps, batch, _ = self._sequence.x.shape
        interval = f" checkpoint={self._checkpoint}" if self._checkpoint else ""
        dtype, units = self._sequence.x.dtype, self._sequence.units
        return f"<{type(self).__name__} T={steps} B={batch} H={units} {dtype}{interval}>"


RecurrentTape = TypeVar("RecurrentTape", bound=Tape)
