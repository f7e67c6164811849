"""Settings of the cells and of attention for the tests of the reference: each alone, and pairwise combinations."""

import pytest
from support import attention_cases, multi_head_cases
from support.cases import CELLS, Setting, cell_settings
from support.pairwise import settings

# Two representatives of all activations, which have their own tests: one without and one with a constant.
FUNCTIONS = ("softsign", ("elu", 0.7))


def values_of(cell):
    """Return the values of every option of a cell, by option."""
    values = {argument: list(FUNCTIONS) for argument in cell.activations}
    for option, value in cell_settings(cell):
        if option not in cell.activations:
            values.setdefault(option, []).append(value)
    return values


def alone(cell):
    """Return every option at every value, one at a time."""
    return [Setting(option, value) for option, values in values_of(cell).items() for value in values]


OPTIONS = [pytest.param(c, (s,), id=f"{c.name}-{s}") for c in CELLS.values() for s in alone(c)]
TOGETHER = [
    pytest.param(c, *row.values, id=f"{c.name}-{row.id}")
    for c in CELLS.values()
    for row in settings(values_of(c), Setting)
]
ATTENTION = settings(
    # masks of each kind, and without each axis
    {**attention_cases.VALUES, "mask": ["bool:bhqk", "added:hqk", "-inf:qk", "bool:bk", "added:", "-inf:bhk"]},
    attention_cases.Setting,
    attention_cases.can_be_combined,
)
MULTI_HEAD = settings(multi_head_cases.VALUES, attention_cases.Setting, multi_head_cases.can_be_combined)
