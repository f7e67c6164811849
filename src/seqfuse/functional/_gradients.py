"""The gradients of a recurrent cell, in new arrays or in arrays of the caller (`into`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.functional._tape import Tape


@dataclass(slots=True, eq=False, repr=False)
class Gradients:
    """One gradient per argument, None without such an argument; the kernels read dW, dU, db and dpeephole by name."""

    dW: Array  # the kernels accumulate into these four
    dU: Any
    db: Any
    dpeephole: Any
    dx: Any = None  # (T, B, I), or (B, T, I) with batch_first; the kernels return dx, dh0 and dc0
    dh0: Any = None  # (B, H), as dc0
    dc0: Any = None


def new_gradients(tape: Tape, targets: _arrays.Targets | None) -> Gradients:
    """Return zeros for the kernels to add to; dW, dU and db are the work arrays of `targets` if given."""
    weights = tape._weights
    dtype = weights.W.dtype
    if targets is None:
        dW: Any = np.zeros(weights.W.shape, dtype)
        dU = None if weights.U is None else np.zeros(weights.U.shape, dtype)
        db = None if weights.b is None else np.zeros(weights.b.shape, dtype)
    else:
        dW, dU, db = in_place_of_weights(targets.work, tape)
    return Gradients(dW, dU, db, None if weights.peephole is None else np.zeros(weights.peephole.shape, dtype))


def in_place_of_weights(arrays: tuple[Array, ...], tape: Tape) -> list[Any]:
    """Return one of `arrays` for each of W, U and b that exists, None for the others."""
    remaining = iter(arrays)
    weights = tape._weights
    return [None if w is None else next(remaining) for w in (weights.W, weights.U, weights.b)]


def check_into(function: str, tape: Tape, into: Any, gradients: tuple[Array | None, ...]) -> _arrays.Targets:
    """Check the arrays of `into`, to which dW and, if there are such weights, dU and db are added."""
    if type(into) is _arrays.CheckedTargets:
        return into.targets
    cell, weights, sequence = tape._cell, tape._weights, tape._sequence
    names = ("dW", "dU", "db") if cell.has_U else ("dW", "db")
    _checks.into(function, names, into, ("db",) if weights.b is None else ())
    b_symbol = f"({cell.columns},)" if weights.b is None or weights.b.ndim == 1 else f"(2, {cell.columns})"
    shapes = [w.shape for w in (weights.W, weights.U, weights.b) if w is not None]
    read = (
        weights.W, weights.U, weights.b, weights.peephole, tape._y,
        sequence.x, sequence.h0, sequence.c0, sequence.valid, sequence.recurrent_mask, *gradients,
    )  # fmt: skip
    symbols = (*cell.symbols, b_symbol)
    return _arrays.Targets(function, names, into[: len(shapes)], symbols, shapes, sequence.x.dtype, read)
