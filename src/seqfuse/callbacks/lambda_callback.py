"""A callback of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import _names
from seqfuse.callbacks.callback import Callback

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """Functions in the place of methods of `Callback`.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable        of epoch and logs
    on_train_begin, on_train_end : callable        of logs
    on_train_batch_begin, on_train_batch_end : callable        of batch and logs
    **functions        likewise, all other methods of `Callback` by their names

    Raises
    ------
    TypeError        no such method

    Examples
    --------
    >>> from seqfuse.callbacks import LambdaCallback
    >>> tell = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    """

    def __init__(self, **functions: Callable[..., Any] | None) -> None:
        for name, function in functions.items():
            if name not in EVENTS:
                raise TypeError(f"LambdaCallback: there is no argument {name!r}{_names.suggestion(name, EVENTS)}")
            if function is not None:
                setattr(self, name, function)
