"""The numbers that every contender is given, and what the reference makes of them; the order of a peer's gates."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from seqfuse import _cells, reference
from seqfuse.bench.case import Array, Results, Work
from seqfuse.bench.recurrent.shapes import GATES, Cell, Shape, flops

STEPS = 3  # how many steps of a stream are validated
KINKED = ("relu", "leaky_relu", "hard_sigmoid")  # activations whose slope jumps


class Problem(NamedTuple):
    """A cell with weights, an input and the gradient of its output, float32.

    Attributes
    ----------
    x : (T, B, I)
    W, U : (I, G*H), (H, G*H); U is (H,) where a unit sees itself alone, None where no state enters the gates
    b : (G*H,); for the GRU (2, 3*H), as every peer has it
    dy : (T, B, H)
    options : further arguments of the call
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
        """W, U and b, as far as the cell has them: the arguments after x."""
        return (self.W, self.b) if self.U is None else (self.W, self.U, self.b)

    @property
    def kinked(self) -> bool:
        """Whether a slope jumps somewhere."""
        usual = {name: activation.name for name, activation in _cells.CELLS[self.cell].activations.items()}
        return "clip" in self.options or any(self.options.get(name, usual[name]) in KINKED for name in usual)

    def calls(self, work: Work) -> int:
        """Some steps of a stream, since each goes on from the one before; of the rest one call."""
        return STEPS if work == "step" else 1

    def amount(self, work: Work) -> int:
        """Operations of the products in the steps that are real."""
        T, B, _, _ = self.shape
        real = np.ones((T, B), bool)
        if "lengths" in self.options:
            real &= np.arange(T)[:, None] < self.options["lengths"]
        if "mask" in self.options:
            real &= self.options["mask"]
        return flops(self.cell, work, self.shape, int(np.count_nonzero(real)))

    def expected(self, work: Work) -> Results:
        """What the work comes to, computed by `seqfuse.reference` in float64."""
        x, dy = self.x.astype(np.float64), self.dy.astype(np.float64)
        weights = [a.astype(np.float64) for a in self.weights]
        if work == "step":
            x = np.repeat(x, STEPS, axis=0)
        if work == "forward+backward":
            out, tape = getattr(reference, f"{self.cell}_forward")(x, *weights, **self.options)
            return trained(out, getattr(reference, f"{self.cell}_backward")(tape, dy))
        out = getattr(reference, self.cell)(x, *weights, **self.options)
        return {"h": out.h} if work == "step" else {"y": out.y, "h": out.h}


def make(cell: Cell, shape: Shape) -> Problem:
    """A problem with PyTorch's uniform weights, the same each time."""
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
    of_U = _cells.CELLS[cell].shape_of_U(H)
    return Problem(cell, shape, x, W, None if of_U is None else weights(*of_U), b, dy)


def to_peer(peer: str, cell: Cell, a: Array) -> Array:
    """(..., G*H) with the gates in the order of a peer."""
    return a[..., np.argsort(_cells.CELLS[cell].columns_from(peer, a.shape[-1] // GATES[cell]))]


def from_peer(peer: str, cell: Cell, a: Array) -> Array:
    """(..., G*H) with the gates in our order again."""
    return a[..., _cells.CELLS[cell].columns_from(peer, a.shape[-1] // GATES[cell])]


def trained(out: Any, grads: Any) -> Results:
    """What is compared after forward and backward: the output, and every gradient that the benchmark asks of all."""
    results = {"y": out.y} | {name: getattr(grads, name, None) for name in ("dx", "dW", "dU", "dpeephole")}
    return {name: a for name, a in results.items() if a is not None}
