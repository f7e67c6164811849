"""What the recurrent cells share: arguments become one kernel call, and its tape another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels, Recurrent
    from seqfuse.functional._form import Form, Options
    from seqfuse.functional._tape import Tape

# As a caller gives them. Plain tuples: they are made at every call.
Weights: TypeAlias = tuple[Any, Any, Any]  # W, U, b
States: TypeAlias = tuple[Any, Any]  # h0, c0
# lengths, mask, reverse, batch_first, return_sequences, recurrent_mask
Reading: TypeAlias = tuple[Any, Any, Any, Any, Any, Any]


def forward(
    function: str,
    form: Form,
    options: Options | None,
    x: Any,
    weights: Weights,
    initial: States,
    reading: Reading,
    kind: type[Tape] | None = None,
    checkpoint: Any = None,
) -> tuple[Any, Array, Any, Any]:
    """y or None, h, c or None, and a tape of the kind that is asked for or None."""
    W, U, b = weights
    lengths, mask, reverse, batch_first, return_sequences, recurrent_mask = reading
    if form.has_U:
        x, W, U, b = _arrays.widest(function, ("x", "W", "U"), (x, W, U), b)
    else:
        x, W, b = _arrays.widest(function, ("x", "W"), (x, W), b)
    x, reverse, batch_first, return_sequences = _checks.inputs(function, x, reverse, batch_first, return_sequences)
    steps, batch, features = x.shape
    units = form.units(function, form.gates, features, W, U, b)
    if options is not None and options.peephole is not None:
        options = options._replace(peephole=_checks.peephole(function, options.peephole, units, x.dtype))
    every = 0
    if checkpoint is not None:
        every = min(_checks.integer(function, "checkpoint", checkpoint, 1), max(steps, 1))
    keep = kind is not None
    h0, c0, real, recurrent_mask, y, h, c = _sequence(
        function, form, x, units, initial, lengths, mask, batch_first, recurrent_mask,
        return_sequences or (keep and not every),
    )  # fmt: skip
    kernels: Kernels = _backend.kernels
    bx, bh = halves(b)
    saved = None
    if steps and batch:
        saved = kernels.recurrent_forward(
            form.kernel, W, U, bx, bh, form.candidate, options, x, h0, c0, real, recurrent_mask, reverse,
            y, h, c, keep, every, _threads.current(),
        )  # fmt: skip
    else:
        _stay(h, h0, c, c0)
    tape = None
    if kind is not None:
        # Copies of what a caller may write before the backward: states are carried on, a mask is drawn anew.
        arguments = (
            form.kernel, W, U, bx, bh, form.candidate, options, x, None if h0 is None else h0.copy(),
            None if c0 is None else c0.copy(), real, None if recurrent_mask is None else recurrent_mask.copy(), reverse,
        )  # fmt: skip
        tape = kind(
            kernels, form, options, arguments, x, (W, U, b), None if every else y, saved, every, (steps, batch, units),
            batch_first, return_sequences,
        )  # fmt: skip
    if batch_first and y is not None:
        y = y.swapaxes(0, 1)
    return y if return_sequences else None, h, c, tape


def forward_packed(
    function: str,
    form: Form,
    packed: Recurrent,
    features: int,
    units: int,
    dtype: np.dtype[Any],
    x: Any,
    initial: States,
    reading: Reading,
) -> tuple[Any, Array, Any]:
    """As `forward`, with weights that are packed already."""
    lengths, mask, reverse, batch_first, return_sequences, recurrent_mask = reading
    x = packed_input(function, x, dtype)
    x, reverse, batch_first, return_sequences = _checks.inputs(function, x, reverse, batch_first, return_sequences)
    steps, batch, given = x.shape
    if given != features:
        _checks.shape(function, "x", "(T, B, I)", (steps, batch, features), x.shape)
    h0, c0, real, recurrent_mask, y, h, c = _sequence(
        function, form, x, units, initial, lengths, mask, batch_first, recurrent_mask, return_sequences
    )
    if steps and batch:
        packed.forward(x, h0, c0, real, recurrent_mask, reverse, y, h, c, _threads.current())
    else:
        _stay(h, h0, c, c0)
    return y.swapaxes(0, 1) if batch_first and return_sequences else y, h, c


def packed_input(function: str, x: Any, dtype: np.dtype[Any]) -> Array:
    """x in the type of packed weights, which is not to lose what x holds."""
    needed = "no wider than the packed weights, float32"
    return _arrays.no_wider(function, "x", x, dtype, needed, "Pass x as float32, or pack weights of float64")


def _sequence(
    function: str,
    form: Form,
    x: Array,
    units: int,
    initial: States,
    lengths: Any,
    mask: Any,
    batch_first: bool,
    recurrent_mask: Any,
    need_y: bool,
) -> tuple[Any, Any, Array | None, Any, Any, Array, Array | None]:
    """h0, c0, real and recurrent_mask, checked, and memory for y (T, B, H), h and c."""
    steps, batch, _ = x.shape
    if not 0 < steps * batch * units <= _checks.MOST_ELEMENTS:
        _checks.sizes(function, "y (T, B, H)", steps, batch, units)
    dtype = x.dtype
    h0, c0 = initial
    if h0 is not None:
        h0 = _checks.state(function, "h0", h0, batch, units, dtype, form.has_c)
    if c0 is not None:
        if not form.has_c:
            raise ValueError(f"{function}: c0 must be None, {form.cell} has no such state; got {type(c0).__name__}")
        c0 = _checks.state(function, "c0", c0, batch, units, dtype)
    real = None
    if lengths is not None or mask is not None:
        real = _checks.real_steps(function, lengths, mask, steps, batch, batch_first)
    if recurrent_mask is not None:
        if not form.has_U:
            got = f"{form.cell} has no U that h_prev enters; got {type(recurrent_mask).__name__}"
            raise ValueError(f"{function}: recurrent_mask must be None, {got}")
        recurrent_mask = _checks.recurrent_mask(function, recurrent_mask, batch, units, dtype)
    y = None
    if need_y and batch_first:
        y = np.empty((batch, steps, units), dtype).swapaxes(0, 1)
    elif need_y:
        y = np.empty((steps, batch, units), dtype)
    h = np.empty((batch, units), dtype)
    return h0, c0, real, recurrent_mask, y, h, np.empty((batch, units), dtype) if form.has_c else None


def halves(b: Array | None) -> tuple[Array | None, Array | None]:
    """The part of the bias that joins x W, and the one that joins h U."""
    return (b, None) if b is None or b.ndim == 1 else (b[0], b[1])


def _stay(h: Array, h0: Array | None, c: Array | None, c0: Array | None) -> None:
    """Without a step, the final state is the initial one."""
    h[...] = 0 if h0 is None else h0
    if c is not None:
        c[...] = 0 if c0 is None else c0


def backward(
    function: str,
    kind: type[Tape],
    tape: Tape,
    dy: Any,
    dh: Any,
    dc: Any,
    need_dx: Any,
    into: Any,
) -> tuple[Any, Array, Any, Any, Array, Any, Any]:
    """dx, dW, dU, db, dh0, dc0, dpeephole; the ones that do not apply are None."""
    if type(tape) is not kind:
        made_by = function.replace("backward", "forward")
        raise TypeError(f"{function}: tape must be what {made_by} returned; got {type(tape).__name__}")
    if type(need_dx) is not bool:
        (need_dx,) = _checks.flags(function, ("need_dx",), (need_dx,))
    x, weights, form, options = tape._x, tape._weights, tape._form, tape._options
    steps, batch, units = tape._size
    dtype = x.dtype
    if dy is not None:
        dy = _output_gradient(function, tape, dy)
    if dh is not None:
        dh = _checks.state(function, "dh", dh, batch, units, dtype)
    if dc is not None:
        dc = _checks.state(function, "dc", dc, batch, units, dtype)
    targets = None
    dW: Any
    dU: Any
    db: Any
    if into is None:
        W, U, b = weights
        dW = np.zeros(W.shape, dtype)
        dU = None if U is None else np.zeros(U.shape, dtype)
        db = None if b is None else np.zeros(b.shape, dtype)
    else:
        targets = _targets(function, tape, into, (dy, dh, dc))
        dW, dU, db = _each(targets.work, weights)
    dpeephole = None if options is None or options.peephole is None else np.zeros((3, units), dtype)

    dx = None
    if need_dx and tape._batch_first:
        dx = np.empty((batch, steps, x.shape[2]), dtype).swapaxes(0, 1)
    elif need_dx:
        dx = np.empty((steps, batch, x.shape[2]), dtype)
    dh0 = np.empty((batch, units), dtype)
    dc0 = np.empty((batch, units), dtype) if form.has_c else None
    if not (steps and batch):
        _stay(dh0, dh, dc0, dc)
    else:
        tape._kernels.recurrent_backward(
            *tape._arguments, tape._y, tape._saved, tape._checkpoint,
            dy, dh, dc, dx, dW, dU, *halves(db), dpeephole, dh0, dc0, targets is not None, _threads.current(),
        )  # fmt: skip
    if targets is not None:  # not reached when Ctrl-C has stopped the kernel, which left `targets.work` as it was
        targets.store()
        dW, dU, db = _each(targets.given, weights)
    return dx.swapaxes(0, 1) if dx is not None and tape._batch_first else dx, dW, dU, db, dh0, dc0, dpeephole


def _each(arrays: tuple[Array, ...], weights: Weights) -> list[Any]:
    """The arrays in the places of the weights that there are, None in those of the others."""
    left = iter(arrays)
    return [None if w is None else next(left) for w in weights]


def _output_gradient(function: str, tape: Tape, dy: Any) -> Array:
    """dy as (T, B, H)."""
    if not tape._return_sequences:
        raise ValueError(f"{function}: dy must be None after return_sequences=False; got {type(dy).__name__}. Pass dh")
    gradient = _arrays.numbers(function, "dy", dy, tape._x.dtype)
    steps, batch, units = tape._size
    if tape._batch_first:
        _checks.shape(function, "dy", "(B, T, H)", (batch, steps, units), gradient.shape)
        return gradient.swapaxes(0, 1)
    _checks.shape(function, "dy", "(T, B, H)", (steps, batch, units), gradient.shape)
    return gradient


def _targets(function: str, tape: Tape, into: Any, gradients: tuple[Array | None, ...]) -> _arrays.Targets:
    """The arrays of `into`, which dW and, where there are such weights, dU and db are added to."""
    if type(into) is _arrays.Kept:
        return into.targets
    form, weights, options = tape._form, tape._weights, tape._options
    b = weights[2]
    names = ("dW", "dU", "db") if form.has_U else ("dW", "db")
    _checks.into(function, names, into, ("db",) if b is None else ())
    of_b = f"({form.columns},)" if b is None or b.ndim == 1 else f"(2, {form.columns})"
    symbols = (*form.symbols, of_b)
    shapes = [w.shape for w in weights if w is not None]
    reads = [a for a in tape._arguments if isinstance(a, np.ndarray)]
    reads += [a for a in (tape._y, options and options.peephole, *gradients) if a is not None]
    return _arrays.Targets(function, names, into[: len(shapes)], symbols, shapes, tape._x.dtype, reads)
