"""How a model learns: `fit`, `evaluate` and `predict`, loops over batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.callbacks import Callback, CallbackList, History
from seqfuse.models.batches import ArrayBatches, IterableBatches, are_arrays, each, split
from seqfuse.models.chunks import chunks_of, recurrent_layers
from seqfuse.models.progress import Progress
from seqfuse.models.step import Steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from seqfuse.models.batches import Batch


class Trainer(Steps):
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
        verbose = _verbose(verbose)
        epochs = _checks.integer("fit", "epochs", epochs, 0)
        if validation_split and validation_data is None:
            given = self._arrays(x), each(np.asarray, y), each(np.asarray, sample_weight)
            (x, y, sample_weight), validation_data = split("fit", given, validation_split)
        batches = self._batches("fit", x, y, sample_weight, batch_size, shuffle)
        self.objective  # noqa: B018  # refuses a model that is not compiled, before anything is done
        history = self.history = History()
        params = {"epochs": epochs, "steps": _steps(batches, steps_per_epoch), "verbose": verbose}
        told = CallbackList([*_listed(callbacks), history], self, params)
        self.stop_training = False
        told.tell("on_train_begin")
        endless = None if steps_per_epoch is None else _endless(batches)
        try:
            for epoch in range(initial_epoch, epochs):
                told.tell("on_epoch_begin", epoch)
                some = batches if endless is None else _first(endless, steps_per_epoch)
                progress = Progress(f"Epoch {epoch + 1}/{epochs}", _steps(batches, steps_per_epoch), verbose)
                try:
                    logs = self._learn(some, class_weight, bptt, told, progress)
                except BaseException:
                    progress.close()
                    raise
                if validation_data is not None and _due(epoch, validation_freq):
                    validated = self._validate(validation_data, validation_batch_size or batch_size, validation_steps)
                    logs |= {f"val_{name}": value for name, value in validated.items()}
                progress.close(logs)
                told.tell("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
        finally:
            if endless is not None:
                endless.close()
        told.tell("on_train_end")
        return history

    def _learn(
        self, batches: Iterable[Batch], class_weight: Any, bptt: int | None, told: CallbackList, progress: Progress
    ) -> dict[str, float]:
        """One epoch; its numbers."""
        self._reset_measures()
        hears = told.hears("on_train_batch_begin") or told.hears("on_train_batch_end")
        update, parameters = 0, None
        with chunks_of(self, bptt) as cut:
            for batch in batches:
                for chunk in cut(self._weighted(batch, class_weight)):
                    if hears:
                        told.tell("on_train_batch_begin", update)
                    parameters = self._train_step(chunk, parameters)
                    if hears:
                        told.tell("on_train_batch_end", update, self._logs())
                    update += 1
                progress.advance(self._logs)
                if self.stop_training:
                    break
        if not update:
            raise ValueError("fit: x must give at least one batch; got none. An iterator is used up after one epoch")
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
        batches = self._batches("evaluate", x, y, sample_weight, batch_size, False)
        told = CallbackList(callbacks, self, {"steps": _steps(batches, steps)})
        self.objective  # noqa: B018
        progress = Progress("Evaluated", _steps(batches, steps), _verbose(verbose))
        self._reset_measures()
        told.tell("on_test_begin")
        for i, batch in enumerate(_first(iter(batches), steps)):
            told.tell("on_test_batch_begin", i)
            self._test_step(batch)
            told.tell("on_test_batch_end", i, self._logs())
            progress.advance(self._logs)
        told.tell("on_test_end", self._logs())
        progress.close(self._logs())
        return self._told(return_dict)

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
        x, batch_size, verbose, callbacks        as for `fit`
        steps : int        batches, at most
        """
        batches = self._batches("predict", x, None, None, batch_size, False)
        told = CallbackList(callbacks, self, {"steps": _steps(batches, steps)})
        progress = Progress("Predicted", _steps(batches, steps), 0 if verbose == "auto" else _verbose(verbose))
        told.tell("on_predict_begin")
        parts = []
        for i, (inputs, _, _) in enumerate(_first(iter(batches), steps)):
            told.tell("on_predict_batch_begin", i)
            outputs, _ = self.forward(inputs, keep=False)
            parts.append(outputs if isinstance(outputs, list) else [outputs])
            several = isinstance(outputs, list)
            told.tell("on_predict_batch_end", i, {"outputs": outputs})
            progress.advance(dict)
        told.tell("on_predict_end")
        progress.close({})
        if not parts:
            raise ValueError(f"{self.name}: predict needs at least one sample; got none")
        joined = [np.concatenate(of_output) for of_output in zip(*parts)]
        return joined if several else joined[0]

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
            return IterableBatches(function, x)
        data = self._arrays(x), each(np.asarray, y), each(np.asarray, sample_weight)
        return ArrayBatches(function, data, batch_size, shuffle, self._next_order)

    def _next_order(self) -> int:
        return self._order_seeds.next()

    def _validate(self, data: Any, batch_size: int | None, steps: int | None) -> dict[str, float]:
        x, y, sample_weight = (*data, None)[:3] if isinstance(data, tuple) else (data, None, None)
        size = None if not are_arrays(x) else batch_size
        states = [(layer, layer._state) for layer in recurrent_layers(self)]
        found: dict[str, float] = self.evaluate(x, y, size, 0, sample_weight, steps, return_dict=True)
        for layer, state in states:
            layer._state = state
        return found


def _listed(callbacks: Iterable[Callback] | Callback | None) -> list[Any]:
    return [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())


def _verbose(verbose: int | str) -> int:
    if verbose == "auto":
        return 1
    return _checks.integer("fit", "verbose", verbose, 0, 2, 'one of 0, 1, 2 and "auto"')


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
