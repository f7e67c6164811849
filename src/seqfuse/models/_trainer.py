"""How a model learns: `fit`, `evaluate` and `predict`, loops over batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.callbacks import Callback, CallbackList, History
from seqfuse.layers._recurrent import recurrent_layers
from seqfuse.models._batches import ArrayBatches, IterableBatches, are_arrays, split, unpack
from seqfuse.models._chunks import chunks_of
from seqfuse.models._progress import Progress
from seqfuse.models._savable_model import SavableModel
from seqfuse.models._training_step import TrainingStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from seqfuse.models._batches import Batch


class Trainer(SavableModel, TrainingStep):
    """What a model has for its training."""

    stop_training = False

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Iterable[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        bptt: int | None = None,
    ) -> History:
        """Learn from samples.

        Parameters
        ----------
        x : array, a list or dict of arrays, or an iterable of batches        a batch is (x, y) or (x, y, sample_weight)
        y : array, or a list or dict of arrays        what is to be predicted
        batch_size : int        samples of an update; 32 by default
        epochs : int        how often the samples are gone through
        verbose : 0, 1, 2 or "auto"        silent; a bar and a line an epoch; a line an epoch
        callbacks : list of Callback
        validation_split : float in [0, 1)        this share of the samples, the last ones, is evaluated and not learnt
        validation_data : (x, y), (x, y, sample_weight) or an iterable of batches        evaluated after an epoch
        shuffle : bool or "batch"        another order every epoch; "batch": of whole batches
        class_weight : dict        of a class, the weight of its samples
        sample_weight : array        (N,), or (N, T) of every step
        initial_epoch : int        where to go on counting
        steps_per_epoch : int        batches of an epoch
        validation_steps, validation_batch_size, validation_freq : int        of the evaluations; every so many epochs
        bptt : int        K: sequences are cut into chunks of K steps, one update a chunk, with the states of recurrent
            layers carried from one to the next, and forgotten at the next batch of sequences

        Returns
        -------
        History        the loss and the metrics of every epoch; also `model.history`, which Ctrl-C leaves as it is

        Raises
        ------
        ValueError        shapes that disagree, a wrong number of samples, a value out of its range
        RuntimeError        not compiled
        """
        verbose = _verbose("fit", verbose)
        epochs = _checks.integer("fit", "epochs", epochs, 0)
        initial_epoch = _checks.integer("fit", "initial_epoch", initial_epoch, 0)
        if isinstance(validation_freq, int):
            _checks.integer("fit", "validation_freq", validation_freq, 1)
        if validation_split and validation_data is None:
            if not are_arrays(x):
                raise ValueError("fit: validation_split must be 0 where x is not arrays. Give validation_data")
            given = self._batch(x, y, sample_weight)
            (x, y, sample_weight), validation_data = split("fit", given, validation_split)
        batches = self._batches("fit", x, y, sample_weight, batch_size, shuffle)
        if not any(self.objective.losses):  # also refuses a model that is not compiled
            raise ValueError(f'{self.name}: compile needs a loss for fit; got None. Say loss="mse" or another')
        steps = _steps(batches, steps_per_epoch)
        history = self.history = History()
        told = CallbackList(callbacks, self, {"epochs": epochs, "steps": steps, "verbose": verbose}, history)
        self.stop_training = False
        told.tell("on_train_begin")
        endless = None if steps_per_epoch is None else _endless(batches)
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            told.tell("on_epoch_begin", epoch)
            some = batches if endless is None else _first(endless, steps_per_epoch)
            with Progress(f"Epoch {epoch + 1}/{epochs}", steps, verbose) as progress:
                logs = self._learn(some, class_weight, bptt, told, progress)
                if validation_data is not None and _due(epoch, validation_freq):
                    size = validation_batch_size or batch_size
                    validated = self._validate(validation_data, size, validation_steps, told)
                    logs |= {f"val_{name}": value for name, value in validated.items()}
                progress.close(logs)
            told.tell("on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        if self._parameters is not None:
            self.optimizer.finalize_variable_values(self._parameters.values)
        told.tell("on_train_end", logs)
        return history

    def _learn(
        self, batches: Iterable[Batch], class_weight: Any, bptt: int | None, told: CallbackList, progress: Progress
    ) -> dict[str, float]:
        """One epoch; its numbers."""
        self._reset_metrics()
        hears = told.hears("on_train_batch_begin") or told.hears("on_train_batch_end")
        update, parameters = 0, None
        with chunks_of(self, bptt) as cut:
            for batch in batches:
                for chunk in cut(batch):
                    if hears:
                        told.tell("on_train_batch_begin", update)
                    parameters = self._train_step(chunk, parameters, class_weight)
                    if hears:
                        told.tell("on_train_batch_end", update, self._logs())
                    update += 1
                progress.advance(self._logs)
                if self.stop_training:
                    break
        if not update:
            raise ValueError("fit: x must give at least one batch an epoch; got none. An iterator is used up after one")
        return self._logs()

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Iterable[Callback] | Callback | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss, or a list of the loss and the metrics, over samples; nothing is learnt.

        Parameters
        ----------
        x, y, batch_size, verbose, sample_weight, callbacks        as for `fit`
        steps : int        batches, at most
        return_dict : bool        numbers by name
        """
        verbose = _verbose("evaluate", verbose)
        batches = self._batches("evaluate", x, y, sample_weight, batch_size, False)
        told = CallbackList(callbacks, self, {"steps": _steps(batches, steps), "verbose": verbose})
        with Progress("Evaluated", _steps(batches, steps), verbose) as progress:
            progress.close(self._evaluate(_first(iter(batches), steps), told, progress.advance))
        return self._told(return_dict)

    def _evaluate(
        self, batches: Iterable[Batch], told: CallbackList, advance: Callable[[Callable[[], Any]], None] | None = None
    ) -> dict[str, float]:
        self.objective  # noqa: B018  # refuses a model that is not compiled, before anything is done
        self._reset_metrics()
        hears = told.hears("on_test_batch_begin") or told.hears("on_test_batch_end")
        told.tell("on_test_begin")
        i = -1
        for i, batch in enumerate(batches):
            if hears:
                told.tell("on_test_batch_begin", i)
            self._test_step(batch)
            if hears:
                told.tell("on_test_batch_end", i, self._logs())
            if advance is not None:
                advance(self._logs)
        if i < 0:
            raise ValueError("evaluate: x must give at least one batch; got none. An iterator is used up after one run")
        logs = self._logs()
        told.tell("on_test_end", logs)
        return logs

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Iterable[Callback] | Callback | None = None,
    ) -> Any:
        """The outputs for samples, batch by batch; a list of arrays where there are several outputs.

        Parameters
        ----------
        x, batch_size, callbacks        as for `fit`
        verbose : 0, 1, 2 or "auto"        as for `fit`, but that "auto" is silent
        steps : int        batches, at most
        """
        verbose = 0 if verbose == "auto" else _verbose("predict", verbose)
        batches = self._batches("predict", x, None, None, batch_size, False)
        told = CallbackList(callbacks, self, {"steps": _steps(batches, steps), "verbose": verbose})
        parts, outputs = [], None
        with Progress("Predicted", _steps(batches, steps), verbose) as progress:
            told.tell("on_predict_begin")
            for i, (inputs, _, _) in enumerate(_first(iter(batches), steps)):
                told.tell("on_predict_batch_begin", i)
                outputs, _ = self.forward(inputs, keep=False)
                parts.append(outputs if isinstance(outputs, list) else [outputs])
                told.tell("on_predict_batch_end", i, {"outputs": outputs})
                progress.advance(dict)
            if not parts:
                raise ValueError(
                    "predict: x must give at least one batch; got none. An iterator is used up after one run"
                )
            told.tell("on_predict_end")
            progress.close({})
        joined = [np.concatenate(of_output) for of_output in zip(*parts)]
        return joined if isinstance(outputs, list) else joined[0]

    # ---- what they share -----------------------------------------------------------------------------------------

    def _batches(
        self, function: str, x: Any, y: Any, sample_weight: Any, batch_size: int | None, shuffle: bool | str
    ) -> ArrayBatches | IterableBatches:
        if x is None:
            raise ValueError(f"{function}: x must be given; got None")
        if not are_arrays(x):
            for name, value in (("y", y), ("sample_weight", sample_weight), ("batch_size", batch_size)):
                if value is not None:
                    raise ValueError(f"{function}: {name} must be None where x is an iterable of batches")
            return IterableBatches(function, x, self._batch)
        return ArrayBatches(function, self._batch(x, y, sample_weight), batch_size, shuffle, self._next_order)

    def _next_order(self) -> int:
        return self._order_seeds.next()

    def _validate(self, given: Any, batch_size: int | None, steps: int | None, told: CallbackList) -> dict[str, float]:
        """The numbers of `evaluate`; what stateful layers carry on is as before."""
        several = isinstance(given, list) and any(isinstance(one, tuple) for one in given)  # a list of batches
        x, y, sample_weight = unpack("fit", (given,) if several else given)
        batches = self._batches("fit", x, y, sample_weight, batch_size if are_arrays(x) else None, False)
        states = [(layer, layer._state) for layer in recurrent_layers(self)]
        try:
            return self._evaluate(_first(iter(batches), steps), told)
        finally:
            for layer, state in states:
                layer._state = state


def _verbose(function: str, verbose: int | str) -> int:
    if verbose == "auto":
        return 1
    return _checks.integer(function, "verbose", verbose, 0, 2, 'one of 0, 1, 2 and "auto"')


def _steps(batches: ArrayBatches | IterableBatches, most: int | None) -> int | None:
    steps = len(batches) if isinstance(batches, ArrayBatches) else batches.steps
    return steps if most is None else most


def _first(batches: Iterator[Batch], most: int | None) -> Iterator[Batch]:
    """The first so many batches; all without a number."""
    taken = 0
    while most is None or taken < most:
        try:
            yield next(batches)
        except StopIteration:
            return
        taken += 1


def _endless(batches: ArrayBatches | IterableBatches) -> Any:
    """The batches again and again, as long as there are some."""
    while True:
        taken = 0
        for batch in batches:
            taken += 1
            yield batch
        if not taken:
            return


def _due(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Whether there is a validation after this epoch."""
    return (epoch + 1) % frequency == 0 if isinstance(frequency, int) else epoch + 1 in frequency
