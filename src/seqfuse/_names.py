"""What has a name: the table that a name is looked up in, and the near one where it is not there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Entry = TypeVar("Entry")


def snake_case(name: str) -> str:
    """A class name as Keras writes it in lower case: `GlorotUniform` is glorot_uniform, `LSTM` is lstm."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", name).lower()


def look_up(function: str, argument: str, name: str, table: Mapping[str, Entry]) -> Entry:
    """The entry of a name, upper and lower case alike; a ValueError that suggests the near one where there is none."""
    entry = table.get(name, table.get(name.lower()))
    if entry is None:
        raise ValueError(f"{function}: {argument} must be {listed(table)}; got {name!r}{suggestion(name, table)}")
    return entry


def listed(names: Iterable[str]) -> str:
    """Names as a message says them: one of "a", "b", "c"."""
    return "one of " + ", ".join(f'"{name}"' for name in names)


def suggestion(name: str, names: Iterable[str]) -> str:
    """Which of the names may have been meant, as a sentence; nothing where none is near."""
    near = nearest(name, names)
    return "" if near is None else f'. Did you mean "{near}"?'


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Which of the names may have been meant; None where none is near."""
    from difflib import get_close_matches  # 2 ms, in an error alone

    return next(iter(get_close_matches(name.lower(), [*names], n=1)), None)
