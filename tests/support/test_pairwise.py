"""Rows hold every pair of values, are few, and are the same each time."""

from itertools import combinations

import pytest

from support.pairwise import rows

OPTIONS = [
    {"a": [1, 2, 3]},
    {"a": [1, 2], "b": "xyz"},
    {f"flag{i}": [False, True] for i in range(6)},
    {"loss": range(15), "reduction": range(4), "mask": range(3), "weights": range(6)},
    {"a": [[1], {}], "b": [None, 0.5], "c": ["one"]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
def test_rows_hold_every_pair_once_at_least(options):
    found = rows(**options)
    values = [list(chosen) for chosen in options.values()]
    for i, j in combinations(range(len(values)), 2):
        for a in values[i]:
            for b in values[j]:
                assert any(row[i] == a and row[j] == b for row in found)
    assert all(one in chosen for row in found for one, chosen in zip(row, values, strict=True))
    assert rows(**options) == found


def test_rows_are_few():
    assert [len(rows(**options)) for options in OPTIONS] == [3, 6, 8, 90, 4]
