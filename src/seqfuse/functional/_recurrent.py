"""What rnn, lstm and gru share: arguments become one kernel call, and its tape another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse._cells import CELLS

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels, Recurrent

GATES = {name: len(cell.gates) for name, cell in CELLS.items()}
HAS_C = {name: "c" in cell.states for name, cell in CELLS.items()}
_FLAGS = ("reverse", "batch_first", "return_sequences")


class Tape:
    """What a backward reads. Opaque; refers to x, W, U and y, so change none of them before the backward.

    A backward never changes it, and may be called again and from any thread. It belongs to the kernel module that made
    it, because the layout of `saved` is that module's own.
    """

    __slots__ = (
        "_b",  # b as it was given, for its shape
        "_batch_first",
        "_candidate",
        "_cell",
        "_initial",  # h0, c0: copies, since a caller who carries states on may write them
        "_kernels",
        "_real",
        "_reset_after",
        "_return_sequences",
        "_reverse",
        "_saved",  # what the kernels keep, in a layout of their own
        "_weights",  # W, U
        "_x",  # (T, B, I)
        "_y",  # (T, B, H)
    )

    _b: Array | None
    _batch_first: bool
    _candidate: bool
    _cell: str
    _initial: tuple[Array | None, Array | None]
    _kernels: Kernels
    _real: Array | None
    _reset_after: bool
    _return_sequences: bool
    _reverse: bool
    _saved: Array | None
    _weights: tuple[Array, Array]
    _x: Array
    _y: Array

    def __repr__(self) -> str:
        steps, batch, units = self._y.shape
        return f"<{type(self).__name__} T={steps} B={batch} H={units} {self._y.dtype}>"


def forward(
    function: str,
    cell: str,
    x: Any,
    W: Any,
    U: Any,
    b: Any,
    h0: Any,
    c0: Any,
    lengths: Any,
    mask: Any,
    reverse: Any,
    batch_first: Any,
    return_sequences: Any,
    tape: Tape | None = None,
    reset_after: bool = True,
    candidate: bool = False,
) -> tuple[Any, Array, Any]:
    """y or None, h, and c or None; a tape given is filled in."""
    if type(reverse) is not bool or type(batch_first) is not bool or type(return_sequences) is not bool:
        reverse, batch_first, return_sequences = _checks.flags(
            function, _FLAGS, (reverse, batch_first, return_sequences)
        )
    x, W, U, b = _arrays.widest(function, ("x", "W", "U"), (x, W, U), b)
    x = _checks.inputs(function, x, batch_first)
    units = _checks.weights(function, GATES[cell], x.shape[2], W, U, b)
    keep = tape is not None
    h0, c0, real, y, h, c = _sequence(
        function, cell, x, units, h0, c0, lengths, mask, batch_first, return_sequences or keep
    )
    kernels: Kernels = _backend.kernels
    bx, bh = halves(b)
    saved = None
    if x.shape[0] and x.shape[1]:
        saved = kernels.recurrent_forward(
            cell, W, U, bx, bh, reset_after, candidate, x, h0, c0, real, reverse, y, h, c, keep, _threads.current()
        )  # fmt: skip
    else:
        _stay(h, h0, c, c0)
    if tape is not None:
        tape._b, tape._batch_first, tape._candidate, tape._cell = b, batch_first, candidate, cell
        tape._initial = None if h0 is None else h0.copy(), None if c0 is None else c0.copy()
        tape._kernels, tape._real, tape._reset_after, tape._reverse = kernels, real, reset_after, reverse
        tape._return_sequences, tape._saved, tape._weights, tape._x, tape._y = return_sequences, saved, (W, U), x, y
    return _as_asked(y, batch_first, return_sequences), h, c


def forward_packed(
    function: str,
    cell: str,
    packed: Recurrent,
    features: int,
    units: int,
    dtype: np.dtype[Any],
    x: Any,
    h0: Any,
    c0: Any,
    lengths: Any,
    mask: Any,
    reverse: Any,
    batch_first: Any,
    return_sequences: Any,
) -> tuple[Any, Array, Any]:
    """As `forward`, with weights that are packed already."""
    if type(reverse) is not bool or type(batch_first) is not bool or type(return_sequences) is not bool:
        reverse, batch_first, return_sequences = _checks.flags(
            function, _FLAGS, (reverse, batch_first, return_sequences)
        )
    x = _checks.inputs(function, packed_input(function, x, dtype), batch_first)
    if x.shape[2] != features:
        _checks.shape(function, "x", "(T, B, I)", (*x.shape[:2], features), x.shape)
    h0, c0, real, y, h, c = _sequence(function, cell, x, units, h0, c0, lengths, mask, batch_first, return_sequences)
    if x.shape[0] and x.shape[1]:
        packed.forward(x, h0, c0, real, reverse, y, h, c, False, _threads.current())
    else:
        _stay(h, h0, c, c0)
    return _as_asked(y, batch_first, return_sequences), h, c


def packed_input(function: str, x: Any, dtype: np.dtype[Any]) -> Array:
    """x in the type of packed weights, which is not to lose what x holds."""
    if getattr(x, "dtype", None) is not dtype:
        x = _arrays.asarray(function, "x", x)
        if _arrays.counts_as(function, "x", x.dtype) is _arrays.FLOAT64 and dtype is _arrays.FLOAT32:
            raise TypeError(
                f"{function}: x must be no wider than the packed weights, float32; got float64. "
                "Pass x as float32, or pack weights of float64"
            )
    return _arrays.numbers(function, "x", x, dtype)


def _sequence(
    function: str,
    cell: str,
    x: Array,
    units: int,
    h0: Any,
    c0: Any,
    lengths: Any,
    mask: Any,
    batch_first: Any,
    need_y: bool,
) -> tuple[Any, Any, Array | None, Any, Array, Array | None]:
    """h0, c0 and real, checked, and memory for y (T, B, H), h and c."""
    steps, batch, _ = x.shape
    _checks.sizes(function, "y (T, B, H)", steps, batch, units)
    dtype = x.dtype
    if h0 is not None:
        h0 = _checks.state(function, "h0", h0, batch, units, dtype)
    if c0 is not None:
        if not HAS_C[cell]:
            raise ValueError(f"{function}: c0 must be None, {cell} has no such state; got {type(c0).__name__}")
        c0 = _checks.state(function, "c0", c0, batch, units, dtype)
    real = None
    if lengths is not None or mask is not None:
        real = _checks.real_steps(function, lengths, mask, steps, batch, batch_first)
    y = None
    if need_y and batch_first:
        y = np.empty((batch, steps, units), dtype).swapaxes(0, 1)
    elif need_y:
        y = np.empty((steps, batch, units), dtype)
    h = np.empty((batch, units), dtype)
    return h0, c0, real, y, h, np.empty((batch, units), dtype) if HAS_C[cell] else None


def halves(b: Array | None) -> tuple[Array | None, Array | None]:
    """The part of the bias that joins x W, and the one that joins h U."""
    return (b, None) if b is None or b.ndim == 1 else (b[0], b[1])


def _stay(h: Array, h0: Array | None, c: Array | None, c0: Array | None) -> None:
    """Without a step, the final state is the initial one."""
    h[...] = 0 if h0 is None else h0
    if c is not None:
        c[...] = 0 if c0 is None else c0


def _as_asked(y: Array | None, batch_first: bool, return_sequences: bool) -> Array | None:
    if y is None or not return_sequences:
        return None
    return y.swapaxes(0, 1) if batch_first else y


def backward(
    function: str,
    kind: type[Tape],
    tape: Tape,
    dy: Any,
    dh: Any,
    dc: Any,
    need_dx: Any,
    into: Any,
) -> tuple[Any, Array, Array, Any, Array, Any]:
    """dx, dW, dU, db, dh0, dc0; the ones that do not apply are None."""
    if type(tape) is not kind or not hasattr(tape, "_y"):
        made_by = function.replace("backward", "forward")
        got = f"an empty {kind.__name__}" if type(tape) is kind else type(tape).__name__
        raise TypeError(f"{function}: tape must be what {made_by} returned; got {got}")
    if type(need_dx) is not bool:
        (need_dx,) = _checks.flags(function, ("need_dx",), (need_dx,))
    x, y, (W, U), b = tape._x, tape._y, tape._weights, tape._b
    steps, batch, units = y.shape
    dtype = y.dtype
    if dy is not None:
        dy = _output_gradient(function, tape, dy)
    if dh is not None:
        dh = _checks.state(function, "dh", dh, batch, units, dtype)
    if dc is not None:
        dc = _checks.state(function, "dc", dc, batch, units, dtype)
    targets = None
    if into is None:
        dW, dU, db = np.zeros(W.shape, dtype), np.zeros(U.shape, dtype), None if b is None else np.zeros(b.shape, dtype)
    else:
        targets = _targets(function, tape, into, (dy, dh, dc))
        dW, dU, db = *targets.work[:2], None if b is None else targets.work[2]

    dx = None
    if need_dx and tape._batch_first:
        dx = np.empty((batch, steps, x.shape[2]), dtype).swapaxes(0, 1)
    elif need_dx:
        dx = np.empty((steps, batch, x.shape[2]), dtype)
    dh0 = np.empty((batch, units), dtype)
    dc0 = np.empty((batch, units), dtype) if HAS_C[tape._cell] else None
    if not (steps and batch):
        _stay(dh0, dh, dc0, dc)
    else:
        tape._kernels.recurrent_backward(
            tape._cell, W, U, *halves(b), tape._reset_after, tape._candidate,
            x, *tape._initial, tape._real, tape._reverse, y, tape._saved,
            dy, dh, dc, dx, dW, dU, *halves(db), dh0, dc0, _threads.current(),
        )  # fmt: skip
    if targets is not None:
        targets.store()
        dW, dU, db = *targets.given[:2], None if b is None else targets.given[2]
    return dx.swapaxes(0, 1) if dx is not None and tape._batch_first else dx, dW, dU, db, dh0, dc0


def _output_gradient(function: str, tape: Tape, dy: Any) -> Array:
    """dy as (T, B, H)."""
    if not tape._return_sequences:
        raise ValueError(f"{function}: dy must be None after return_sequences=False; got {type(dy).__name__}. Pass dh")
    gradient = _arrays.numbers(function, "dy", dy, tape._y.dtype)
    steps, batch, units = tape._y.shape
    if tape._batch_first:
        _checks.shape(function, "dy", "(B, T, H)", (batch, steps, units), gradient.shape)
        return gradient.swapaxes(0, 1)
    _checks.shape(function, "dy", "(T, B, H)", (steps, batch, units), gradient.shape)
    return gradient


def _targets(function: str, tape: Tape, into: Any, gradients: tuple[Array | None, ...]) -> _arrays.Targets:
    """The arrays of `into`, which dW, dU and, where there is a bias, db are added to."""
    _checks.into(function, ("dW", "dU", "db"), into, tape._b is not None)
    (W, U), b = tape._weights, tape._b
    columns = "H" if GATES[tape._cell] == 1 else f"{GATES[tape._cell]}*H"
    names, symbols, shapes = ["dW", "dU"], [f"(I, {columns})", f"(H, {columns})"], [W.shape, U.shape]
    if b is not None:
        names.append("db")
        symbols.append(f"({columns},)" if b.ndim == 1 else f"(2, {columns})")
        shapes.append(b.shape)
    reads = (tape._x, W, U, tape._y, tape._real, *tape._initial, *gradients)
    return _arrays.Targets(function, names, into[: len(names)], symbols, shapes, tape._y.dtype, reads)
