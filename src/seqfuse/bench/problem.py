"""The numbers that every contender is given, and what the reference makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqfuse import _cells, reference
from seqfuse.bench.shapes import GATES, Cell, Shape, Work

Array = NDArray[Any]
Results = Mapping[str, Array]  # y, h, dx, dW, dU, as the functional API names them; all in our layout

STEPS = 3  # how many steps of a stream are validated

# The largest error, as a share of the largest number, that counts as rounding: float32 stays below 1e-5 here,
# a gate or a step taken for another is out by a tenth and more.
TOLERANCE = 1e-4


class Problem(NamedTuple):
    """A cell with weights, an input and the gradient of its output, float32.

    Attributes
    ----------
    x : (T, B, I)
    W, U : (I, G*H), (H, G*H)
    b : (G*H,); for the GRU (2, 3*H), as every peer has it
    dy : (T, B, H)
    """

    cell: Cell
    shape: Shape
    x: Array
    W: Array
    U: Array
    b: Array
    dy: Array


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
    return Problem(cell, shape, x, weights(I, columns), weights(H, columns), b, dy)


def to_peer(peer: str, cell: Cell, a: Array) -> Array:
    """(..., G*H) with the gates in the order of a peer."""
    return a[..., np.argsort(_cells.CELLS[cell].columns_from(peer, a.shape[-1] // GATES[cell]))]


def from_peer(peer: str, cell: Cell, a: Array) -> Array:
    """(..., G*H) with the gates in our order again."""
    return a[..., _cells.CELLS[cell].columns_from(peer, a.shape[-1] // GATES[cell])]


def expected(problem: Problem, work: Work) -> Results:
    """What the work comes to, computed by `seqfuse.reference` in float64."""
    x, W, U, b, dy = (a.astype(np.float64) for a in problem[2:])
    if work == "step":
        x = np.repeat(x, STEPS, axis=0)
    if work == "forward+backward":
        out, tape = getattr(reference, f"{problem.cell}_forward")(x, W, U, b)
        grads = getattr(reference, f"{problem.cell}_backward")(tape, dy)
        return {"y": out.y, "dx": grads.dx, "dW": grads.dW, "dU": grads.dU}
    out = getattr(reference, problem.cell)(x, W, U, b)
    return {"h": out.h} if work == "step" else {"y": out.y, "h": out.h}


def disagreement(results: Results, wanted: Results) -> str | None:
    """Which of the results is wrong and by how much; None when all are right."""
    for name, right in wanted.items():
        got = results[name]
        if got.shape != right.shape:
            return f"{name} has the shape {got.shape}, not {right.shape}"
        error = float(np.abs(got - right).max(initial=0.0))
        limit = TOLERANCE * float(np.abs(right).max(initial=0.0))
        if not error <= limit:  # catches NaN too
            return f"{name} is out by {error:.2e}; rounding reaches {limit:.2e} at most"
    return None
