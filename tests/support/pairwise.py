"""Pairwise combinations of options: any two values of different options occur together in at least one row.

`rows(a=[1, 2], b="xyz", c=[False, True])` are 6 rows (a, b, c) instead of 12. `pairwise` parametrizes a test with
them. `settings` combines options that may also be absent.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DEFAULT = object()  # instead of a value: the option is absent


def rows(*, fits: Callable[[dict[str, Any]], bool] | None = None, **options: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return rows of one value per option, in which every two values of different options occur together.

    Each row begins with the first missing pair. Each further option gets the value that forms most missing pairs with
    the row, and among equals the one used least often. `fits` returns whether values may be combined. The first value
    of each option must fit all others.
    """
    names, values = list(options), [list(chosen) for chosen in options.values()]
    places = range(len(values))
    if len(values) == 1:
        return [(value,) for value in values[0]]

    def possible(row: dict[int, int]) -> bool:
        return fits is None or fits({names[i]: values[i][a] for i, a in row.items()})

    missing = {
        ((i, a), (j, b)): None
        for i, j in combinations(places, 2)
        for a in range(len(values[i]))
        for b in range(len(values[j]))
        if possible({i: a, j: b})
    }
    taken = {(i, a): 0 for i in places for a in range(len(values[i]))}

    def gain(row: dict[int, int], place: tuple[int, int]) -> tuple[int, int]:
        meets = sum((min(place, other), max(place, other)) in missing for other in row.items())
        return meets, -taken[place]

    found = []
    while missing:
        row = dict(next(iter(missing)))
        for i in places:
            if i not in row:
                left = [a for a in range(len(values[i])) if possible({**row, i: a})]
                row[i] = max(left, key=lambda a: gain(row, (i, a)))
        for pair in combinations(sorted(row.items()), 2):
            missing.pop(pair, None)
        for place in row.items():
            taken[place] += 1
        found.append(tuple(values[i][row[i]] for i in places))
    return found


def pairwise(**options: Iterable[Any]) -> pytest.MarkDecorator:
    """Return the mark that parametrizes a test with the rows."""
    return pytest.mark.parametrize(tuple(options), rows(**options))


def settings(
    options: dict[str, Iterable[Any]],
    make: Callable[[str, Any], Any],
    fits: Callable[[tuple[Any, ...]], bool] = lambda chosen: True,
) -> list[Any]:
    """Return params of tuples of `make(option, value)`, with all pairs of values, which may be absent."""

    def made(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(make(option, value) for option, value in row.items() if value is not DEFAULT)

    found = rows(fits=lambda row: fits(made(row)), **{name: [DEFAULT, *values] for name, values in options.items()})
    chosen = [made(dict(zip(options, row))) for row in found]
    return [pytest.param(one, id="-".join(map(str, one)) or "plain") for one in chosen]


def pairs_of_product(chosen_values: list[dict[str, Any]]) -> list[int]:
    """Return indices of combinations that contain every pair of values that occurs in `chosen_values`.

    A combination has one value index per parameter. Combinations with most new pairs are chosen first.
    """
    pairs = [set(combinations(sorted(each.items(), key=lambda item: item[0]), 2)) for each in chosen_values]
    missing = set().union(*pairs)
    if not missing:
        return list(range(len(chosen_values)))
    chosen: set[int] = set()
    for gain in range(max(map(len, pairs)), 0, -1):
        for place, each in enumerate(pairs):
            if place not in chosen and len(each & missing) >= gain:
                chosen.add(place)
                missing -= each
    return sorted(chosen)


def meetings(options: dict[str, Any]) -> list[tuple[tuple[str, Any], tuple[str, Any]]]:
    """Return pairs of (option, value), in which any two options occur together, and each value at least once."""
    return [
        ((a, a_values[i % len(a_values)]), (b, b_values[i % len(b_values)]))
        for (a, a_values), (b, b_values) in combinations(((name, list(v)) for name, v in options.items()), 2)
        for i in range(max(len(a_values), len(b_values)))
    ]
