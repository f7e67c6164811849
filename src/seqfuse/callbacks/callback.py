"""Base class of the callbacks."""

from __future__ import annotations

from typing import Any

Logs = dict[str, Any]


class Callback:
    """Base class of all callbacks.

    `Model.fit`, `Model.evaluate` and `Model.predict` call its methods. They do nothing here; a subclass overrides those
    that it needs.

    Attributes
    ----------
    model : Model
        The model that runs. ``model.stop_training = True`` ends `fit` after the current batch.
    params : dict
        The numbers of ``epochs`` and ``steps``, and ``verbose``. ``steps`` is None if the number of batches is unknown.

    Notes
    -----
    The `logs` of a batch and of an epoch contain the loss and the metrics, averaged from the start of the epoch. At the
    end of an epoch they also contain the results of the validation, with the prefix ``val_``.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.callbacks import Callback
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.models import Sequential
    >>> class PrintLogs(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, sorted(logs))
    >>> model = Sequential([Dense(1)])
    >>> model.compile("sgd", "mse", metrics=["mae"])
    >>> _ = model.fit(np.ones((4, 2)), np.ones(4), epochs=2, callbacks=[PrintLogs()], verbose=0)
    0 ['loss', 'mae']
    1 ['loss', 'mae']
    """

    model: Any
    params: dict[str, Any]

    def set_model(self, model: Any) -> None:
        """Set the attribute `model`. It is called before all other methods.

        Parameters
        ----------
        model : Model
            The model that runs.
        """
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Set the attribute `params`. It is called before all other methods except `set_model`.

        Parameters
        ----------
        params : dict
            Parameters of the run.
        """
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Handle the start of `fit`, before the first epoch.

        Parameters
        ----------
        logs : dict, optional
            Empty dict.
        """

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Handle the end of `fit`, after the last epoch.

        Parameters
        ----------
        logs : dict, optional
            Loss and metrics of the last epoch.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Handle the start of an epoch.

        Parameters
        ----------
        epoch : int
            Index of the epoch, from 0.
        logs : dict, optional
            Empty dict.
        """

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Handle the end of an epoch, after its validation.

        Parameters
        ----------
        epoch : int
            Index of the epoch, from 0.
        logs : dict, optional
            Loss and metrics of the epoch, and those of its validation with the prefix ``val_``.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the start of an update.

        Parameters
        ----------
        batch : int
            Index of the update in its epoch, from 0.
        logs : dict, optional
            Empty dict.
        """

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the end of an update.

        Parameters
        ----------
        batch : int
            Index of the update in its epoch, from 0.
        logs : dict, optional
            Loss and metrics, averaged from the start of the epoch.
        """

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Handle the start of `evaluate`, or of the validation in `fit`.

        Parameters
        ----------
        logs : dict, optional
            Empty dict.
        """

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Handle the end of `evaluate`, or of the validation in `fit`.

        Parameters
        ----------
        logs : dict, optional
            Loss and metrics of the evaluation.
        """

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the start of a batch of an evaluation.

        Parameters
        ----------
        batch : int
            Index of the batch, from 0.
        logs : dict, optional
            Empty dict.
        """

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the end of a batch of an evaluation.

        Parameters
        ----------
        batch : int
            Index of the batch, from 0.
        logs : dict, optional
            Loss and metrics, averaged from the start of the evaluation.
        """

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Handle the start of `predict`.

        Parameters
        ----------
        logs : dict, optional
            Empty dict.
        """

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Handle the end of `predict`.

        Parameters
        ----------
        logs : dict, optional
            Empty dict.
        """

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the start of a batch of `predict`.

        Parameters
        ----------
        batch : int
            Index of the batch, from 0.
        logs : dict, optional
            Empty dict.
        """

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Handle the end of a batch of `predict`.

        Parameters
        ----------
        batch : int
            Index of the batch, from 0.
        logs : dict, optional
            Outputs of the batch, under the key "outputs".
        """
