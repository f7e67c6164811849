"""The loops over batches of a model: `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.callbacks import Callback, CallbackList, History
from seqfuse.layers._recurrent import recurrent_layers
from seqfuse.models._batches import ArrayBatches, IterableBatches, is_array_data, split_validation, unpack_batch
from seqfuse.models._chunks import truncated_bptt
from seqfuse.models._progress import Progress
from seqfuse.models._savable_model import SavableModel
from seqfuse.models._training_step import TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from seqfuse.layers._argument_types import Inputs, Outputs
    from seqfuse.models._batches import Batch


class Trainer(SavableModel, TrainingStep):
    """Base class of `Model` with the loops over batches."""

    stop_training = False

    def fit(
        self,
        x: Inputs = None,
        y: Inputs = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Iterable[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Inputs = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        bptt: int | None = None,
    ) -> History:
        """Train the model.

        Parameters
        ----------
        x : array_like, a list or dict of them, or an iterable of batches
            Inputs. A batch of an iterable is ``(x, y)`` or ``(x, y, sample_weight)``.
        y : array_like, or a list or dict of them, optional
            Targets.
        batch_size : int, optional
            Number of samples per update. 32 by default.
        epochs : int, default 1
            Number of passes over the data.
        verbose : {0, 1, 2, "auto"}, default "auto"
            0 prints nothing; 1 shows a bar and prints a line per epoch; 2 prints only the line. "auto" means 1.
        callbacks : Callback or iterable of Callback, optional
            Callbacks; see `seqfuse.callbacks`.
        validation_split : float, default 0.0
            Fraction of the samples, the last ones, that is used for validation and not for training, in [0, 1).
        validation_data : tuple or iterable of batches, optional
            ``(x, y)``, ``(x, y, sample_weight)`` or batches that are evaluated after an epoch.
        shuffle : bool or "batch", default True
            Whether every epoch has a new random order; "batch" shuffles whole batches.
        class_weight : dict, optional
            Weight of the samples of each class.
        sample_weight : array_like, shape (N,) or (N, T), optional
            Weight of each sample, or of each step.
        initial_epoch : int, default 0
            Number of the first epoch, to resume a training.
        steps_per_epoch : int, optional
            Number of batches per epoch. By default an epoch is one pass over the data.
        validation_steps : int, optional
            Number of batches per validation. By default all.
        validation_batch_size : int, optional
            Number of samples per batch of a validation. `batch_size` by default.
        validation_freq : int or sequence of int, default 1
            Validate every N-th epoch, or after the listed epochs, counted from 1.
        bptt : int, optional
            Number of steps per chunk for truncated back-propagation through time. Sequences are cut into chunks, with
            one update per chunk. Recurrent layers carry their states from chunk to chunk and reset them at the next
            batch.

        Returns
        -------
        History
            Loss and metrics of every epoch. It is also `model.history`, which remains valid after Ctrl-C.

        Raises
        ------
        ValueError
            If shapes or numbers of samples do not fit, or an argument is out of range.
        RuntimeError
            If the model is not compiled.

        Examples
        --------
        >>> import numpy as np
        >>> from seqfuse.layers import LSTM, Dense, Input
        >>> from seqfuse.models import Sequential
        >>> model = Sequential([Input((10, 1)), LSTM(4), Dense(1)])
        >>> model.compile(optimizer="adam", loss="mse")
        >>> history = model.fit(np.ones((64, 10, 1)), np.ones((64, 1)), epochs=2, verbose=0)
        >>> len(history.history["loss"])
        2
        """
        verbose = _verbose("fit", verbose)
        epochs = _checks.integer("fit", "epochs", epochs, 0)
        initial_epoch = _checks.integer("fit", "initial_epoch", initial_epoch, 0)
        if isinstance(validation_freq, int):
            _checks.integer("fit", "validation_freq", validation_freq, 1)
        if validation_split and validation_data is None:
            if not is_array_data(x):
                raise ValueError("fit: validation_split must be 0 if x is not arrays. Use validation_data")
            data = self._batch(x, y, sample_weight)
            (x, y, sample_weight), validation_data = split_validation("fit", data, validation_split)
        batches = self._batches("fit", x, y, sample_weight, batch_size, shuffle)
        if not any(self.objective.losses):  # `objective` raises if the model is not compiled
            raise ValueError(f'{self.name}: compile must get a loss before fit; got None. Use for example loss="mse"')
        steps = _steps(batches, steps_per_epoch)
        history = self.history = History()
        events = CallbackList(callbacks, self, {"epochs": epochs, "steps": steps, "verbose": verbose}, history)
        self.stop_training = False
        events.notify("on_train_begin")
        endless = None if steps_per_epoch is None else _endless(batches)
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            events.notify("on_epoch_begin", epoch)
            epoch_batches = batches if endless is None else _first(endless, steps_per_epoch)
            with Progress(f"Epoch {epoch + 1}/{epochs}", steps, verbose) as progress:
                logs = self._train_epoch(epoch_batches, class_weight, bptt, events, progress)
                if validation_data is not None and _validates_after(epoch, validation_freq):
                    size = validation_batch_size or batch_size
                    validated = self._validate(validation_data, size, validation_steps, events)
                    logs |= {f"val_{name}": value for name, value in validated.items()}
                progress.close(logs)
            events.notify("on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        if self._parameters is not None:
            self.optimizer.finalize_variable_values(self._parameters.values)
        events.notify("on_train_end", logs)
        return history

    def _train_epoch(
        self, batches: Iterable[Batch], class_weight: Any, bptt: int | None, events: CallbackList, progress: Progress
    ) -> dict[str, float]:
        """Train for one epoch; return the loss and the metrics."""
        self._reset_metrics()
        notifies = events.listens_to("on_train_batch_begin") or events.listens_to("on_train_batch_end")
        update, parameters = 0, None
        with truncated_bptt(self, bptt) as cut:
            for batch in batches:
                for chunk in cut(batch):
                    if notifies:
                        events.notify("on_train_batch_begin", update)
                    parameters = self._train_step(chunk, parameters, class_weight)
                    if notifies:
                        events.notify("on_train_batch_end", update, self._logs())
                    update += 1
                progress.advance(self._logs)
                if self.stop_training:
                    break
        if not update:
            raise ValueError(
                "fit: x must have at least one batch per epoch; got none. An iterator can be used for one epoch only"
            )
        return self._logs()

    def evaluate(
        self,
        x: Inputs = None,
        y: Inputs = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Inputs = None,
        steps: int | None = None,
        callbacks: Iterable[Callback] | Callback | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and the metrics of the model on data.

        Parameters
        ----------
        x : array_like, a list or dict of them, or an iterable of batches
            Inputs. A batch of an iterable is ``(x, y)`` or ``(x, y, sample_weight)``.
        y : array_like, or a list or dict of them, optional
            Targets.
        batch_size : int, optional
            Number of samples per batch. 32 by default.
        verbose : {0, 1, 2, "auto"}, default "auto"
            0 prints nothing; 1 shows a bar and prints a line; 2 prints only the line. "auto" means 1.
        sample_weight : array_like, shape (N,) or (N, T), optional
            Weight of each sample, or of each step.
        steps : int, optional
            Maximum number of batches. By default all.
        callbacks : Callback or iterable of Callback, optional
            Callbacks; see `seqfuse.callbacks`.
        return_dict : bool, default False
            Whether to return a dict with the names of the metrics as keys.

        Returns
        -------
        float, list of float, or dict
            The loss, or a list of the loss and the metrics.

        Raises
        ------
        ValueError
            If shapes or numbers of samples do not fit.
        RuntimeError
            If the model is not compiled.

        Examples
        --------
        >>> import numpy as np
        >>> from seqfuse.layers import Dense
        >>> from seqfuse.models import Sequential
        >>> model = Sequential([Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> model.evaluate(np.ones((4, 2)), np.full((4, 1), 3.0), verbose=0)
        [9.0, 3.0]
        """
        verbose = _verbose("evaluate", verbose)
        batches = self._batches("evaluate", x, y, sample_weight, batch_size, False)
        events = CallbackList(callbacks, self, {"steps": _steps(batches, steps), "verbose": verbose})
        with Progress("Evaluated", _steps(batches, steps), verbose) as progress:
            progress.close(self._evaluate(_first(iter(batches), steps), events, progress.advance))
        return self._results(return_dict)

    def _evaluate(
        self, batches: Iterable[Batch], events: CallbackList, advance: Callable[[Callable[[], Any]], None] | None = None
    ) -> dict[str, float]:
        """Evaluate batches; return the loss and the metrics."""
        self.objective  # noqa: B018  # raises if the model is not compiled, before anything else
        self._reset_metrics()
        notifies = events.listens_to("on_test_batch_begin") or events.listens_to("on_test_batch_end")
        events.notify("on_test_begin")
        i = -1
        for i, batch in enumerate(batches):
            if notifies:
                events.notify("on_test_batch_begin", i)
            self._test_step(batch)
            if notifies:
                events.notify("on_test_batch_end", i, self._logs())
            if advance is not None:
                advance(self._logs)
        if i < 0:
            raise ValueError("evaluate: x must have at least one batch; got none. An iterator can be used only once")
        logs = self._logs()
        events.notify("on_test_end", logs)
        return logs

    def predict(
        self,
        x: Inputs,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Iterable[Callback] | Callback | None = None,
    ) -> Outputs:
        """Return the outputs of the model, computed batch by batch.

        Parameters
        ----------
        x : array_like, a list or dict of them, or an iterable of batches
            Inputs.
        batch_size : int, optional
            Number of samples per batch. 32 by default.
        verbose : {0, 1, 2, "auto"}, default "auto"
            0 prints nothing; 1 shows a bar and prints a line; 2 prints only the line. "auto" means 0.
        steps : int, optional
            Maximum number of batches. By default all.
        callbacks : Callback or iterable of Callback, optional
            Callbacks; see `seqfuse.callbacks`.

        Returns
        -------
        ndarray, or list of ndarray
            Outputs for all samples.

        Raises
        ------
        ValueError
            If a shape does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> from seqfuse.layers import LSTM, Dense
        >>> from seqfuse.models import Sequential
        >>> model = Sequential([LSTM(8), Dense(2)])
        >>> model.predict(np.zeros((100, 5, 3)), batch_size=64).shape
        (100, 2)
        """
        verbose = 0 if verbose == "auto" else _verbose("predict", verbose)
        batches = self._batches("predict", x, None, None, batch_size, False)
        events = CallbackList(callbacks, self, {"steps": _steps(batches, steps), "verbose": verbose})
        parts, outputs = [], None
        with Progress("Predicted", _steps(batches, steps), verbose) as progress:
            events.notify("on_predict_begin")
            for i, (inputs, _, _) in enumerate(_first(iter(batches), steps)):
                events.notify("on_predict_batch_begin", i)
                outputs, _ = self.forward(inputs, keep=False)
                parts.append(outputs if isinstance(outputs, list) else [outputs])
                events.notify("on_predict_batch_end", i, {"outputs": outputs})
                progress.advance(dict)
            if not parts:
                raise ValueError("predict: x must have at least one batch; got none. An iterator can be used only once")
            events.notify("on_predict_end")
            progress.close({})
        joined = [np.concatenate(output_parts) for output_parts in zip(*parts)]
        return joined if isinstance(outputs, list) else joined[0]

    # ---- shared by the three loops -------------------------------------------------------------------------------

    def _batches(
        self, function: str, x: Any, y: Any, sample_weight: Any, batch_size: int | None, shuffle: bool | str
    ) -> ArrayBatches | IterableBatches:
        """Return the batches of arrays or of an iterable."""
        if x is None:
            raise ValueError(f"{function}: x must be given; got None")
        if not is_array_data(x):
            for name, value in (("y", y), ("sample_weight", sample_weight), ("batch_size", batch_size)):
                if value is not None:
                    raise ValueError(f"{function}: {name} must be None if x is an iterable of batches")
            return IterableBatches(function, x, self._batch)
        return ArrayBatches(function, self._batch(x, y, sample_weight), batch_size, shuffle, self._next_order)

    def _next_order(self) -> int:
        """Return the seed of the next order of the samples."""
        return self._order_seeds.next()

    def _validate(self, data: Any, batch_size: int | None, steps: int | None, events: CallbackList) -> dict[str, float]:
        """Evaluate validation data; restore the states of stateful layers afterwards."""
        is_list_of_batches = isinstance(data, list) and any(isinstance(part, tuple) for part in data)
        x, y, sample_weight = unpack_batch("fit", (data,) if is_list_of_batches else data)
        batches = self._batches("fit", x, y, sample_weight, batch_size if is_array_data(x) else None, False)
        states = [(layer, layer._state) for layer in recurrent_layers(self)]
        try:
            return self._evaluate(_first(iter(batches), steps), events)
        finally:
            for layer, state in states:
                layer._state = state


def _verbose(function: str, verbose: int | str) -> int:
    """Check the argument verbose."""
    if verbose == "auto":
        return 1
    return _checks.integer(function, "verbose", verbose, 0, 2, 'one of 0, 1, 2 and "auto"')


def _steps(batches: ArrayBatches | IterableBatches, max_steps: int | None) -> int | None:
    """Return the number of batches, if it is known."""
    steps = len(batches) if isinstance(batches, ArrayBatches) else batches.steps
    return steps if max_steps is None else max_steps


def _first(batches: Iterator[Batch], max_batches: int | None) -> Iterator[Batch]:
    """Generate at most `max_batches` batches; None means all."""
    count = 0
    while max_batches is None or count < max_batches:
        try:
            yield next(batches)
        except StopIteration:
            return
        count += 1


def _endless(batches: ArrayBatches | IterableBatches) -> Any:
    """Generate the batches repeatedly, until a pass has none."""
    while True:
        count = 0
        for batch in batches:
            count += 1
            yield batch
        if not count:
            return


def _validates_after(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Return whether there is a validation after this epoch."""
    return (epoch + 1) % frequency == 0 if isinstance(frequency, int) else epoch + 1 in frequency
