"""Test options of the recurrent benchmark."""

import numpy as np
import pytest

from seqfuse.bench.recurrent.options import lengths, variations, with_lengths
from seqfuse.bench.recurrent.problem import make
from seqfuse.bench.recurrent.shapes import CELLS, LENGTHS_SHAPES, Shape

SHAPE = Shape(10, 4, 2, 3)
NAMES = ("tanh", "sigmoid", "relu", "linear", "hard_sigmoid", "softsign", "softplus", "elu", "leaky_relu")
EVERY = {"lengths", "mask", "clip", "checkpoint=sqrt(T)"}
RECURRENT = EVERY | {"recurrent_mask"}
EXPECTED = {  # options, default activation, whether the cell has a recurrent activation
    "rnn": (RECURRENT, "tanh", False),
    "lstm": (RECURRENT | {"peephole"}, "tanh", True),
    "gru": (RECURRENT | {"reset_after=False", "update_gate=candidate"}, "tanh", True),
    "indrnn": (RECURRENT, "relu", False),
    "mingru": (EVERY, "linear", True),
}


@pytest.mark.parametrize("shape", LENGTHS_SHAPES)
def test_lengths_make_60_percent_of_the_steps_valid(shape):
    T, B, _, _ = shape
    found = lengths(shape)
    assert found.shape == (B,)
    assert 1 <= found.min() < found.max() == T
    assert found.sum() / (T * B) == pytest.approx(0.6, abs=0.002)
    assert sorted(found) != list(found)


def test_lengths_are_at_least_1():
    assert lengths(Shape(1, 1, 1, 1)).tolist() == [1]
    assert lengths(Shape(2, 3, 1, 1)).min() == 1


@pytest.mark.parametrize("cell", CELLS)
def test_variations_cover_every_option_except_defaults(cell):
    options, default, gates = EXPECTED[cell]
    expected = options | {f"activation={name}" for name in NAMES if name != default}
    if gates:
        expected |= {f"recurrent_activation={name}" for name in NAMES if name != "sigmoid"}
    found = variations(make(cell, SHAPE))
    assert set(found) == expected
    for name, problem in found.items():
        assert len(problem.options) == 1
        assert name.startswith(tuple(problem.options))


def test_variations_are_the_same_each_time_and_say_what_they_say():
    found, second = variations(make("lstm", SHAPE)), variations(make("lstm", SHAPE))
    for name, problem in found.items():
        (value,), (other,) = problem.options.values(), second[name].options.values()
        np.testing.assert_array_equal(value, other)
    assert found["mask"].options["mask"].shape == SHAPE[:2]
    assert found["checkpoint=sqrt(T)"].options == {"checkpoint": 4}
    assert found["peephole"].options["peephole"].shape == (3, 3)
    assert found["recurrent_mask"].options["recurrent_mask"].dtype == np.float32


def test_operations_are_counted_in_real_steps_alone():
    problem = make("lstm", SHAPE)
    full = problem.amount("forward")
    assert with_lengths(problem).amount("forward") * problem.shape.T * problem.shape.B == full * lengths(SHAPE).sum()
    mask = np.zeros(SHAPE[:2], bool)
    assert problem._replace(options={"mask": mask}).amount("forward") == 0
    assert problem._replace(options={"clip": 1.0}).amount("forward") == full
