"""Callback that consists of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from seqfuse import _names
from seqfuse.callbacks.callback import Callback

_EVENTS = tuple(name for name in vars(Callback) if name.startswith("on_"))
_Function: TypeAlias = Callable[..., Any] | None


class LambdaCallback(Callback):
    """Callback whose methods are functions.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable, optional
        Functions of `epoch` and `logs`; see the methods of `Callback`.
    on_train_begin, on_train_end : callable, optional
        Functions of `logs`.
    on_train_batch_begin, on_train_batch_end : callable, optional
        Functions of `batch` and `logs`.
    on_test_begin, on_test_end : callable, optional
        Functions of `logs`.
    on_test_batch_begin, on_test_batch_end : callable, optional
        Functions of `batch` and `logs`.
    on_predict_begin, on_predict_end : callable, optional
        Functions of `logs`.
    on_predict_batch_begin, on_predict_batch_end : callable, optional
        Functions of `batch` and `logs`.
    **unknown : Any
        Any other argument is refused by a TypeError that suggests the nearest name.

    Raises
    ------
    TypeError
        If an argument does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.callbacks import LambdaCallback
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.models import Sequential
    >>> printer = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> model = Sequential([Dense(1, kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> _ = model.fit(np.ones((4, 2)), np.ones(4), callbacks=[printer], verbose=0)
    0 1.0
    """

    def __init__(
        self,
        *,
        on_epoch_begin: _Function = None,
        on_epoch_end: _Function = None,
        on_train_begin: _Function = None,
        on_train_end: _Function = None,
        on_train_batch_begin: _Function = None,
        on_train_batch_end: _Function = None,
        on_test_begin: _Function = None,
        on_test_end: _Function = None,
        on_test_batch_begin: _Function = None,
        on_test_batch_end: _Function = None,
        on_predict_begin: _Function = None,
        on_predict_end: _Function = None,
        on_predict_batch_begin: _Function = None,
        on_predict_batch_end: _Function = None,
        **unknown: Any,
    ) -> None:
        functions = locals()
        for name in unknown:
            raise TypeError(f"LambdaCallback: there is no argument {name!r}{_names.suggestion(name, _EVENTS)}")
        for name in _EVENTS:
            if functions[name] is not None:
                setattr(self, name, functions[name])
