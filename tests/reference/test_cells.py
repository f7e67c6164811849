"""Tests of the reference cells: they have the signatures of `functional`, and wrong calls raise TypeError."""

import inspect

import numpy as np
import pytest

from seqfuse import functional, reference
from seqfuse._cells import CELLS

BOTH = [name for name in reference.__all__ if inspect.isfunction(getattr(functional, name, None))]


def parameters(function):
    """Return names, kinds and defaults of all parameters, in order."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def test_every_cell_has_its_three_functions_in_both():
    assert {f"{cell}{way}" for cell in CELLS for way in ("", "_forward", "_backward")} <= {*BOTH}


@pytest.mark.parametrize("name", BOTH)
def test_reference_has_the_signature_of_functional(name):
    assert parameters(getattr(reference, name)) == parameters(getattr(functional, name))


@pytest.mark.parametrize("cell", CELLS)
def test_a_call_without_a_tape_takes_no_checkpoint(cell):
    U = () if CELLS[cell].recurrence == "none" else (np.zeros((1, 1)),)
    with pytest.raises(TypeError, match="checkpoint"):
        getattr(reference, cell)(np.zeros((1, 1, 1)), np.zeros((1, 1)), *U, checkpoint=2)


def test_a_missing_argument_is_named():
    with pytest.raises(TypeError, match="'U'"):
        reference.lstm(np.zeros((1, 1, 1)), np.zeros((1, 4)))


@pytest.mark.parametrize("cell", CELLS)
def test_functions_say_their_names_and_where_the_arguments_are_described(cell):
    for way in ("", "_forward", "_backward"):
        function = getattr(reference, f"{cell}{way}")
        assert function.__name__ == f"{cell}{way}"
        assert f"`seqfuse.functional.{cell}{way}`" in inspect.getdoc(function)
