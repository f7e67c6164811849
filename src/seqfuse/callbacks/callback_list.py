"""Calls the methods of several callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse._deprecation import renamed_method
from seqfuse.callbacks.callback import Callback

if TYPE_CHECKING:
    from collections.abc import Iterable


class CallbackList:
    """List of callbacks that are called together.

    Parameters
    ----------
    callbacks : Callback or iterable of Callback, or None
        The callbacks, which are called in this order.
    model : Model
        The model, for `Callback.set_model`.
    params : dict
        Parameters of the run, for `Callback.set_params`.
    *more : Callback
        Further callbacks, which are called last.

    Raises
    ------
    TypeError
        If an entry is not an instance of `Callback`.

    Examples
    --------
    >>> from seqfuse.callbacks import CallbackList, LambdaCallback
    >>> from seqfuse.models import Sequential
    >>> printer = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
    >>> callbacks = CallbackList([printer], Sequential(), {"epochs": 1, "steps": None, "verbose": 0})
    >>> callbacks.notify("on_epoch_end", 0, {"loss": 0.5})
    0 {'loss': 0.5}
    >>> callbacks.listens_to("on_epoch_begin")
    False
    """

    def __init__(
        self, callbacks: Iterable[Callback] | Callback | None, model: Any, params: dict[str, Any], *more: Callback
    ) -> None:
        given: list[Any] = [*([callbacks] if isinstance(callbacks, Callback) else callbacks or ()), *more]
        for callback in given:
            if not isinstance(callback, Callback):
                got = type(callback).__name__
                if isinstance(callback, type):
                    got = f"the class {callback.__name__}. Create an instance: {callback.__name__}()"
                raise TypeError(f"{model.name}: callbacks must be instances of seqfuse.callbacks.Callback; got {got}")
            callback.set_model(model)
            callback.set_params(params)
        self._callbacks = given
        self._methods: dict[str, list[Any]] = {}

    def notify(self, event: str, *arguments: Any) -> None:
        """Call a method of all callbacks that override it.

        Parameters
        ----------
        event : str
            Name of the method, such as "on_epoch_end".
        *arguments : Any
            Arguments of the method. If `logs` is omitted, an empty dict is passed, as in Keras.
        """
        methods = self._methods.get(event)
        if len(arguments) < (2 if "epoch" in event or "batch" in event else 1):
            arguments += ({},)
        if methods is None:
            methods = self._methods[event] = [getattr(c, event) for c in self._callbacks if _overrides(c, event)]
        for method in methods:
            method(*arguments)

    def listens_to(self, event: str) -> bool:
        """Return whether a callback overrides a method.

        Parameters
        ----------
        event : str
            Name of the method, such as "on_epoch_end".

        Returns
        -------
        bool
            False if `notify` would call nothing.
        """
        return any(_overrides(callback, event) for callback in self._callbacks)

    tell, hears = renamed_method("tell", "notify"), renamed_method("hears", "listens_to")


def _overrides(callback: Callback, event: str) -> bool:
    """Return whether a callback overrides a method, in its class or by an attribute of the instance."""
    method = getattr(callback, event)
    return getattr(method, "__func__", method) is not getattr(Callback, event)
