"""Pairwise combinations of options, which stand for their product: two options that disturb each other meet in a row.

rows(a=[1, 2], b="xyz", c=[False, True])    6 rows (a, b, c) instead of 12
pairwise(a=..., b=..., c=...)               the same as `pytest.mark.parametrize(("a", "b", "c"), rows(...))`
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


def rows(**options: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return rows, one value of each option, in which every two values of different options meet.

    Each row begins with the first pair that has not met yet; its other options get, one after the other, the value
    that meets most values of the row for the first time, and of those the value that has been taken least often.
    """
    values = [list(chosen) for chosen in options.values()]
    if len(values) == 1:
        return [(value,) for value in values[0]]
    places = range(len(values))
    missing = {
        ((i, a), (j, b)): None
        for i, j in combinations(places, 2)
        for a in range(len(values[i]))
        for b in range(len(values[j]))
    }
    taken = {(i, a): 0 for i in places for a in range(len(values[i]))}

    def news(row: dict[int, int], place: tuple[int, int]) -> int:
        return sum((min(place, other), max(place, other)) in missing for other in row.items())

    found = []
    while missing:
        row = dict(next(iter(missing)))
        for i in places:
            if i not in row:
                row[i] = max(range(len(values[i])), key=lambda a: (news(row, (i, a)), -taken[i, a]))
        for pair in combinations(sorted(row.items()), 2):
            missing.pop(pair, None)
        for place in row.items():
            taken[place] += 1
        found.append(tuple(values[i][row[i]] for i in places))
    return found


def pairwise(**options: Iterable[Any]) -> pytest.MarkDecorator:
    """Return the mark that parametrizes a test with the rows."""
    return pytest.mark.parametrize(tuple(options), rows(**options))
