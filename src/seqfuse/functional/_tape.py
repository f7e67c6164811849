"""What the forward of a recurrent cell keeps, and what can be read from it besides gradients."""

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
    """What a backward reads, in views of its own; do not change the values of x, W, U, b, a peephole or y before it.

    A backward does not change the tape, and may be called again and from any thread. A tape belongs to the kernels that
    made it, because they choose the layout of `_saved`. With `checkpoint=k` it keeps the states before every k-th step
    and not y; what reads the tape computes the steps between them again, with the same bits.

    The kernels read the fields by name.
    """

    _kernels: Kernels
    _cell: Cell
    _weights: Weights
    _sequence: Sequence
    _y: Any  # (T, B, H); None with checkpoints
    _saved: Array | None  # in the kernels' layout; None for a sequence without steps or rows
    _checkpoint: int  # 0: every step is kept

    def states(self) -> dict[str, Array]:
        """The states after every step, in the order of x.

        Returns
        -------
        dict        "h", and "c" of an LSTM: new arrays (T, B, H), or (B, T, H) with batch_first. At an unreal step they
            hold the state that is carried over, where y is 0

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
        """The gates of every step, activated, in the order of x.

        Returns
        -------
        dict        by the names in the equations, such as "i", "f", "g" and "o" of an LSTM: new arrays (T, B, H), or
            (B, T, H) with batch_first. 0 at unreal steps

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
        sequence = self._sequence
        (steps, batch, _), units = sequence.x.shape, sequence.units
        shape = (batch, steps, units) if sequence.batch_first else (steps, batch, units)
        arrays = {name: np.empty(shape, sequence.x.dtype) for name in states + gates}
        if steps and batch:
            written = [array.swapaxes(0, 1) if sequence.batch_first else array for array in arrays.values()]
            self._kernels.recurrent_inspect(self, written[: len(states)], written[len(states) :], _threads.current())
        return arrays

    def __reduce__(self) -> NoReturn:
        again = f"Keep the arguments and run {self._cell.name}_forward again"
        raise TypeError(f"{type(self).__name__}: a tape must stay in the process that made it. {again}")

    def __repr__(self) -> str:
        steps, batch, _ = self._sequence.x.shape
        interval = f" checkpoint={self._checkpoint}" if self._checkpoint else ""
        dtype, units = self._sequence.x.dtype, self._sequence.units
        return f"<{type(self).__name__} T={steps} B={batch} H={units} {dtype}{interval}>"


RecurrentTape = TypeVar("RecurrentTape", bound=Tape)
