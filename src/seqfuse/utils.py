"""What prepares sequences and labels for a model, with Keras's names, and the seed of all that is random."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks, _names, _seeds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array

__all__ = [
    "WindowBatches",
    "pad_sequences",
    "sequence_windows",
    "set_random_seed",
    "timeseries_dataset_from_array",
    "to_categorical",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def set_random_seed(seed: int) -> None:
    """Seed Python's random, numpy.random and all that seqfuse draws: what is made afterwards follows from it.

    Parameters
    ----------
    seed : int        in [0, 2**32), which is what numpy.random takes

    Raises
    ------
    ValueError        another integer
    TypeError        not an integer

    Examples
    --------
    >>> from seqfuse import initializers, utils
    >>> utils.set_random_seed(1)
    >>> first = initializers.GlorotUniform()((2, 2))
    >>> utils.set_random_seed(1)
    >>> bool((initializers.GlorotUniform()((2, 2)) == first).all())
    True
    """
    import random

    seed = _checks.integer("set_random_seed", "seed", seed, 0, 2**32 - 1, "in [0, 2**32)")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (as in Keras: programs shuffle with it)
    _seeds.set_seed(seed)


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> Array:
    """Classes by number become rows with a one in the class's place.

    Parameters
    ----------
    x : (...) or (..., 1)        whole numbers in 0..C-1, of any type
    num_classes : int        C; the largest class plus one by default

    Returns
    -------
    (..., C)        float64

    Raises
    ------
    ValueError        a class outside 0..C-1; no class at all, and num_classes not given
    TypeError        not whole numbers

    Examples
    --------
    >>> from seqfuse import utils
    >>> utils.to_categorical([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    function = "to_categorical"
    classes = _arrays.asarray(function, "x", x)
    if classes.dtype == bool or (classes.dtype.kind == "f" and np.array_equal(classes, np.trunc(classes))):
        classes = classes.astype(np.int64)  # a file of numbers is read as float64
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if num_classes is None:
        if not classes.size:
            raise ValueError(f"{function}: num_classes must be given where x is empty; got {classes.shape}")
        num_classes = max(1, int(classes.max()) + 1) if classes.dtype.kind in "iu" else 1
    num_classes = _checks.integer(function, "num_classes", num_classes, 1)
    flat, shape = _checks.indices(function, "x", classes, "0..C-1", num_classes - 1, copy=False)
    _checks.sizes(function, "the result (..., C)", *shape, num_classes)
    rows = np.zeros((flat.size, num_classes))
    rows[np.arange(flat.size), flat] = 1
    return rows.reshape(*shape, num_classes)


_SIDES = {"pre": "pre", "post": "post"}


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Array:
    """Sequences of several lengths become one array.

    Parameters
    ----------
    sequences : B sequences, each (T_b, ...)
    maxlen : int        T; the longest by default
    dtype : of the result
    padding : "pre" or "post"        where a shorter one is filled; `lengths` of the kernels wants "post"
    truncating : "pre" or "post"        where a longer one loses its steps
    value : what it is filled with

    Returns
    -------
    (B, T, ...)

    Raises
    ------
    ValueError        steps of different shapes; a name that is neither "pre" nor "post"
    TypeError        sequences that have no length

    Examples
    --------
    >>> from seqfuse import utils
    >>> utils.pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    function = "pad_sequences"
    pad_before = _names.look_up(function, "padding", padding, _SIDES) == "pre"
    keep_last = _names.look_up(function, "truncating", truncating, _SIDES) == "pre"
    try:
        sequences = list(sequences)
        lengths = [len(sequence) for sequence in sequences]
    except TypeError:
        raise TypeError(f"{function}: sequences must be a list of sequences; got {sequences!r:.60}") from None
    steps = max(lengths, default=0) if maxlen is None else _checks.integer(function, "maxlen", maxlen, 0)
    step_shape = next((np.shape(sequence)[1:] for sequence in sequences if len(sequence)), ())
    _checks.sizes(function, "the result (B, T, ...)", len(lengths), steps, *step_shape)
    try:
        padded = np.full((len(lengths), steps, *step_shape), value, dtype)
    except ValueError as error:
        raise ValueError(f"{function}: value must be a {np.dtype(dtype)}; got {value!r}. Pass dtype") from error
    for n, (sequence, length) in enumerate(zip(sequences, lengths)):
        kept = min(length, steps)
        part = np.asarray(sequence[length - kept :] if keep_last else sequence[:kept])
        if length and part.shape[1:] != step_shape:
            raise ValueError(
                f"{function}: sequences must have steps of one shape = {step_shape}; got {part.shape[1:]} at [{n}]"
            )
        if part.dtype.kind == "f" and padded.dtype.kind in "iu" and (part != np.trunc(part)).any():
            raise ValueError(
                f"{function}: sequences must be whole numbers for dtype={padded.dtype}; got others at [{n}]. "
                'Pass dtype="float32"'
            )
        if kept:
            padded[n, steps - kept if pad_before else 0 :][:kept] = part
    return padded


def sequence_windows(
    data: ArrayLike,
    length: int,
    *,
    targets: ArrayLike | None = None,
    horizon: int = 0,
    stride: int = 1,
    sampling_rate: int = 1,
) -> Any:
    """Cut a long series into windows, each with what is to be told from it.

        windows[n, k] = data[n * stride + k * sampling_rate],  k = 0..length-1
        told[n] = targets[t + horizon],  t the last step of window n

    Parameters
    ----------
    data : (N, ...)        one step after the other
    length : int        steps of a window
    targets : (N, ...)        in step with data; where there is a horizon, data itself by default: a forecast
    horizon : int        how many steps after a window's last its target lies; 1 is the next step
    stride : int        steps from the start of a window to that of the next
    sampling_rate : int        every how many steps a window takes one

    Returns
    -------
    windows : (n, length, ...)        a view of data, not to be written: steps that windows share are there once
    told : (n, ...)        only where there are targets or a horizon; a view too

    Raises
    ------
    ValueError        data too short for one window and its target; targets not as long as data
    TypeError        a number that is not an integer

    Notes
    -----
    `timeseries_dataset_from_array` gives the same windows in batches, but counts its targets from a window's first
    step, as Keras does: there a forecast of the next step needs data and targets cut to data[:-length], data[length:].

    Examples
    --------
    >>> from seqfuse import utils
    >>> windows, following = utils.sequence_windows([0, 1, 2, 3, 4], 3, horizon=1)
    >>> windows
    array([[0, 1, 2],
           [1, 2, 3]])
    >>> following
    array([3, 4])
    """
    function = "sequence_windows"
    series = _arrays.asarray(function, "data", data)
    horizon = _checks.integer(function, "horizon", horizon, 0)
    windows = _windows(function, series, length, stride, sampling_rate, horizon)
    if targets is None and not horizon:
        return windows
    told = series if targets is None else _arrays.asarray(function, "targets", targets)
    if told.shape[:1] != series.shape[:1]:
        raise ValueError(f"{function}: targets must be (N, ...) = ({len(series)}, ...); got {told.shape}")
    return windows, told[(length - 1) * sampling_rate + horizon :: stride][: len(windows)]


def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> WindowBatches:
    """Windows of a long series in batches, as `fit` takes them.

    Parameters
    ----------
    data : (N, ...)        one step after the other
    targets : (M, ...) or None        targets[i] belongs to the window that starts at data[i]; windows end with them
    sequence_length : int        steps of a window
    sequence_stride : int        steps from the start of a window to that of the next
    sampling_rate : int        every how many steps a window takes one
    batch_size : int or None        None gives one window after the other, without an axis for the batch
    shuffle : bool        another order in every pass
    seed : int or None        of the orders; the next of the process by default
    start_index, end_index : int        the part of data, from one up to before the other, that is used

    Returns
    -------
    WindowBatches        gives (n, sequence_length, ...), or a pair of that and (n, ...) targets; any number of passes

    Raises
    ------
    ValueError        the part of data is too short for one window, or there is no target
    TypeError        a number that is not an integer

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import utils
    >>> series = np.arange(6)
    >>> for x, y in utils.timeseries_dataset_from_array(series[:-2], series[2:], 2, batch_size=2):
    ...     print(x.tolist(), y.tolist())
    [[0, 1], [1, 2]] [2, 3]
    [[2, 3]] [4]
    """
    function = "timeseries_dataset_from_array"
    series = _arrays.asarray(function, "data", data)
    steps = len(series) if series.ndim else 0
    start = _checks.integer(function, "start_index", start_index or 0, 0, steps, f"in 0..N = 0..{steps}")
    end = steps if end_index is None else end_index
    end = _checks.integer(function, "end_index", end, start, steps, f"in start_index..N = {start}..{steps}")
    size = None if batch_size is None else _checks.integer(function, "batch_size", batch_size, 1)
    (shuffle,) = _checks.flags(function, ("shuffle",), (shuffle,))
    windows = _windows(function, series[start:end], sequence_length, sequence_stride, sampling_rate, 0, "sequence_")
    told = None
    if targets is not None:
        told = _arrays.asarray(function, "targets", targets)
        if not told.ndim or len(told) <= start:
            raise ValueError(f"{function}: targets must be (M, ...) with M > {start}; got {told.shape}")
        told = told[start::sequence_stride][: len(windows)]
        windows = windows[: len(told)]
    return WindowBatches(windows, told, size, _seeds.SeedGenerator(seed, function=function) if shuffle else None)


class WindowBatches:
    """What `timeseries_dataset_from_array` returns; its length is the number of batches."""

    __slots__ = ("batch_size", "seeds", "targets", "windows")

    def __init__(
        self, windows: Array, targets: Array | None, batch_size: int | None, seeds: _seeds.SeedGenerator | None
    ) -> None:
        self.windows = windows
        self.targets = targets
        self.batch_size = batch_size
        self.seeds = seeds

    def __len__(self) -> int:
        return math.ceil(len(self.windows) / (self.batch_size or 1))

    def __iter__(self) -> Iterator[Any]:
        order = None
        if self.seeds is not None:
            from numpy.random import PCG64, Generator

            order = Generator(PCG64(self.seeds.next())).permutation(len(self.windows))
        for n in range(len(self)):
            chosen: Any = n if self.batch_size is None else slice(n * self.batch_size, (n + 1) * self.batch_size)
            chosen = chosen if order is None else order[chosen]
            x = self.windows[chosen]
            yield x if self.targets is None else (x, self.targets[chosen])


def _windows(
    function: str, series: Array, length: Any, stride: Any, sampling_rate: Any, horizon: int, prefix: str = ""
) -> Array:
    """The windows (n, length, ...) of a series (N, ...), a view; the last one ends `horizon` steps before it."""
    length = _checks.integer(function, prefix + "length", length, 1)
    stride = _checks.integer(function, prefix + "stride", stride, 1)
    sampling_rate = _checks.integer(function, "sampling_rate", sampling_rate, 1)
    span = (length - 1) * sampling_rate + 1
    if not series.ndim or len(series) < span + horizon:
        raise ValueError(f"{function}: data must have at least {span + horizon} steps; got {series.shape}")
    every = np.lib.stride_tricks.sliding_window_view(series[: len(series) - horizon], span, axis=0)
    return np.moveaxis(every[::stride, ..., ::sampling_rate], -1, 1)
