"""Configuration of all tests: pairwise parametrization, one worker for `serial` tests, sleeping threads."""

from __future__ import annotations

import os
from itertools import groupby

import pytest
from support.pairwise import pairs_of_product

# Tests ask for more threads than there may be cores, also while others use them. OpenMP's threads would spin for
# milliseconds at the end of every region, in which nobody else can run. It reads this when it is loaded, later.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

pytest.register_assert_rewrite("support.accuracy", "support.cases")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--product", action="store_true", help="run every combination of stacked parameters, not their pairs"
    )
    parser.addoption("--about", type=int, metavar="N", help="run about N of the tests, evenly spread")


def pytest_configure(config: pytest.Config) -> None:
    if about := config.getoption("--about"):
        config.pluginmanager.register(Spread(about))


class Spread:
    """Leaves about so many tests, evenly spread over those that marks and names have left."""

    def __init__(self, about: int) -> None:
        self.about = about

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        every = max(1, round(len(items) / self.about))
        config.hook.pytest_deselected(items=[item for place, item in enumerate(items) if place % every])
        items[:] = items[::every]


def values(item: pytest.Item) -> dict[str, tuple[int, ...]]:
    """Return which value each parametrization of a test has: the identities of its objects."""
    parameters = item.callspec.params  # type: ignore[attr-defined]
    stack = [mark.args[0] for mark in item.iter_markers("parametrize")]
    names = [n.replace(" ", "").split(",") if isinstance(n, str) else n for n in stack]
    return {",".join(together): tuple(id(parameters[name]) for name in together) for together in names}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep, of stacked parametrizations, combinations in which any two values of different parameters meet."""
    kept: list[pytest.Item] = []
    for _, group in groupby(items, key=lambda item: (item.path, getattr(item, "originalname", item.name))):
        combinations = list(group)
        whole = config.getoption("--product") or len(combinations) == 1
        places = range(len(combinations)) if whole else pairs_of_product([values(item) for item in combinations])
        kept += [combinations[place] for place in places]
    chosen = set(map(id, kept))
    if left_out := [item for item in items if id(item) not in chosen]:
        config.hook.pytest_deselected(items=left_out)
    for item in kept:
        if item.get_closest_marker("serial"):
            item.add_marker(pytest.mark.xdist_group("serial"))
    items[:] = kept
