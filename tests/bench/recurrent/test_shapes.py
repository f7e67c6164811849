"""Test shapes of the recurrent benchmark and their numbers of operations."""

import pytest

from seqfuse.bench.case import Case
from seqfuse.bench.recurrent.shapes import CELLS, SHAPES, Shape, flops, step_shape


@pytest.mark.parametrize(
    ("cell", "gates", "recurrent"),
    [("rnn", 1, 11), ("lstm", 4, 11), ("gru", 3, 11), ("indrnn", 1, 1), ("mingru", 2, 0)],
)
def test_flops_count_two_per_weight_step_and_row(cell, gates, recurrent):
    T, B, I, H = shape = Shape(7, 3, 5, 11)
    per_step = 2 * gates * (I * H + recurrent * H)
    assert flops(cell, "forward", shape) == T * B * per_step
    assert flops(cell, "forward+backward", shape) == 3 * T * B * per_step
    assert flops(cell, "forward", shape, valid=8) == 8 * per_step
    assert flops(cell, "step", step_shape(11)) == 2 * gates * 11 * (11 + recurrent)


def test_shapes_are_distinct_and_print_as_T_B_I_H():
    assert len(set(SHAPES)) == 6
    assert str(Case("gru", "forward", SHAPES[0], 2)) == "gru forward (10, 32, 1, 64), threads 2"


def test_cells_exist_in_the_reference():
    from seqfuse import reference

    assert all(hasattr(reference, f"{cell}_backward") for cell in CELLS)
