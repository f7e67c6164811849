"""A cell over a sequence, forward and backward: the walk over time that `rnn`, `lstm` and `gru` share.

A step is taken by the rows that are real there and by no other: they are selected, not multiplied by 0, so that
nothing in the padding, NaN included, reaches anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array, Cell, States, Weights
from seqfuse.reference.accumulate import accumulate
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class RecurrentTape:
    """What the backward of a recurrent cell reads; opaque, refers to the arguments of the forward."""

    cell: Cell
    options: dict[str, Any]
    x: Array  # (T, B, I)
    weights: Weights
    bias_shape: tuple[int, ...] | None  # of b as it was given
    steps: list[tuple[int, Array, States, States]]  # as read: t, the real rows, their states before it, saved
    batch_first: bool


def real_steps(
    T: int, B: int, lengths: npt.ArrayLike | None, mask: npt.ArrayLike | None, batch_first: bool
) -> npt.NDArray[np.bool_]:
    """Which steps are real, (T, B): those where `lengths` and `mask` both say so.

    Examples
    --------
    >>> real_steps(3, 2, [1, 3], None, False).astype(int)
    array([[1, 1],
           [0, 1],
           [0, 1]])
    """
    real = np.ones((T, B), dtype=bool)
    if lengths is not None:
        real &= np.arange(T)[:, None] < np.asarray(lengths)
    if mask is not None:
        real &= np.asarray(mask).T if batch_first else np.asarray(mask)
    return real


def recurrent_forward(
    cell: Cell,
    x: npt.ArrayLike,
    W: npt.ArrayLike,
    U: npt.ArrayLike,
    b: npt.ArrayLike | None,
    initial: tuple[npt.ArrayLike | None, ...],
    *,
    lengths: npt.ArrayLike | None,
    mask: npt.ArrayLike | None,
    reverse: bool,
    batch_first: bool,
    **options: Any,
) -> tuple[Array, States, RecurrentTape]:
    """Every step's output, the final states, and the tape."""
    dtype = computed_dtype(x, W, U, b)
    x, W, U = (np.asarray(a, dtype) for a in (x, W, U))
    x = x.swapaxes(0, 1) if batch_first else x
    bias = np.zeros(W.shape[1:], dtype) if b is None else np.asarray(b, dtype)
    bx, bh = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    weights = Weights(W, U, bx, bh)

    (T, B, _), H = x.shape, U.shape[0]
    real = real_steps(T, B, lengths, mask, batch_first)
    states = tuple(np.zeros((B, H), dtype) if s is None else np.array(s, dtype) for s in initial)
    y = np.zeros((T, B, H), dtype)
    steps = []
    for t in reversed(range(T)) if reverse else range(T):
        rows = np.flatnonzero(real[t])
        before = tuple(s[rows] for s in states)
        after, saved = cell.forward(x[t, rows], before, weights, **options)
        y[t, rows] = after[0]
        for s, new in zip(states, after, strict=True):
            s[rows] = new
        steps.append((t, rows, before, saved))
    tape = RecurrentTape(cell, options, x, weights, None if b is None else bias.shape, steps, batch_first)
    return y.swapaxes(0, 1) if batch_first else y, states, tape


def recurrent_backward(
    tape: RecurrentTape,
    dy: npt.ArrayLike | None,
    dfinal: tuple[npt.ArrayLike | None, ...],
    *,
    need_dx: bool,
    into: tuple[Array, Array, Array | None] | None,
) -> tuple[Any, ...]:
    """dx, dW, dU, db, and the gradient of each initial state."""
    x, weights = tape.x, tape.weights
    dtype, (T, B, _), H = x.dtype, x.shape, weights.U.shape[0]
    if dy is None:
        dy = np.zeros((T, B, H), dtype)
    else:
        dy = np.asarray(dy, dtype).swapaxes(0, 1) if tape.batch_first else np.asarray(dy, dtype)
    dstates = tuple(np.zeros((B, H), dtype) if d is None else np.array(d, dtype) for d in dfinal)
    dx = np.zeros_like(x)
    sums = Weights(*(np.zeros_like(w) for w in weights))
    for t, rows, before, saved in reversed(tape.steps):
        dh, *others = (d[rows] for d in dstates)
        dafter = (dh + dy[t, rows], *others)
        dx[t, rows], dbefore, dweights = tape.cell.backward(x[t, rows], before, weights, saved, dafter, **tape.options)
        for d, new in zip(dstates, dbefore, strict=True):
            d[rows] = new
        for total, part in zip(sums, dweights, strict=True):
            total += part
    dW, dU, dbx, dbh = sums
    db = None if tape.bias_shape is None else dbx if len(tape.bias_shape) == 1 else np.stack([dbx, dbh])
    dx = dx.swapaxes(0, 1) if tape.batch_first else dx
    return (dx if need_dx else None, *accumulate(into, (dW, dU, db)), *dstates)
