"""Registry of the classes and functions that a saved model may contain. Each package registers its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse._config import Configured

if TYPE_CHECKING:
    from collections.abc import Iterable

BUILT_IN: dict[str, Any] = {}  # by "module.name", such as "layers.Dense"
NAMES: dict[Any, str] = {}  # the reverse: name of each class or function


def register(module: str, entries: Iterable[Any]) -> None:
    """Register the classes and functions of a module. Classes without a configuration are skipped.

    Parameters
    ----------
    module : str
        Full name of the module. The last part is used.
    entries : iterable
        Classes derived from `Configured`, and functions that are used as losses and metrics.
    """
    for entry in entries:
        if isinstance(entry, type) and not issubclass(entry, Configured):
            continue
        if callable(entry):
            name = f"{module.rsplit('.', 1)[-1]}.{entry.__name__}"
            BUILT_IN[name] = entry
            NAMES.setdefault(entry, name)
