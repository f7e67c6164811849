"""Old public names: each works for one minor version and warns with the new name."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def warn_renamed(old: str, new: str, *, stacklevel: int = 3) -> None:
    """Warn that `old` is now called `new`.

    Parameters
    ----------
    old, new : str
        Full names, as the user writes them.
    stacklevel : int
        Position of the user's code on the stack, counted as in `warnings.warn`.
    """
    warnings.warn(
        f"{old} is deprecated and will be removed in the next minor version. Use {new}",
        DeprecationWarning,
        stacklevel=stacklevel,
    )


def renamed_function(old: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` under its old name, with a warning at every call."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        warn_renamed(old, function.__name__)
        return function(*args, **kwargs)

    call.__name__ = old
    call.__doc__ = f"Call `{function.__name__}`; this is its old name (deprecated)."
    return call


def renamed_method(old: str, new: str) -> Callable[..., Any]:
    """Return a method that calls the method `new` of its object, with a warning at every call."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        kind = type(self).__name__
        warn_renamed(f"{kind}.{old}", f"{kind}.{new}")
        return getattr(self, new)(*args, **kwargs)

    call.__name__ = old
    call.__doc__ = f"Call `{new}`; this is its old name (deprecated)."
    return call
