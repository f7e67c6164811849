"""The classes and functions that a file may name: each package says which of its own they are, below whoever reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse._config import Configured

if TYPE_CHECKING:
    from collections.abc import Iterable

BUILT_IN: dict[str, Any] = {}  # by module and name: "layers.Dense"
NAMES: dict[Any, str] = {}  # of each its name


def register(module: str, entries: Iterable[Any]) -> None:
    """Let files name classes and functions of a module; what is neither configured nor a function is left out.

    Parameters
    ----------
    module : str        its `__name__`, of which the last part is used
    entries : classes that can be made from their config, and functions that may stand for losses and metrics
    """
    for entry in entries:
        if isinstance(entry, type) and not issubclass(entry, Configured):
            continue
        if callable(entry):
            name = f"{module.rsplit('.', 1)[-1]}.{entry.__name__}"
            BUILT_IN[name] = entry
            NAMES.setdefault(entry, name)
