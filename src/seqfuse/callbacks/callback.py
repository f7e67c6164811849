"""Base class of the callbacks, the history of a training, and a list of callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse._deprecation import renamed_method

if TYPE_CHECKING:
    from collections.abc import Iterable

Logs = dict[str, Any]


class Callback:
    """Base class of the callbacks: methods that `fit`, `evaluate` and `predict` call. Override those that you need.

    Attributes
    ----------
    model : Model
        The model. ``model.stop_training = True`` ends `fit` after the current batch.
    params : dict
        epochs, steps (None if unknown) and verbose.

    Notes
    -----
    The `logs` of a batch or an epoch contain the loss and the metrics so far; at the end of an epoch also those of the
    validation, with the prefix ``val_``.

    Examples
    --------
    >>> from seqfuse.callbacks import Callback
    >>> class PrintLogs(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, sorted(logs))
    """

    model: Any
    params: dict[str, Any]

    def set_model(self, model: Any) -> None:
        """Called before anything else."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before anything else."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch; they are counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before an update."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After an update."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of an evaluation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After `predict`."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of `predict`."""


class History(Callback):
    """What came of each epoch; `fit` returns it, and `model.history` is it, also after Ctrl-C.

    Attributes
    ----------
    history : dict        of the loss and every metric, `val_` ones too: a list with a number an epoch
    epoch : list of int        the epochs, counted from 0
    epochs : dict        the epoch of every number in history: `val_` ones may be of every few
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.epochs: dict[str, list[int]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start again."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the numbers of the epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self.epochs.setdefault(name, []).append(epoch)


class CallbackList:
    """List of callbacks: ``notify("on_epoch_end", epoch, logs)`` calls those that define the method.

    Parameters
    ----------
    callbacks : Callback or iterable of Callback, optional
        The callbacks.
    model : Model
        The model; passed to `Callback.set_model`.
    params : dict
        Parameters of the training; passed to `Callback.set_params`.
    *more : Callback
        Further callbacks.

    Raises
    ------
    TypeError
        If an entry is not a callback.
    """

    def __init__(
        self, callbacks: Iterable[Callback] | Callback | None, model: Any, params: dict[str, Any], *more: Callback
    ) -> None:
        given: list[Any] = [*([callbacks] if isinstance(callbacks, Callback) else callbacks or ()), *more]
        for callback in given:
            if not isinstance(callback, Callback):
                got = type(callback).__name__
                if isinstance(callback, type):
                    got = f"the class {callback.__name__}. Make one: {callback.__name__}()"
                raise TypeError(f"{model.name}: callbacks must be instances of seqfuse.callbacks.Callback; got {got}")
            callback.set_model(model)
            callback.set_params(params)
        self._callbacks = given
        self._methods: dict[str, list[Any]] = {}

    def notify(self, event: str, *arguments: Any) -> None:
        """Call a method of all callbacks that define it.

        Parameters
        ----------
        event : str
            Name of the method.
        *arguments : Any
            Its arguments. Missing logs are an empty dict, as in Keras.
        """
        methods = self._methods.get(event)
        if len(arguments) < (2 if "epoch" in event or "batch" in event else 1):
            arguments += ({},)
        if methods is None:
            methods = self._methods[event] = [getattr(c, event) for c in self._callbacks if _defines(c, event)]
        for method in methods:
            method(*arguments)

    def listens_to(self, event: str) -> bool:
        """Return whether a callback defines a method.

        Parameters
        ----------
        event : str
            Name of the method.

        Returns
        -------
        bool
            True if a callback defines it.
        """
        return any(_defines(callback, event) for callback in self._callbacks)

    tell, hears = renamed_method("tell", "notify"), renamed_method("hears", "listens_to")


def _defines(callback: Callback, event: str) -> bool:
    """Return whether a callback overrides a method, by its class or by an attribute."""
    method = getattr(callback, event)
    return getattr(method, "__func__", method) is not getattr(Callback, event)
