"""Shapes and kinds of calls of the recurrent benchmark, and their numbers of operations."""

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
    """Time steps T, batch size B, input features I, hidden units H."""

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
    """Return the shape of one step with batch size 1 and I = H = `size`."""
    return Shape(1, 1, size, size)


def flops(cell: Cell, work: Work, shape: Shape, valid: int | None = None) -> int:
    """Return the floating-point operations of the products with W and U; a multiply-add counts as two.

    Forward has 2 T B (I G H + H G H) operations. The U of an IndRNN has only H entries instead of H G H; a minGRU has
    no U. Backward has twice as many as forward: one product for dx and dh, one for dW and dU. If `valid` is given, it
    is the number of valid steps of all rows together and replaces T B.

    Examples
    --------
    >>> flops("lstm", "forward", Shape(100, 32, 128, 256))
    2516582400
    """
    T, B, I, H = shape
    weights = I * GATES[cell] * H + math.prod(_cells.CELLS[cell].shape_of_U(H) or (0,))
    forward = 2 * (T * B if valid is None else valid) * weights
    return 3 * forward if work == "forward+backward" else forward
