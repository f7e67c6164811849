"""Windows of a long series with their targets, as a view or in batches; users import them from `seqfuse.utils`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks, _seeds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def sequence_windows(
    data: ArrayLike,
    length: int,
    *,
    targets: ArrayLike | None = None,
    horizon: int = 0,
    stride: int = 1,
    sampling_rate: int = 1,
) -> Any:
    """Cut a long series into windows, each with its target.

    With t the last step of window n ::

        windows[n, k] = data[n * stride + k * sampling_rate],  k = 0..length-1
        window_targets[n] = targets[t + horizon]

    Parameters
    ----------
    data : array_like, shape (N, ...)
        Series, one entry per step.
    length : int
        Number of steps of a window.
    targets : array_like, shape (N, ...), optional
        Targets, one per step of `data`. With a horizon, the default is `data` itself, for a forecast.
    horizon : int, default 0
        Number of steps from the last step of a window to its target; 1 is the next step.
    stride : int, default 1
        Number of steps between the starts of two windows.
    sampling_rate : int, default 1
        Number of steps of the series per step of a window.

    Returns
    -------
    windows : ndarray, shape (n, length, ...)
        Read-only view of `data`: windows share their common steps.
    window_targets : ndarray, shape (n, ...)
        Targets, a view. Only returned with `targets` or a `horizon`.

    Raises
    ------
    ValueError
        If `data` is too short for one window and its target, or the lengths of `targets` and `data` differ.
    TypeError
        If a number is not an integer.

    Notes
    -----
    `timeseries_dataset_from_array` returns the same windows in batches, but counts its targets from the first step of a
    window, as Keras does. A forecast of the next step then needs ``data[:-length]`` and ``data[length:]`` as targets.

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
    all_targets = series if targets is None else _arrays.asarray(function, "targets", targets)
    if all_targets.shape[:1] != series.shape[:1]:
        raise ValueError(f"{function}: targets must be (N, ...) = ({len(series)}, ...); got {all_targets.shape}")
    return windows, all_targets[(length - 1) * sampling_rate + horizon :: stride][: len(windows)]


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
    """Return batches of windows of a long series, for `fit`.

    Parameters
    ----------
    data : array_like, shape (N, ...)
        Series, one entry per step.
    targets : array_like, shape (M, ...), or None
        Targets; ``targets[i]`` belongs to the window that starts at ``data[i]``. Windows without a target are omitted.
    sequence_length : int
        Number of steps of a window.
    sequence_stride : int, default 1
        Number of steps between the starts of two windows.
    sampling_rate : int, default 1
        Number of steps of the series per step of a window.
    batch_size : int or None, default 128
        Number of windows per batch. None returns single windows without a batch axis.
    shuffle : bool, default False
        Whether every pass has a new random order.
    seed : int, optional
        Seed of the orders. By default it follows from `set_random_seed`.
    start_index, end_index : int, optional
        Range of `data` that is used; `end_index` is excluded.

    Returns
    -------
    WindowBatches
        Iterable of batches (n, sequence_length, ...), or of tuples with targets (n, ...). Can be iterated repeatedly.

    Raises
    ------
    ValueError
        If the range of `data` is too short for one window, or there is no target.
    TypeError
        If a number is not an integer.

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
    window_targets = None
    if targets is not None:
        window_targets = _arrays.asarray(function, "targets", targets)
        if not window_targets.ndim or len(window_targets) <= start:
            raise ValueError(f"{function}: targets must be (M, ...) with M > {start}; got {window_targets.shape}")
        window_targets = window_targets[start::sequence_stride][: len(windows)]
        windows = windows[: len(window_targets)]
    seeds = _seeds.SeedGenerator(seed, function=function) if shuffle else None
    return WindowBatches(windows, window_targets, size, seeds)


class WindowBatches:
    """Batches of windows, created by `timeseries_dataset_from_array`. The length is the number of batches.

    Parameters
    ----------
    windows : ndarray, shape (n, length, ...)
        Windows.
    targets : ndarray, shape (n, ...), or None
        Targets of the windows.
    batch_size : int or None
        Number of windows per batch.
    seeds : SeedGenerator or None
        Seeds of the random orders; None for no shuffling.

    Examples
    --------
    >>> from seqfuse import utils
    >>> batches = utils.timeseries_dataset_from_array(range(10), None, 3, batch_size=4)
    >>> len(batches), [batch.shape for batch in batches]
    (2, [(4, 3), (4, 3)])
    """

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
            index: Any = n if self.batch_size is None else slice(n * self.batch_size, (n + 1) * self.batch_size)
            index = index if order is None else order[index]
            x = self.windows[index]
            yield x if self.targets is None else (x, self.targets[index])


def _windows(
    function: str, series: Array, length: Any, stride: Any, sampling_rate: Any, horizon: int, prefix: str = ""
) -> Array:
    """Return the windows (n, length, ...) of a series (N, ...) as a view, the last `horizon` steps excluded."""
    length = _checks.integer(function, prefix + "length", length, 1)
    stride = _checks.integer(function, prefix + "stride", stride, 1)
    sampling_rate = _checks.integer(function, "sampling_rate", sampling_rate, 1)
    span = (length - 1) * sampling_rate + 1
    if not series.ndim or len(series) < span + horizon:
        raise ValueError(f"{function}: data must have at least {span + horizon} steps; got {series.shape}")
    every = np.lib.stride_tricks.sliding_window_view(series[: len(series) - horizon], span, axis=0)
    return np.moveaxis(every[::stride, ..., ::sampling_rate], -1, 1)
