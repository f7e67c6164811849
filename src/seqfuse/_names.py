"""Lookup of names in tables, with suggestions for misspelled names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Entry = TypeVar("Entry")


def snake_case(name: str) -> str:
    """Convert a class name to snake case as Keras does: `GlorotUniform` to glorot_uniform, `LSTM` to lstm."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", name).lower()


def look_up(function: str, argument: str, name: str, table: Mapping[str, Entry]) -> Entry:
    """Return the entry of a name. Case is ignored. Raise a ValueError with a suggestion if there is none."""
    entry = table.get(name, table.get(name.lower()))
    if entry is None:
        raise ValueError(f"{function}: {argument} must be {listed(table)}; got {name!r}{suggestion(name, table)}")
    return entry


def listed(names: Iterable[str]) -> str:
    """Return names for a message: one of "a", "b", "c"."""
    return "one of " + ", ".join(f'"{name}"' for name in names)


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return a sentence that suggests the most similar name, or an empty string if none is similar."""
    match = nearest(name, names)
    return "" if match is None else f'. Did you mean "{match}"?'


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the most similar name, or None if none is similar."""
    from difflib import get_close_matches  # 2 ms, needed only for errors

    return next(iter(get_close_matches(name.lower(), [*names], n=1)), None)
