"""Shared by the recurrent cells: arguments are checked and converted to structures, then passed to one kernel call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse.functional._gradients import Gradients, check_into, in_place_of_weights, new_gradients
from seqfuse.functional._sequence import Sequence, read_sequence
from seqfuse.functional._weights import Weights

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse._kernels import PackedCell
    from seqfuse.functional._cell import Cell
    from seqfuse.functional._tape import RecurrentTape, Tape

_ndarray, _FLOAT32, _FLOAT64, _READY = np.ndarray, _arrays.FLOAT32, _arrays.FLOAT64, _arrays.C_ALIGNED


def read_call(
    function: str,
    cell: Cell,
    x: Any,
    W: Any,
    U: Any,
    b: Any,
    *,
    peephole: Any = None,
    h0: Any,
    c0: Any = None,
    lengths: Any,
    mask: Any,
    reverse: Any,
    batch_first: Any,
    return_sequences: Any,
    recurrent_mask: Any,
) -> tuple[Weights, Sequence]:
    """Check and convert all arguments of a recurrent call.

    The usual call has arrays of one type that the kernels can read in place: it costs a comparison or two per argument.
    """
    dtype = getattr(x, "dtype", None)
    if not (
        (dtype is _FLOAT32 or dtype is _FLOAT64)
        and type(x) is type(W) is type(U) is _ndarray
        and W.dtype is dtype
        and U.dtype is dtype
        and x.flags.num & W.flags.num & U.flags.num & _READY == _READY
        and (b is None or (type(b) is _ndarray and b.dtype is dtype and b.flags.num & _READY == _READY))
    ):
        x, W, U, b = _convert(function, cell, x, W, U, b)
    if x.ndim != 3:
        refuse_input(function, x, batch_first)
    units = cell.units(function, cell.gates, x.shape[2], W, U, b)
    if peephole is not None:
        peephole = _checks.peephole(function, peephole, units, x.dtype)
    sequence = read_sequence(
        function, cell, x, units, h0, c0, lengths, mask, reverse, batch_first, return_sequences, recurrent_mask
    )
    return Weights(W, U, b, peephole), sequence


def _convert(function: str, cell: Cell, x: Any, W: Any, U: Any, b: Any) -> tuple[Any, Any, Any, Any]:
    """Return x, W, U and b in the widest of their types, and as the kernels can read them."""
    if cell.has_U:
        x, W, U, b = _arrays.widest(function, ("x", "W", "U"), (x, W, U), b, ("W", "U"))
    else:
        x, W, b = _arrays.widest(function, ("x", "W"), (x, W), b, ("W",))
    return x, W, U, b


def refuse_input(function: str, x: Array, batch_first: Any) -> None:
    """Refuse an x that has not three axes."""
    (batch_first,) = _checks.flags(function, ("batch_first",), (batch_first,))
    advice = ""
    if x.ndim == 2:
        advice = "For one sequence pass x[None]" if batch_first else "For one sequence pass x[:, None]"
    _checks.refuse_shape(function, "x", "(B, T, I)" if batch_first else "(T, B, I)", None, x.shape, advice)


def run(cell: Cell, weights: Weights, sequence: Sequence) -> tuple[Any, Array, Any]:
    """Run the cell over a sequence: y or None, h, c or None."""
    need_y = sequence.return_sequences
    return _backend.kernels.recurrent_forward(cell, weights, sequence, need_y, None, _threads.current())[:3]


def run_packed(cell: Cell, packed: PackedCell, sequence: Sequence) -> tuple[Any, Array, Any]:
    """Run the cell with packed weights, like `run`."""
    return packed.forward(sequence, cell.has_c, sequence.return_sequences, _threads.current())[:3]


def run_forward(
    function: str, tape_type: type[RecurrentTape], cell: Cell, weights: Weights, sequence: Sequence, checkpoint: Any
) -> tuple[Any, Array, Any, RecurrentTape]:
    """Run the cell like `run` and keep a tape."""
    interval = 0  # keep every step
    if checkpoint is not None:
        interval = min(_checks.integer(function, "checkpoint", checkpoint, 1), max(sequence.x.shape[0], 1))
    kernels, need_y = _backend.kernels, sequence.return_sequences or not interval
    y, h, c, saved = kernels.recurrent_forward(cell, weights, sequence, need_y, interval, _threads.current())
    kept_y = None
    if not interval:
        kept_y = y.swapaxes(0, 1) if sequence.batch_first else y.view()
    guards = _arrays.guard(sequence.x, weights.W, weights.U, weights.b, y)
    tape = tape_type(kernels, cell, weights.views(), _own_arrays(sequence), kept_y, saved, interval, guards)
    return y if sequence.return_sequences else None, h, c, tape


def _own_arrays(sequence: Sequence) -> Sequence:
    """Give a tape arrays of its own: a view of x, copies of what a caller may write before the backward."""
    sequence.x = sequence.x.view()
    if sequence.h0 is not None:
        sequence.h0 = sequence.h0.copy()
    if sequence.c0 is not None:
        sequence.c0 = sequence.c0.copy()
    if sequence.recurrent_mask is not None:
        sequence.recurrent_mask = sequence.recurrent_mask.copy()
    return sequence


def backward(
    function: str,
    tape_type: type[Tape],
    tape: Tape,
    dy: Any,
    dh: Any,
    dc: Any,
    need_dx: Any,
    into: Any,
) -> Gradients:
    """Check the arguments of a backward and run it."""
    if type(tape) is not tape_type:
        forward_name = function.replace("backward", "forward")
        raise TypeError(f"{function}: tape must come from {forward_name}; got {type(tape).__name__}")
    if type(need_dx) is not bool:
        (need_dx,) = _checks.flags(function, ("need_dx",), (need_dx,))
    sequence = tape._sequence
    batch, units, dtype = sequence.x.shape[1], sequence.units, sequence.x.dtype
    if dy is not None:
        dy = _check_output_gradient(function, sequence, dy)
    if dh is not None:
        dh = _checks.state(function, "dh", dh, batch, units, dtype)
    if dc is not None:
        dc = _checks.state(function, "dc", dc, batch, units, dtype)
    targets = None if into is None else check_into(function, tape, into, (dy, dh, dc))
    gradients = new_gradients(tape, targets)
    gradients.dx, gradients.dh0, gradients.dc0 = tape._kernels.recurrent_backward(
        tape, dy, dh, dc, gradients, need_dx, targets is not None, _threads.current()
    )
    if targets is not None:  # not reached if Ctrl-C cancels the kernel; `targets.work` is unchanged then
        targets.store()
        gradients.dW, gradients.dU, gradients.db = in_place_of_weights(targets.given, tape)
    return gradients


def _check_output_gradient(function: str, sequence: Sequence, dy: Any) -> Array:
    """Return dy as (T, B, H)."""
    if not sequence.return_sequences:
        raise ValueError(f"{function}: dy must be None after return_sequences=False; got {type(dy).__name__}. Pass dh")
    gradient = _arrays.numbers(function, "dy", dy, sequence.x.dtype)
    steps, batch, _ = sequence.x.shape
    if sequence.batch_first:
        _checks.shape(function, "dy", "(B, T, H)", (batch, steps, sequence.units), gradient.shape)
        return gradient.swapaxes(0, 1)
    _checks.shape(function, "dy", "(T, B, H)", (steps, batch, sequence.units), gradient.shape)
    return gradient
