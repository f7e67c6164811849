"""The equations of the recurrent cells in NumPy. cells.hpp contains the same equations in C++.

A cell consists of constants and two functions of one time step: `forward`, and `backward`, whose comments quote the
lines of `forward` that it differentiates. `seqfuse.reference.recurrent` applies them to the steps of a sequence, and
handles padding and direction.

Shapes, for B rows:
    x (B, I)    states, gates, recurrent_mask (B, H)    W (I, G*H)    U (H, G*H)    bx, bh (G*H,)    peephole (3, H)
`bx` is added to x W, and `bh` to h U. The columns of W, U, bx and bh are blocks of H, one per gate, in the order of
`Cell.gates`. A name with the prefix `d` is the gradient of the loss with respect to that array, with the same shape.

The functions of the options (`StepOptions`) in the equations:
    activated(a), recurrent(a)    activation and recurrent_activation of a, which is first clipped to [-clip, clip]
    hm = masked(h)                recurrent_mask * h, which is multiplied by U

To add a cell, add an entry to `CELLS`. The tests and the benchmark use that table and `variants`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seqfuse._activations import LINEAR, RELU, SIGMOID, TANH, Activation

Array: TypeAlias = npt.NDArray[Any]
States: TypeAlias = tuple[Array, ...]


class Weights(NamedTuple):
    """The parameters of a cell, or their gradients."""

    W: Array  # (I, G*H)
    U: Array | Any  # (H, G*H); (H,) if the recurrence is diagonal, None if there is none
    bx: Array  # (G*H,), added to x W
    bh: Array  # (G*H,), added to h U
    peephole: Array | None = None  # (3, H), for the gates i, f, o


class StepOptions(NamedTuple):
    """The options of a call, and the functions that the equations use."""

    activation: Activation = TANH
    recurrent_activation: Activation = SIGMOID
    clip: float | None = None
    recurrent_mask: Array | None = None  # (B, H)
    reset_after: bool = True
    update_gate: str = "previous"

    def activated(self, a: Array) -> Array:
        """Return `activation` of a clipped pre-activation."""
        return self.activation.value(self._clip(a))

    def activation_slope(self, a: Array, y: Array) -> Array:
        """Return dy/da for y = activated(a)."""
        return self._slope_after_clip(a, self.activation.slope(self._clip(a), y))

    def recurrent(self, a: Array) -> Array:
        """Return `recurrent_activation` of a clipped pre-activation."""
        return self.recurrent_activation.value(self._clip(a))

    def recurrent_slope(self, a: Array, y: Array) -> Array:
        """Return dy/da for y = recurrent(a)."""
        return self._slope_after_clip(a, self.recurrent_activation.slope(self._clip(a), y))

    def masked(self, h: Array) -> Array:
        """Multiply h, or the gradient of the product with U, by the recurrent mask."""
        return h if self.recurrent_mask is None else self.recurrent_mask * h

    def _clip(self, a: Array) -> Array:
        return a if self.clip is None else np.clip(a, -self.clip, self.clip)  # keeps NaN

    def _slope_after_clip(self, a: Array, slope: Array) -> Array:
        return slope if self.clip is None else np.where(np.abs(a) > self.clip, 0, slope)


@dataclass(frozen=True)
class Cell:
    """A recurrent cell: its constants, and the forward and backward of one step."""

    name: str
    gates: tuple[str, ...]  # order of the blocks of H columns in W, U and b
    states: tuple[str, ...]  # names of the states; the first is the output
    # (x, states, weights, act) -> new states, saved values for backward: the gates come first
    forward: Callable[..., tuple[States, States]]
    # (x, states, weights, saved, dstates, act) -> dx, gradients of the previous states, gradients of the weights
    backward: Callable[..., tuple[Array, States, Weights]]
    activations: Mapping[str, Activation]  # defaults of activation and, for cells with gates, recurrent_activation
    recurrence: Literal["full", "diagonal", "none"] = "full"  # h U, h * U, or no U
    accepts: tuple[str, ...] = (
        "clip",
        "recurrent_mask",
    )  # the optional arguments among clip, recurrent_mask and peephole
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # values of each option, the default first
    peer_gates: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # library -> the gates in the order of that library

    def step_options(self, **given: Any) -> StepOptions:
        """Return the options of a step. Options that are not given have the defaults of the cell."""
        return StepOptions(**{**self.activations, **given})

    def shape_of_U(self, H: int) -> tuple[int, ...] | None:
        """Return the shape of the recurrent weights, or None if the cell has none.

        Examples
        --------
        >>> CELLS["lstm"].shape_of_U(2), CELLS["indrnn"].shape_of_U(2), CELLS["mingru"].shape_of_U(2)
        ((2, 8), (2,), None)
        """
        return {"full": (H, len(self.gates) * H), "diagonal": (H,), "none": None}[self.recurrence]

    def columns_from(self, peer: str, H: int) -> npt.NDArray[np.intp]:
        """Return the order of columns that converts parameters of another library: `ours = theirs[..., columns]`.

        Examples
        --------
        >>> CELLS["gru"].columns_from("pytorch", 2)  # PyTorch has r, z, n
        array([2, 3, 0, 1, 4, 5])
        """
        theirs = self.peer_gates[peer]
        blocks = np.array([theirs.index(gate) for gate in self.gates], dtype=np.intp)
        return (blocks[:, None] * H + np.arange(H)).ravel()


def _blocks(a: Array, gates: int) -> list[Array]:
    """Split the last axis into one block per gate."""
    return np.split(a, gates, axis=-1)


def _side_by_side(*blocks: Array) -> Array:
    """Concatenate blocks along the last axis."""
    return np.concatenate(blocks, axis=-1)


# ---- RNN (Elman 1990), one gate ------------------------------------------------------------------------------


def _rnn_forward(x: Array, states: States, weights: Weights, act: StepOptions) -> tuple[States, States]:
    (h,) = states
    W, U, bx, bh, _ = weights
    hm = act.masked(h)
    a = bx + bh + x @ W + hm @ U
    h_new = act.activated(a)
    return (h_new,), (h_new, a)


def _rnn_backward(
    x: Array, states: States, weights: Weights, saved: States, dstates: States, act: StepOptions
) -> tuple[Array, States, Weights]:
    (h,), (h_new, a), (dh_new,) = states, saved, dstates
    hm = act.masked(h)
    # forward: h_new = activated(a)
    da = dh_new * act.activation_slope(a, h_new)
    # forward: a = bx + bh + x W + hm U
    db = da.sum(axis=0)
    dh = act.masked(da @ weights.U.T)
    return da @ weights.W.T, (dh,), Weights(x.T @ da, hm.T @ da, db, db)


# ---- IndRNN (Li et al. 2018), one gate, independent units ----------------------------------------


def _indrnn_forward(x: Array, states: States, weights: Weights, act: StepOptions) -> tuple[States, States]:
    (h,) = states
    W, U, bx, bh, _ = weights
    hm = act.masked(h)
    a = bx + bh + x @ W + hm * U
    h_new = act.activated(a)
    return (h_new,), (h_new, a)


def _indrnn_backward(
    x: Array, states: States, weights: Weights, saved: States, dstates: States, act: StepOptions
) -> tuple[Array, States, Weights]:
    (h,), (h_new, a), (dh_new,) = states, saved, dstates
    hm = act.masked(h)
    # forward: h_new = activated(a)
    da = dh_new * act.activation_slope(a, h_new)
    # forward: a = bx + bh + x W + hm * U
    db = da.sum(axis=0)
    dh = act.masked(da * weights.U)
    return da @ weights.W.T, (dh,), Weights(x.T @ da, (hm * da).sum(axis=0), db, db)


# ---- LSTM (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000; peepholes: Gers et al. 2002) ------------


def _lstm_forward(x: Array, states: States, weights: Weights, act: StepOptions) -> tuple[States, States]:
    h, c = states
    W, U, bx, bh, peephole = weights
    ai, af, ag, ao = _blocks(bx + bh + x @ W + act.masked(h) @ U, 4)
    if peephole is not None:
        ai, af = ai + peephole[0] * c, af + peephole[1] * c
    i, f = act.recurrent(ai), act.recurrent(af)
    g = act.activated(ag)
    c_new = f * c + i * g
    if peephole is not None:
        ao = ao + peephole[2] * c_new
    o = act.recurrent(ao)
    k = act.activation.value(c_new)
    h_new = o * k
    return (h_new, c_new), (i, f, g, o, ai, af, ag, ao, c_new, k)


def _lstm_backward(
    x: Array, states: States, weights: Weights, saved: States, dstates: States, act: StepOptions
) -> tuple[Array, States, Weights]:
    (h, c), (i, f, g, o, ai, af, ag, ao, c_new, k), (dh_new, dc_new) = states, saved, dstates
    W, U, _, _, peephole = weights
    # forward: h_new = o * k,  k = activation(c_new),  o = recurrent(ao)
    dao = dh_new * k * act.recurrent_slope(ao, o)
    dc_new = dc_new + dh_new * o * act.activation.slope(c_new, k)
    if peephole is not None:
        # forward: ao = ... + peephole[2] * c_new
        dc_new = dc_new + dao * peephole[2]
    # forward: c_new = f * c + i * g,  i, f, g = recurrent(ai), recurrent(af), activated(ag)
    dc = dc_new * f
    dai = dc_new * g * act.recurrent_slope(ai, i)
    daf = dc_new * c * act.recurrent_slope(af, f)
    dag = dc_new * i * act.activation_slope(ag, g)
    dpeephole = None
    if peephole is not None:
        # forward: ai, af, ao = ... + peephole[0] * c, ... + peephole[1] * c, ... + peephole[2] * c_new
        dc = dc + dai * peephole[0] + daf * peephole[1]
        dpeephole = np.stack([(dai * c).sum(axis=0), (daf * c).sum(axis=0), (dao * c_new).sum(axis=0)])
    # forward: a = bx + bh + x W + hm U
    da = _side_by_side(dai, daf, dag, dao)
    db = da.sum(axis=0)
    dh = act.masked(da @ U.T)
    return da @ W.T, (dh, dc), Weights(x.T @ da, act.masked(h).T @ da, db, db, dpeephole)


# ---- GRU (Cho et al. 2014), reset after or before the product, both update rules ------------------------------


def _gru_forward(x: Array, states: States, weights: Weights, act: StepOptions) -> tuple[States, States]:
    (h,) = states
    (Uz, Ur, Un), (bz, br, bn) = _blocks(weights.U, 3), _blocks(weights.bh, 3)
    xz, xr, xn = _blocks(weights.bx + x @ weights.W, 3)
    hm = act.masked(h)
    az, ar = xz + bz + hm @ Uz, xr + br + hm @ Ur
    z, r = act.recurrent(az), act.recurrent(ar)
    if act.reset_after:
        q = bn + hm @ Un
        an = xn + r * q
    else:
        q = r * hm
        an = xn + bn + q @ Un
    n = act.activated(an)
    h_new = z * h + (1 - z) * n if act.update_gate == "previous" else (1 - z) * h + z * n
    return (h_new,), (z, r, n, az, ar, an, q)


def _gru_backward(
    x: Array, states: States, weights: Weights, saved: States, dstates: States, act: StepOptions
) -> tuple[Array, States, Weights]:
    (h,), (z, r, n, az, ar, an, q), (dh_new,) = states, saved, dstates
    Uz, Ur, Un = _blocks(weights.U, 3)
    hm = act.masked(h)
    if act.update_gate == "previous":
        # forward: h_new = z * h + (1 - z) * n
        dz, dh, dn = dh_new * (h - n), dh_new * z, dh_new * (1 - z)
    else:
        # forward: h_new = (1 - z) * h + z * n
        dz, dh, dn = dh_new * (n - h), dh_new * (1 - z), dh_new * z
    # forward: n = activated(an)
    dan = dn * act.activation_slope(an, n)
    if act.reset_after:
        # forward: an = xn + r * q,  q = bn + hm Un
        dr, dbn = dan * q, dan * r
        dhm = dbn @ Un.T
        dUn = hm.T @ dbn
    else:
        # forward: an = xn + bn + q Un,  q = r * hm
        dq, dbn = dan @ Un.T, dan
        dr = dq * hm
        dhm = dq * r
        dUn = q.T @ dan
    # forward: z, r = recurrent(az), recurrent(ar)
    daz, dar = dz * act.recurrent_slope(az, z), dr * act.recurrent_slope(ar, r)
    # forward: az, ar = xz + bz + hm Uz, xr + br + hm Ur,  hm = masked(h)
    dh = dh + act.masked(dhm + daz @ Uz.T + dar @ Ur.T)
    # forward: xz, xr, xn = bx + x W
    da = _side_by_side(daz, dar, dan)
    dbx, dbh = da.sum(axis=0), _side_by_side(daz, dar, dbn).sum(axis=0)
    return da @ weights.W.T, (dh,), Weights(x.T @ da, _side_by_side(hm.T @ daz, hm.T @ dar, dUn), dbx, dbh)


# ---- minGRU (Feng et al. 2024), gates that depend only on the input -----------------------------------------------


def _mingru_forward(x: Array, states: States, weights: Weights, act: StepOptions) -> tuple[States, States]:
    (h,) = states
    W, _, bx, bh, _ = weights
    az, an = _blocks(bx + bh + x @ W, 2)
    z, n = act.recurrent(az), act.activated(an)
    h_new = (1 - z) * h + z * n
    return (h_new,), (z, n, az, an)


def _mingru_backward(
    x: Array, states: States, weights: Weights, saved: States, dstates: States, act: StepOptions
) -> tuple[Array, States, Weights]:
    (h,), (z, n, az, an), (dh_new,) = states, saved, dstates
    # forward: h_new = (1 - z) * h + z * n
    dz, dh, dn = dh_new * (n - h), dh_new * (1 - z), dh_new * z
    # forward: z, n = recurrent(az), activated(an)
    da = _side_by_side(dz * act.recurrent_slope(az, z), dn * act.activation_slope(an, n))
    # forward: az, an = bx + bh + x W
    db = da.sum(axis=0)
    return da @ weights.W.T, (dh,), Weights(x.T @ da, None, db, db)


_GATED = {"activation": TANH, "recurrent_activation": SIGMOID}

CELLS: Mapping[str, Cell] = {
    cell.name: cell
    for cell in (
        Cell(
            "rnn",
            ("h",),
            ("h",),
            _rnn_forward,
            _rnn_backward,
            {"activation": TANH},
            peer_gates={"pytorch": ("h",), "onnx": ("h",)},
        ),
        Cell(
            "lstm",
            ("i", "f", "g", "o"),
            ("h", "c"),
            _lstm_forward,
            _lstm_backward,
            _GATED,
            accepts=("clip", "recurrent_mask", "peephole"),
            peer_gates={"pytorch": ("i", "f", "g", "o"), "onnx": ("i", "o", "f", "g")},
        ),
        Cell(
            "gru",
            ("z", "r", "n"),
            ("h",),
            _gru_forward,
            _gru_backward,
            _GATED,
            options={"reset_after": (True, False), "update_gate": ("previous", "candidate")},
            peer_gates={"pytorch": ("r", "z", "n"), "onnx": ("z", "r", "n")},
        ),
        Cell("indrnn", ("h",), ("h",), _indrnn_forward, _indrnn_backward, {"activation": RELU}, recurrence="diagonal"),
        Cell(
            "mingru",
            ("z", "n"),
            ("h",),
            _mingru_forward,
            _mingru_backward,
            {**_GATED, "activation": LINEAR},
            recurrence="none",
            accepts=("clip",),
        ),
    )
}


def variants() -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Yield every cell with every combination of its options, the default first.

    Examples
    --------
    >>> [(cell.name, *options.values()) for cell, options in variants()][:4]
    [('rnn',), ('lstm',), ('gru', True, 'previous'), ('gru', True, 'candidate')]
    """
    for cell in CELLS.values():
        for values in product(*cell.options.values()):
            yield cell, dict(zip(cell.options, values, strict=True))
