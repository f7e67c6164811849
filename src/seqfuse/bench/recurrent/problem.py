"""Inputs of the recurrent benchmark, their expected results, and the gate orders of the peers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from seqfuse import _cells, reference
from seqfuse.bench.case import Array, Results, Work
from seqfuse.bench.recurrent.shapes import GATES, Cell, Shape, flops

STEPS = 3  # number of steps after which a stream is validated
KINKED = ("relu", "leaky_relu", "hard_sigmoid")  # activations with a kink


class Problem(NamedTuple):
    """A cell with inputs, weights and the gradient of its output, all float32.

    Attributes
    ----------
    cell : str
        Name of the cell.
    shape : Shape
        T, B, I and H.
    x : ndarray, shape (T, B, I)
        Inputs.
    W : ndarray, shape (I, G*H)
        Input weights of the G gates.
    U : ndarray, shape (H, G*H), or None
        Recurrent weights. (H,) for IndRNN, whose units are recurrent only with themselves; None for minGRU.
    b : ndarray, shape (G*H,)
        Bias; (2, 3*H) for the GRU, as in every peer.
    dy : ndarray, shape (T, B, H)
        Gradient of the output.
    options : dict
        Additional arguments of the call.
    """

    cell: Cell
    shape: Shape
    x: Array
    W: Array
    U: Array | None
    b: Array
    dy: Array
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def weights(self) -> tuple[Array, ...]:
        """The arguments after x: W, U and b, or W and b if the cell has no U."""
        return (self.W, self.b) if self.U is None else (self.W, self.U, self.b)

    @property
    def kinked(self) -> bool:
        """Whether an activation has a kink, or values are clipped."""
        defaults = {name: activation.name for name, activation in _cells.CELLS[self.cell].activations.items()}
        return "clip" in self.options or any(self.options.get(name, defaults[name]) in KINKED for name in defaults)

    def calls(self, work: Work) -> int:
        """Return the number of calls before validation: STEPS for a stream, which keeps its state, otherwise 1."""
        return STEPS if work == "step" else 1

    def amount(self, work: Work) -> int:
        """Return the floating-point operations of the matrix products at valid steps."""
        T, B, _, _ = self.shape
        valid = np.ones((T, B), bool)
        if "lengths" in self.options:
            valid &= np.arange(T)[:, None] < self.options["lengths"]
        if "mask" in self.options:
            valid &= self.options["mask"]
        return flops(self.cell, work, self.shape, int(np.count_nonzero(valid)))

    def expected(self, work: Work) -> Results:
        """Return the results, computed by `seqfuse.reference` in float64."""
        x, dy = self.x.astype(np.float64), self.dy.astype(np.float64)
        weights = [a.astype(np.float64) for a in self.weights]
        if work == "step":
            x = np.repeat(x, STEPS, axis=0)
        if work == "forward+backward":
            out, tape = getattr(reference, f"{self.cell}_forward")(x, *weights, **self.options)
            return training_results(out, getattr(reference, f"{self.cell}_backward")(tape, dy))
        out = getattr(reference, self.cell)(x, *weights, **self.options)
        return {"h": out.h} if work == "step" else {"y": out.y, "h": out.h}


def make(cell: Cell, shape: Shape) -> Problem:
    """Return a problem with weights that are uniform as in PyTorch. It is the same in every call."""
    T, B, I, H = shape
    random = np.random.default_rng(0)
    columns = GATES[cell] * H

    def weights(*dims: int) -> Array:
        values: Array = random.uniform(-1, 1, dims) / np.sqrt(H)
        return values.astype(np.float32)

    x = random.standard_normal((T, B, I)).astype(np.float32)
    dy = random.standard_normal((T, B, H)).astype(np.float32)
    b = weights(2, columns) if cell == "gru" else weights(columns)
    W = weights(I, columns)
    U_shape = _cells.CELLS[cell].shape_of_U(H)
    return Problem(cell, shape, x, W, None if U_shape is None else weights(*U_shape), b, dy)


def to_peer(peer: str, cell: Cell, a: Array) -> Array:
    """Return an array (..., G*H) with its gates in the order of a peer."""
    return a[..., np.argsort(_cells.CELLS[cell].columns_from(peer, a.shape[-1] // GATES[cell]))]


def from_peer(peer: str, cell: Cell, a: Array) -> Array:
    """Return an array (..., G*H) of a peer with its gates in the order of seqfuse."""
    return a[..., _cells.CELLS[cell].columns_from(peer, a.shape[-1] // GATES[cell])]


def training_results(out: Any, grads: Any) -> Results:
    """Return what is validated after forward and backward: y, and the gradients that every contender computes."""
    results = {"y": out.y} | {name: getattr(grads, name, None) for name in ("dx", "dW", "dU", "dpeephole")}
    return {name: a for name, a in results.items() if a is not None}
