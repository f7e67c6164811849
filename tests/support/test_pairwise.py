"""Tests of pairwise rows: they contain every pair of values, are few, and are deterministic."""

from itertools import combinations, product

import pytest

from support.pairwise import meetings, pairs_of_product, rows, settings

OPTIONS = [
    {"a": [1, 2, 3]},
    {"a": [1, 2], "b": "xyz"},
    {f"flag{i}": [False, True] for i in range(6)},
    {"loss": range(15), "reduction": range(4), "mask": range(3), "weights": range(6)},
    {"a": [[1], {}], "b": [None, 0.5], "c": ["one"]},
]


@pytest.mark.parametrize("options", OPTIONS, ids="-".join)
def test_rows_hold_every_pair(options):
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


def test_rows_hold_every_pair_that_fits_and_no_other():
    found = rows(a=[0, 1, 2], b=[0, 1], c=[0, 1], fits=lambda row: row.get("a") != 2 or row.get("b") != 1)
    assert {(a, b) for a, b, _ in found} == {(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)}
    assert {(a, c) for a, _, c in found} == {(a, c) for a in (0, 1, 2) for c in (0, 1)}


def test_settings_leave_out_each_option_too():
    found = settings({"a": [1], "b": [2, 3]}, lambda option, value: f"{option}={value}")
    assert {param.id for param in found} == {"plain", "b=2", "b=3", "a=1", "a=1-b=2", "a=1-b=3"}
    assert {param.values[0] for param in found} == {(), ("b=2",), ("b=3",), ("a=1",), ("a=1", "b=2"), ("a=1", "b=3")}


def test_pairs_of_a_product_meet_and_are_few():
    whole = [dict(zip("abcd", chosen)) for chosen in product(range(5), range(3), range(2), range(2))]
    kept = [whole[place] for place in pairs_of_product(whole)]
    for one, other in combinations("abcd", 2):
        assert {(row[one], row[other]) for row in kept} == {(row[one], row[other]) for row in whole}
    assert len(kept) <= 20


@pytest.mark.parametrize("names", ["", "a"])
def test_combinations_of_fewer_than_two_parameters_are_all_kept(names):
    whole = [dict.fromkeys(names, value) for value in range(4)]
    assert pairs_of_product(whole) == [0, 1, 2, 3]


def test_any_two_options_meet_with_each_of_their_values():
    options = {"a": [1, 2, 3], "b": "xy", "c": [None]}
    found = meetings(options)
    assert {(a, b) for (a, _), (b, _) in found} == set(combinations(options, 2))
    for name, other in combinations(options, 2):
        together = [(one, two) for one, two in found if (one[0], two[0]) == (name, other)]
        assert {value for (_, value), _ in together} == set(options[name])
        assert {value for _, (_, value) in together} == set(options[other])
