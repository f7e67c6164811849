"""Applies a cell to a sequence, forward and backward. All recurrent cells share this loop over time.

At each step only the valid rows are computed. They are selected, not multiplied by 0, so that no value in the padding,
including NaN, has an effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqfuse._activations import parse
from seqfuse._cells import Array, Cell, States, StepOptions, Weights
from seqfuse.reference.accumulate import accumulate
from seqfuse.reference.dtypes import computed_dtype


class Step(NamedTuple):
    """The values of one step that its backward needs."""

    t: int
    rows: npt.NDArray[np.intp]  # indices of the valid rows
    before: States  # their states before the step
    saved: States  # values saved by Cell.forward: the gates come first
    act: StepOptions


@dataclass(frozen=True)
class RecurrentTape:
    """Tape of a recurrent cell. It refers to the arguments of the forward function."""

    cell: Cell
    x: Array  # (T, B, I)
    weights: Weights
    bias_shape: tuple[int, ...] | None  # of the argument b
    steps: list[Step]  # in processing order
    history: States  # (T, B, H) each: the states after every step
    batch_first: bool

    def states(self) -> dict[str, Array]:
        """Return the states after every step, in the order of `x`. Padding repeats the last states.

        Examples
        --------
        >>> from seqfuse import reference
        >>> out, tape = reference.rnn_forward(np.ones((2, 1, 1)), W=np.ones((1, 1)), U=np.ones((1, 1)), lengths=[1])
        >>> tape.states()["h"].ravel().round(4)
        array([0.7616, 0.7616])
        """
        return {name: self._in_order_of_x(s).copy() for name, s in zip(self.cell.states, self.history, strict=True)}

    def gates(self) -> dict[str, Array]:
        """Return the activated gates of every step, in the order of `x`; 0 at padding.

        Examples
        --------
        >>> from seqfuse import reference
        >>> out, tape = reference.gru_forward(np.ones((2, 1, 1)), W=np.ones((1, 3)), U=np.ones((1, 3)), lengths=[1])
        >>> tape.gates()["z"].ravel().round(4)
        array([0.7311, 0.    ])
        """
        gates = {name: np.zeros_like(self.history[0]) for name in self.cell.gates}
        for step in self.steps:
            for gate, values in zip(gates.values(), step.saved):
                gate[step.t, step.rows] = values
        return {name: self._in_order_of_x(gate) for name, gate in gates.items()}

    def _in_order_of_x(self, a: Array) -> Array:
        """Exchange the first two axes if x is (B, T, I)."""
        return a.swapaxes(0, 1) if self.batch_first else a


def valid_steps(
    T: int, B: int, lengths: npt.ArrayLike | None, mask: npt.ArrayLike | None, batch_first: bool
) -> npt.NDArray[np.bool_]:
    """Return which steps are valid, (T, B): those that are valid by both `lengths` and `mask`.

    Examples
    --------
    >>> valid_steps(3, 2, [1, 3], None, False).astype(int)
    array([[1, 1],
           [0, 1],
           [0, 1]])
    """
    valid = np.ones((T, B), dtype=bool)
    if lengths is not None:
        valid &= np.arange(T)[:, None] < np.asarray(lengths)
    if mask is not None:
        valid &= np.asarray(mask).T if batch_first else np.asarray(mask)
    return valid


def recurrent_forward(
    cell: Cell,
    x: npt.ArrayLike,
    W: npt.ArrayLike,
    U: npt.ArrayLike | None,
    b: npt.ArrayLike | None,
    initial: tuple[npt.ArrayLike | None, ...],
    *,
    lengths: npt.ArrayLike | None,
    mask: npt.ArrayLike | None,
    reverse: bool,
    batch_first: bool,
    peephole: npt.ArrayLike | None = None,
    recurrent_mask: npt.ArrayLike | None = None,
    clip: float | None,
    **options: Any,
) -> tuple[Array, States, RecurrentTape]:
    """Return the output of every step, the final states, and the tape."""
    dtype = computed_dtype(x, W, U, b)
    x, W = np.asarray(x, dtype), np.asarray(W, dtype)
    x = x.swapaxes(0, 1) if batch_first else x
    bias = np.zeros(W.shape[1:], dtype) if b is None else np.asarray(b, dtype)
    bx, bh = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    weights = Weights(W, None if U is None else np.asarray(U, dtype), bx, bh)
    if peephole is not None:
        weights = weights._replace(peephole=np.asarray(peephole, dtype))

    (T, B, _), H = x.shape, W.shape[1] // len(cell.gates)
    act = _step_options(cell, clip, options)
    factors = None if recurrent_mask is None else np.asarray(recurrent_mask, dtype)
    valid = valid_steps(T, B, lengths, mask, batch_first)
    states = tuple(np.zeros((B, H), dtype) if s is None else np.array(s, dtype) for s in initial)
    y = np.zeros((T, B, H), dtype)
    history = tuple(np.empty((T, B, H), dtype) for _ in states)
    steps = []
    for t in reversed(range(T)) if reverse else range(T):
        rows = np.flatnonzero(valid[t])
        before = tuple(s[rows] for s in states)
        act = act if factors is None else act._replace(recurrent_mask=factors[rows])
        after, saved = cell.forward(x[t, rows], before, weights, act)
        y[t, rows] = after[0]
        for s, new, each in zip(states, after, history, strict=True):
            s[rows] = new
            each[t] = s
        steps.append(Step(t, rows, before, saved, act))
    tape = RecurrentTape(cell, x, weights, None if b is None else bias.shape, steps, history, batch_first)
    return y.swapaxes(0, 1) if batch_first else y, states, tape


def _step_options(cell: Cell, clip: float | None, options: dict[str, Any]) -> StepOptions:
    """Convert the options of a call."""
    activations = {name: parse(cell.name, name, options[name]) for name in cell.activations}
    return cell.step_options(**{**options, **activations}, clip=None if clip is None else float(clip))


def recurrent_backward(
    tape: RecurrentTape,
    dy: npt.ArrayLike | None,
    dfinal: tuple[npt.ArrayLike | None, ...],
    *,
    need_dx: bool,
    into: tuple[Array | None, ...] | None,
) -> dict[str, Any]:
    """Return the gradients of all arguments of the cell, by the field names of the result."""
    x, weights, cell = tape.x, tape.weights, tape.cell
    dtype, (T, B, H) = x.dtype, tape.history[0].shape
    if dy is None:
        dy = np.zeros((T, B, H), dtype)
    else:
        dy = np.asarray(dy, dtype).swapaxes(0, 1) if tape.batch_first else np.asarray(dy, dtype)
    dstates = tuple(np.zeros((B, H), dtype) if d is None else np.array(d, dtype) for d in dfinal)
    dx = np.zeros_like(x)
    zeros: list[Any] = [None if w is None else np.zeros_like(w) for w in weights]
    sums = Weights(*zeros)
    for t, rows, before, saved, act in reversed(tape.steps):
        dh, *others = (d[rows] for d in dstates)
        dafter = (dh + dy[t, rows], *others)
        dx[t, rows], dbefore, dweights = cell.backward(x[t, rows], before, weights, saved, dafter, act)
        for d, new in zip(dstates, dbefore, strict=True):
            d[rows] = new
        for total, part in zip(sums, dweights, strict=True):
            if total is not None:
                total += part
    dW, dU, dbx, dbh, dpeephole = sums
    db = None if tape.bias_shape is None else dbx if len(tape.bias_shape) == 1 else np.stack([dbx, dbh])
    dx = dx.swapaxes(0, 1) if tape.batch_first else dx
    parameters = {"dW": dW, "dU": dU, "db": db}
    if cell.recurrence == "none":
        del parameters["dU"]
    added = accumulate(into, tuple(parameters.values()))
    grads = {"dx": dx if need_dx else None, **dict(zip(parameters, added, strict=True))}
    grads |= {f"d{state}0": d for state, d in zip(cell.states, dstates, strict=True)}
    return grads | {"dpeephole": dpeephole} if "peephole" in cell.accepts else grads
