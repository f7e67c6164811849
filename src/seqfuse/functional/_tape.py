"""What the forward of a recurrent cell keeps, and what can be read from it besides gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from seqfuse import _threads
from seqfuse._cells import CELLS

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels
    from seqfuse.functional._form import Form, Options

    # cell, W, U, bx, bh, candidate, options, x, h0, c0, real, recurrent_mask, reverse: as the kernels take them
    Arguments: TypeAlias = tuple[
        str, Array, Array | None, Array | None, Array | None, bool, Options | None,
        Array, Array | None, Array | None, Array | None, Array | None, bool,
    ]  # fmt: skip


class Tape:
    """What a backward reads: refers to x, W, U, a peephole and y, so change none of them before the backward.

    A backward never changes it, and may be called again and from any thread. It belongs to the kernel module that made
    it, because the layout of `saved` is that module's own. A thin one, of `checkpoint=k`, keeps the states before every
    k-th step and not y; whatever reads it computes the steps between them again, and gives the same bits.
    """

    __slots__ = (
        "_arguments",  # of the forward, and of whatever reads the tape
        "_batch_first",
        "_checkpoint",  # 0: it is not thin
        "_form",
        "_kernels",
        "_options",
        "_return_sequences",
        "_saved",  # what the kernels keep, in a layout of their own
        "_size",  # T, B, H
        "_weights",  # W, U, b: U None for a cell without it, b as it was given
        "_x",  # (T, B, I)
        "_y",  # (T, B, H), None where the tape is thin
    )

    def __init__(
        self,
        kernels: Kernels,
        form: Form,
        options: Options | None,
        arguments: Arguments,
        x: Array,
        weights: tuple[Array, Any, Array | None],
        y: Array | None,
        saved: Array | None,
        checkpoint: int,
        size: tuple[int, int, int],
        batch_first: bool,
        return_sequences: bool,
    ) -> None:
        self._kernels, self._form, self._options, self._arguments = kernels, form, options, arguments
        self._x, self._weights, self._y, self._saved, self._checkpoint = x, weights, y, saved, checkpoint
        self._size, self._batch_first, self._return_sequences = size, batch_first, return_sequences

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
        return self._read(CELLS[self._form.cell].states, ())

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
        return self._read((), CELLS[self._form.cell].gates)

    def _read(self, states: tuple[str, ...], gates: tuple[str, ...]) -> dict[str, Array]:
        steps, batch, units = self._size
        shape = (batch, steps, units) if self._batch_first else (steps, batch, units)
        arrays = {name: np.empty(shape, self._x.dtype) for name in states + gates}
        if steps and batch:
            written = [array.swapaxes(0, 1) if self._batch_first else array for array in arrays.values()]
            self._kernels.recurrent_tape(
                *self._arguments, self._y, self._saved, self._checkpoint,
                written[: len(states)], written[len(states) :], _threads.current(),
            )  # fmt: skip
        return arrays

    def __reduce__(self) -> NoReturn:
        again = f"Keep the arguments and run {self._form.cell}_forward again"
        raise TypeError(f"{type(self).__name__}: a tape must stay in the process that made it. {again}")

    def __repr__(self) -> str:
        steps, batch, units = self._size
        thin = f" checkpoint={self._checkpoint}" if self._checkpoint else ""
        return f"<{type(self).__name__} T={steps} B={batch} H={units} {self._x.dtype}{thin}>"
