"""Shapes of the recurrent benchmark, and the operations that they cost."""

import pytest

from seqfuse.bench.case import Case
from seqfuse.bench.recurrent.shapes import CELLS, SHAPES, Shape, flops, step_shape


@pytest.mark.parametrize(
    ("cell", "gates", "recurrent"),
    [("rnn", 1, 11), ("lstm", 4, 11), ("gru", 3, 11), ("indrnn", 1, 1), ("mingru", 2, 0)],
)
def test_flops_count_two_for_each_weight_step_and_row(cell, gates, recurrent):
    T, B, I, H = shape = Shape(7, 3, 5, 11)
    one = 2 * gates * (I * H + recurrent * H)
    assert flops(cell, "forward", shape) == T * B * one
    assert flops(cell, "forward+backward", shape) == 3 * T * B * one
    assert flops(cell, "forward", shape, real=8) == 8 * one
    assert flops(cell, "step", step_shape(11)) == 2 * gates * 11 * (11 + recurrent)


def test_shapes_are_six_and_print_in_the_glossarys_order():
    assert len(set(SHAPES)) == 6
    assert str(Case("gru", "forward", SHAPES[0], 2)) == "gru forward (10, 32, 1, 64), threads 2"


def test_cells_are_those_of_the_reference():
    from seqfuse import reference

    assert all(hasattr(reference, f"{cell}_backward") for cell in CELLS)
