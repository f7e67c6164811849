"""THE equations of the recurrent cells in NumPy: the Python twin of cells.hpp.

A cell is a handful of constants and two functions of one time step, which stand side by side: `forward` takes
the step, `backward` differentiates it and quotes the forward line it differentiates. Neither knows of time,
padding or direction; a driver (`seqfuse.reference.recurrent`) walks the steps.

Shapes, for B rows:
    x (B, I)    states, gates (B, H)    W (I, G*H)    U (H, G*H)    bx, bh (G*H,)
`bx` joins x W and `bh` joins h U. The columns of W, U, bx and bh are blocks of H, one a gate, in the order of
`Cell.gates`. `d` before a name is the gradient of the loss with respect to it, of the same shape.

A new cell is one more entry of `CELLS`; the tests and the benchmark go over that table and `variants`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
States: TypeAlias = tuple[Array, ...]


class Weights(NamedTuple):
    """The parameters of a cell as a step reads them, or their gradients."""

    W: Array  # (I, G*H)
    U: Array  # (H, G*H)
    bx: Array  # (G*H,)  joins x W
    bh: Array  # (G*H,)  joins h U


@dataclass(frozen=True)
class Cell:
    """A recurrent cell: its constants, and the forward and backward of one step."""

    name: str
    gates: tuple[str, ...]  # order of the blocks of H columns in W, U and b
    states: tuple[str, ...]  # what is carried from step to step; the first is the output
    forward: Callable[..., tuple[States, States]]  # (x, states, weights, **options) -> states, saved
    # (x, states, weights, saved, dstates, **options) -> dx, gradients of the states before the step, of the weights
    backward: Callable[..., tuple[Array, States, Weights]]
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # the values of each, the default first
    foreign: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # peer -> our gates in the peer's order

    def columns_from(self, peer: str, H: int) -> npt.NDArray[np.intp]:
        """Columns that bring a peer's parameters into our order: `ours = theirs[..., columns]`.

        Examples
        --------
        >>> CELLS["gru"].columns_from("pytorch", 2)  # PyTorch has r, z, n
        array([2, 3, 0, 1, 4, 5])
        """
        theirs = self.foreign[peer]
        blocks = np.array([theirs.index(gate) for gate in self.gates], dtype=np.intp)
        return (blocks[:, None] * H + np.arange(H)).ravel()


def sigmoid(a: Array) -> Array:
    """1 / (1 + exp(-a)), with no overflow: only exp of what is not positive is taken."""
    e = np.exp(-np.abs(a))
    return np.asarray(np.where(a < 0, e, 1) / (1 + e))


def _blocks(a: Array, gates: int) -> list[Array]:
    return np.split(a, gates, axis=-1)


def _side_by_side(*blocks: Array) -> Array:
    return np.concatenate(blocks, axis=-1)


# ---- RNN (Elman 1990), one gate ------------------------------------------------------------------------------


def _rnn_forward(x: Array, states: States, weights: Weights) -> tuple[States, States]:
    (h,) = states
    W, U, bx, bh = weights
    h_new = np.tanh(bx + bh + x @ W + h @ U)
    return (h_new,), (h_new,)


def _rnn_backward(
    x: Array, states: States, weights: Weights, saved: States, dstates: States
) -> tuple[Array, States, Weights]:
    (h,), (h_new,), (dh_new,) = states, saved, dstates
    W, U, _, _ = weights
    # forward: h_new = tanh(a)
    da = dh_new * (1 - h_new * h_new)
    # forward: a = bx + bh + x W + h U
    db = da.sum(axis=0)
    return da @ W.T, (da @ U.T,), Weights(x.T @ da, h.T @ da, db, db)


# ---- LSTM (Hochreiter and Schmidhuber 1997, forget gate of Gers et al. 2000) ------------------------------------


def _lstm_forward(x: Array, states: States, weights: Weights) -> tuple[States, States]:
    h, c = states
    W, U, bx, bh = weights
    ai, af, ag, ao = _blocks(bx + bh + x @ W + h @ U, 4)
    i, f, g, o = sigmoid(ai), sigmoid(af), np.tanh(ag), sigmoid(ao)
    c_new = f * c + i * g
    k = np.tanh(c_new)
    h_new = o * k
    return (h_new, c_new), (i, f, g, o, k)


def _lstm_backward(
    x: Array, states: States, weights: Weights, saved: States, dstates: States
) -> tuple[Array, States, Weights]:
    (h, c), (i, f, g, o, k), (dh_new, dc_new) = states, saved, dstates
    W, U, _, _ = weights
    # forward: h_new = o * k,  k = tanh(c_new)
    do = dh_new * k
    dc_new = dc_new + dh_new * o * (1 - k * k)
    # forward: c_new = f * c + i * g
    df, dc, di, dg = dc_new * c, dc_new * f, dc_new * g, dc_new * i
    # forward: i, f, g, o = sigmoid(ai), sigmoid(af), tanh(ag), sigmoid(ao)
    da = _side_by_side(di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o))
    # forward: a = bx + bh + x W + h U
    db = da.sum(axis=0)
    return da @ W.T, (da @ U.T, dc), Weights(x.T @ da, h.T @ da, db, db)


# ---- GRU (Cho et al. 2014), both places of the reset and both ways of the update ------------------------------


def _gru_forward(
    x: Array, states: States, weights: Weights, *, reset_after: bool = True, update_gate: str = "previous"
) -> tuple[States, States]:
    (h,) = states
    (Uz, Ur, Un), (bz, br, bn) = _blocks(weights.U, 3), _blocks(weights.bh, 3)
    xz, xr, xn = _blocks(weights.bx + x @ weights.W, 3)
    z = sigmoid(xz + bz + h @ Uz)
    r = sigmoid(xr + br + h @ Ur)
    if reset_after:
        q = bn + h @ Un
        n = np.tanh(xn + r * q)
    else:
        q = r * h
        n = np.tanh(xn + bn + q @ Un)
    h_new = z * h + (1 - z) * n if update_gate == "previous" else (1 - z) * h + z * n
    return (h_new,), (z, r, n, q)


def _gru_backward(
    x: Array,
    states: States,
    weights: Weights,
    saved: States,
    dstates: States,
    *,
    reset_after: bool = True,
    update_gate: str = "previous",
) -> tuple[Array, States, Weights]:
    (h,), (z, r, n, q), (dh_new,) = states, saved, dstates
    Uz, Ur, Un = _blocks(weights.U, 3)
    if update_gate == "previous":
        # forward: h_new = z * h + (1 - z) * n
        dz, dh, dn = dh_new * (h - n), dh_new * z, dh_new * (1 - z)
    else:
        # forward: h_new = (1 - z) * h + z * n
        dz, dh, dn = dh_new * (n - h), dh_new * (1 - z), dh_new * z
    dan = dn * (1 - n * n)
    if reset_after:
        # forward: n = tanh(xn + r * q),  q = bn + h Un
        dr, dbn = dan * q, dan * r
        dh = dh + dbn @ Un.T
        dUn = h.T @ dbn
    else:
        # forward: n = tanh(xn + bn + q Un),  q = r * h
        dq, dbn = dan @ Un.T, dan
        dr = dq * h
        dh = dh + dq * r
        dUn = q.T @ dan
    # forward: z = sigmoid(xz + bz + h Uz),  r = sigmoid(xr + br + h Ur)
    daz, dar = dz * z * (1 - z), dr * r * (1 - r)
    dh = dh + daz @ Uz.T + dar @ Ur.T
    # forward: xz, xr, xn = bx + x W
    da = _side_by_side(daz, dar, dan)
    dbx, dbh = da.sum(axis=0), _side_by_side(daz, dar, dbn).sum(axis=0)
    return da @ weights.W.T, (dh,), Weights(x.T @ da, _side_by_side(h.T @ daz, h.T @ dar, dUn), dbx, dbh)


CELLS: Mapping[str, Cell] = {
    cell.name: cell
    for cell in (
        Cell("rnn", ("h",), ("h",), _rnn_forward, _rnn_backward, foreign={"pytorch": ("h",), "onnx": ("h",)}),
        Cell(
            "lstm",
            ("i", "f", "g", "o"),
            ("h", "c"),
            _lstm_forward,
            _lstm_backward,
            foreign={"pytorch": ("i", "f", "g", "o"), "onnx": ("i", "o", "f", "g")},
        ),
        Cell(
            "gru",
            ("z", "r", "n"),
            ("h",),
            _gru_forward,
            _gru_backward,
            options={"reset_after": (True, False), "update_gate": ("previous", "candidate")},
            foreign={"pytorch": ("r", "z", "n"), "onnx": ("z", "r", "n")},
        ),
    )
}


def variants() -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Every cell with every combination of its options, the default first.

    Examples
    --------
    >>> [(cell.name, *options.values()) for cell, options in variants()][:4]
    [('rnn',), ('lstm',), ('gru', True, 'previous'), ('gru', True, 'candidate')]
    """
    for cell in CELLS.values():
        for values in product(*cell.options.values()):
            yield cell, dict(zip(cell.options, values, strict=True))
