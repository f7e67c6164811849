"""What is measured of the recurrent cells: kinds of work, shapes, and how many operations each takes."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

from seqfuse import _cells
from seqfuse.bench.case import Work

Cell: TypeAlias = str  # a name in CELLS

CELLS: tuple[Cell, ...] = tuple(_cells.CELLS)
WORKS: tuple[Work, ...] = ("forward", "forward+backward", "step")
GATES: dict[Cell, int] = {name: len(cell.gates) for name, cell in _cells.CELLS.items()}


class Shape(NamedTuple):
    """Time steps, batch rows, input features, hidden units."""

    T: int
    B: int
    I: int
    H: int


SHAPES = (
    Shape(10, 32, 1, 64),
    Shape(100, 1, 128, 256),
    Shape(200, 8, 64, 128),
    Shape(100, 32, 128, 256),
    Shape(50, 64, 512, 512),
    Shape(50, 128, 256, 1024),
)
STEP_SIZES = (64, 128, 256, 512)  # I = H, batch 1
LENGTHS_SHAPES = (Shape(400, 8, 64, 64), Shape(100, 32, 128, 256))
OPTIONS_SHAPES = (Shape(10, 32, 1, 64), Shape(100, 32, 128, 256))

QUICK_SHAPES = (Shape(10, 32, 1, 64), Shape(20, 8, 64, 128))
QUICK_STEP_SIZES = (64,)
QUICK_LENGTHS_SHAPES = (Shape(40, 8, 64, 64),)
QUICK_OPTIONS_SHAPES = (Shape(10, 32, 1, 64),)


def step_shape(size: int) -> Shape:
    """One step at batch 1 with I = H."""
    return Shape(1, 1, size, size)


def flops(cell: Cell, work: Work, shape: Shape, real: int | None = None) -> int:
    """Floating-point operations of the products with W and U alone, a multiply-add counted as two.

    forward: 2 T B (I G H + H G H); U counts with the H numbers that an IndRNN has of it, or with none of a minGRU;
    backward: twice that again, for dx and dh and for dW and dU. `real` is how many of the T B steps of rows are real.

    Examples
    --------
    >>> flops("lstm", "forward", Shape(100, 32, 128, 256))
    2516582400
    """
    T, B, I, H = shape
    weights = I * GATES[cell] * H + math.prod(_cells.CELLS[cell].shape_of_U(H) or (0,))
    forward = 2 * (T * B if real is None else real) * weights
    return 3 * forward if work == "forward+backward" else forward
