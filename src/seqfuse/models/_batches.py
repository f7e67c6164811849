"""Batches of training data: slices of arrays, shuffled or not, or any iterable of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse._arrays import Array

Batch: TypeAlias = tuple[Any, Any, Any]  # x, y, sample_weight; the last two may be None


def map_arrays(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to an array, or to every array of a list, tuple or dict. None is returned as it is."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: map_arrays(function, part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [map_arrays(function, part) for part in value]
    return function(value)


def list_arrays(value: Any) -> list[Any]:
    """Return the arrays of a nested list, tuple or dict, in order."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [array for part in value.values() for array in list_arrays(part)]
    if isinstance(value, (list, tuple)):
        return [array for part in value for array in list_arrays(part)]
    return [value]


def to_arrays(function: str, argument: str, value: Any, several: bool) -> Any:
    """Convert lists of numbers to arrays.

    A list becomes one array, unless the model has `several` inputs or outputs, or the list contains arrays.
    """
    if isinstance(value, Mapping):
        return {name: to_arrays(function, f"{argument}[{name!r}]", part, False) for name, part in value.items()}
    if isinstance(value, (list, tuple)) and (several or any(isinstance(part, np.ndarray) for part in value)):
        return [to_arrays(function, f"{argument}[{i}]", part, False) for i, part in enumerate(value)]
    return None if value is None else _arrays.asarray(function, argument, value)


class ArrayBatches:
    """Batches of arrays whose first axis is the sample.

    Parameters
    ----------
    function : str
        Name that error messages begin with.
    data : tuple
        x, y and sample_weight: arrays, or lists or dicts of arrays. y and sample_weight may be None.
    batch_size : int or None
        Number of samples per batch. None means 32.
    shuffle : bool or "batch", default False
        Whether every epoch has a new random order; "batch" shuffles whole batches.
    next_seed : callable, optional
        Function that returns the seed of the next order.
    """

    def __init__(
        self,
        function: str,
        data: Batch,
        batch_size: int | None,
        shuffle: bool | str = False,
        next_seed: Callable[[], int] | None = None,
    ) -> None:
        self.data = data
        self.batch_size = 32 if batch_size is None else _checks.integer(function, "batch_size", batch_size, 1)
        if isinstance(shuffle, str) and shuffle != "batch":
            raise ValueError(f'{function}: shuffle must be True, False or "batch"; got {shuffle!r}')
        self._shuffle, self._next_seed = shuffle, next_seed
        self.samples = count_samples(function, data)

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        size, order = self.batch_size, self._order()
        x, y, sample_weight = self.data
        simple = order is not None and all(isinstance(part, np.ndarray) for part in (x, y)) and sample_weight is None
        for start in range(0, self.samples, size):
            if simple and order is not None:  # the common case, written so that it takes a microsecond
                rows = order[start : start + size]
                yield x.take(rows, 0), y.take(rows, 0), None
                continue
            index: Any = slice(start, start + size) if order is None else order[start : start + size]
            yield _select(self.data, index)

    def _order(self) -> Array | None:
        """Return a random order of the samples; None without shuffling."""
        if not self._shuffle or self._next_seed is None:
            return None
        generator = np.random.Generator(np.random.PCG64(self._next_seed()))
        if self._shuffle == "batch":
            starts = generator.permutation(len(self)) * self.batch_size
            order = (starts[:, None] + np.arange(self.batch_size)).reshape(-1)
            return order[order < self.samples]
        return generator.permutation(self.samples)


def count_samples(function: str, data: Batch) -> int:
    """Return the number of samples, which all arrays must have in common."""
    found: dict[int, str] = {}
    for name, part in zip(("x", "y", "sample_weight"), data):
        for array in list_arrays(part):
            if not np.ndim(array):
                raise ValueError(f"{function}: {name} must have a first axis, the samples; got a single number")
            found.setdefault(len(array), name)
    if len(found) > 1:
        got = " and ".join(f"{name} with {n}" for n, name in found.items())
        raise ValueError(f"{function}: x, y and sample_weight must have the same number of samples; got {got}")
    if not found:
        raise ValueError(f"{function}: x must be given; got None")
    return next(iter(found))


def split_validation(function: str, data: Batch, fraction: float) -> tuple[Batch, Batch]:
    """Split off the last samples, a fraction of all, for validation."""
    samples = count_samples(function, data)
    at = int(samples * (1.0 - _checks.fraction(function, "validation_split", fraction)))
    if at == 0 or at == samples:
        raise ValueError(
            f"{function}: validation_split must leave samples for training and validation; got {fraction} of {samples}"
        )
    return _select(data, slice(at)), _select(data, slice(at, None))


def _select(data: Batch, index: Any) -> Batch:
    """Return the selected samples of every array."""
    x, y, sample_weight = (map_arrays(lambda a: a[index], part) for part in data)
    return x, y, sample_weight


def unpack_batch(function: str, batch: Any) -> Batch:
    """Return x, y and sample_weight of a batch: x, (x, y) or (x, y, sample_weight), a tuple or a list."""
    if not isinstance(batch, (tuple, list)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(f"{function}: a batch must be x, (x, y) or (x, y, sample_weight); got {len(batch)} parts")
    x, y, sample_weight = (*batch, None, None)[:3]
    return x, y, sample_weight


class IterableBatches:
    """Batches of any iterable, or of an object with `__len__` and `__getitem__`. An epoch is one pass over it."""

    def __init__(self, function: str, batches: Any, convert: Callable[..., Batch] = lambda *batch: batch) -> None:
        if not isinstance(batches, Iterable) and not hasattr(batches, "__getitem__"):
            raise TypeError(f"{function}: x must be arrays or an iterable of batches; got {type(batches).__name__}")
        self._function, self._batches, self._convert = function, batches, convert

    def __iter__(self) -> Iterator[Batch]:
        batches = self._batches
        if hasattr(batches, "__len__") and hasattr(batches, "__getitem__"):
            iterable: Iterable[Any] = (batches[i] for i in range(len(batches)))
        else:
            iterable = batches
        for batch in iterable:
            yield self._convert(*unpack_batch(self._function, batch))
        if hasattr(batches, "on_epoch_end"):
            batches.on_epoch_end()

    @property
    def steps(self) -> int | None:
        """Number of batches per epoch; None if it is unknown."""
        return len(self._batches) if hasattr(self._batches, "__len__") else None


def is_array_data(x: Any) -> bool:
    """Return whether x is data itself, not an iterable of batches."""
    if isinstance(x, (np.ndarray, Mapping)) or hasattr(x, "__array__"):
        return True
    return isinstance(x, (list, tuple)) and not any(isinstance(part, tuple) for part in x)
