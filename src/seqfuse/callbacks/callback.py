"""What a training tells, and whom: `Callback`, to be written by users, `History`, and several as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Logs = dict[str, Any]


class Callback:
    """Methods that `fit`, `evaluate` and `predict` call; override those that you need.

    Attributes
    ----------
    model : Model        the model at work; `model.stop_training = True` ends `fit` after this batch
    params : dict        epochs, steps (None where not known) and verbose

    Notes
    -----
    `logs` of a batch and of an epoch holds the loss and the metrics so far, `val_` ones too at the end of an epoch.

    Examples
    --------
    >>> from seqfuse.callbacks import Callback
    >>> class Tell(Callback):
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
    """Several callbacks as one: `tell("on_epoch_end", epoch, logs)` calls those that do something then."""

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
        self._of: dict[str, list[Any]] = {}

    def tell(self, event: str, *arguments: Any) -> None:
        """Call a method of all that override it; where no logs are given, they are an empty dict, as in Keras."""
        methods = self._of.get(event)
        if len(arguments) < (2 if "epoch" in event or "batch" in event else 1):
            arguments += ({},)
        if methods is None:
            methods = self._of[event] = [getattr(c, event) for c in self._callbacks if _does(c, event)]
        for method in methods:
            method(*arguments)

    def hears(self, event: str) -> bool:
        """Whether somebody does something then."""
        return any(_does(callback, event) for callback in self._callbacks)


def _does(callback: Callback, event: str) -> bool:
    """Whether it has a method of its own for this, by its class or as an attribute."""
    method = getattr(callback, event)
    return getattr(method, "__func__", method) is not getattr(Callback, event)
