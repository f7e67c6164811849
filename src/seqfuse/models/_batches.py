"""What a model is given, batch by batch: arrays in equal pieces, shuffled or not, or any iterable of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse._arrays import Array

Batch: TypeAlias = tuple[Any, Any, Any]  # x, y, sample_weight; the last two may be None


def each(function: Callable[[Any], Any], value: Any) -> Any:
    """The function of an array, or of every array of a list, tuple or dict; None stays None."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: each(function, one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [each(function, one) for one in value]
    return function(value)


def flat(value: Any) -> list[Any]:
    """The arrays of a list, tuple or dict, in order."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [one for part in value.values() for one in flat(part)]
    if isinstance(value, (list, tuple)):
        return [one for part in value for one in flat(part)]
    return [value]


def arrays(function: str, argument: str, value: Any, several: bool) -> Any:
    """Lists of numbers as arrays. A list is one array, unless the model has `several`, or it holds arrays."""
    if isinstance(value, Mapping):
        return {name: arrays(function, f"{argument}[{name!r}]", one, False) for name, one in value.items()}
    if isinstance(value, (list, tuple)) and (several or any(isinstance(one, np.ndarray) for one in value)):
        return [arrays(function, f"{argument}[{i}]", one, False) for i, one in enumerate(value)]
    return None if value is None else _arrays.asarray(function, argument, value)


class ArrayBatches:
    """Batches of arrays whose first axis counts the samples.

    Parameters
    ----------
    x, y, sample_weight : array, or a list or dict of arrays        y and sample_weight may be None
    batch_size : int
    shuffle : bool or "batch"        another order every epoch; "batch": of whole batches
    next_seed : callable        gives the seed of the next order
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
        self.samples = samples_of(function, data)

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        size, order = self.batch_size, self._order()
        x, y, sample_weight = self.data
        simple = order is not None and all(isinstance(part, np.ndarray) for part in (x, y)) and sample_weight is None
        for start in range(0, self.samples, size):
            if simple and order is not None:  # the common case, in a microsecond
                rows = order[start : start + size]
                yield x.take(rows, 0), y.take(rows, 0), None
                continue
            where: Any = slice(start, start + size) if order is None else order[start : start + size]
            yield _rows(self.data, where)

    def _order(self) -> Array | None:
        if not self._shuffle or self._next_seed is None:
            return None
        generator = np.random.Generator(np.random.PCG64(self._next_seed()))
        if self._shuffle == "batch":
            starts = generator.permutation(len(self)) * self.batch_size
            order = (starts[:, None] + np.arange(self.batch_size)).reshape(-1)
            return order[order < self.samples]
        return generator.permutation(self.samples)


def samples_of(function: str, data: Batch) -> int:
    """How many samples there are, once all arrays have as many."""
    found: dict[int, str] = {}
    for name, part in zip(("x", "y", "sample_weight"), data):
        for array in flat(part):
            if not np.ndim(array):
                raise ValueError(f"{function}: {name} must have a first axis, of samples; got a single number")
            found.setdefault(len(array), name)
    if len(found) > 1:
        got = " and ".join(f"{name} with {n}" for n, name in found.items())
        raise ValueError(f"{function}: x, y and sample_weight must have as many samples; got {got}")
    if not found:
        raise ValueError(f"{function}: x must be given")
    return next(iter(found))


def split(function: str, data: Batch, fraction: float) -> tuple[Batch, Batch]:
    """The first samples, and the last: `fraction` of all."""
    samples = samples_of(function, data)
    at = int(samples * (1.0 - _checks.fraction(function, "validation_split", fraction)))
    if at == 0 or at == samples:
        raise ValueError(f"{function}: validation_split must leave samples on both sides; got {fraction} of {samples}")
    return _rows(data, slice(at)), _rows(data, slice(at, None))


def _rows(data: Batch, where: Any) -> Batch:
    """Those samples of every array."""
    x, y, sample_weight = (each(lambda a: a[where], part) for part in data)
    return x, y, sample_weight


def unpack(function: str, batch: Any) -> Batch:
    """What somebody gives as one: x, (x, y) or (x, y, sample_weight), a tuple or a list."""
    if not isinstance(batch, (tuple, list)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(f"{function}: it must be x, (x, y) or (x, y, sample_weight); got {len(batch)} parts")
    x, y, sample_weight = (*batch, None, None)[:3]
    return x, y, sample_weight


class IterableBatches:
    """Batches of any iterable, or of an object with `__len__` and `__getitem__`; an epoch ends where they do."""

    def __init__(self, function: str, batches: Any, to_arrays: Callable[..., Batch] = lambda *batch: batch) -> None:
        if not isinstance(batches, Iterable) and not hasattr(batches, "__getitem__"):
            raise TypeError(f"{function}: x must be arrays or an iterable of batches; got {type(batches).__name__}")
        self._function, self._batches, self._to_arrays = function, batches, to_arrays

    def __iter__(self) -> Iterator[Batch]:
        batches = self._batches
        if hasattr(batches, "__len__") and hasattr(batches, "__getitem__"):
            given: Iterable[Any] = (batches[i] for i in range(len(batches)))
        else:
            given = batches
        for batch in given:
            yield self._to_arrays(*unpack(self._function, batch))
        if hasattr(batches, "on_epoch_end"):
            batches.on_epoch_end()

    @property
    def steps(self) -> int | None:
        """How many batches an epoch has, if that is known."""
        return len(self._batches) if hasattr(self._batches, "__len__") else None


def are_arrays(x: Any) -> bool:
    """Whether x is data itself, rather than something that gives batches."""
    if isinstance(x, (np.ndarray, Mapping)) or hasattr(x, "__array__"):
        return True
    return isinstance(x, (list, tuple)) and not any(isinstance(one, tuple) for one in x)
