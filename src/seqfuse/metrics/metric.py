"""The base of all metrics, and the mean over everything seen, which most of them are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _names
from seqfuse._config import Configured
from seqfuse.losses import _targets as targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class Metric(Configured):
    """A number about all batches since the last reset.

    A metric of one's own writes `update_state`, `result` and `reset_state`.

    Parameters
    ----------
    name : str        what it is called in a history; by default the class in lower case
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or _names.snake_case(type(self).__name__)
        self.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        """`update_state` with these arguments, then the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add a batch: y_true, y_pred, sample_weight=None, mask=None."""
        raise NotImplementedError(f"{type(self).__name__} must have a method update_state")

    def result(self) -> float:
        """The number."""
        raise NotImplementedError(f"{type(self).__name__} must have a method result")

    def reset_state(self) -> None:
        """Forget all batches."""


class RunningMean(Metric):
    """A weighted sum and the sum of its weights."""

    total = 0.0
    count = 0.0

    def reset_state(self) -> None:
        """Forget all batches."""
        self.total = self.count = 0.0

    def result(self) -> float:
        """The mean of what was seen, 0 where nothing was."""
        return self.total / self.count if self.count else 0.0

    def _add(self, values: Any, sample_weight: ArrayLike | None, mask: ArrayLike | None = None) -> None:
        """Add values (N, ...) with weights (N, ...), each sample as the mean over its own."""
        function = type(self).__name__
        values = _arrays.asarray(function, "values", values)
        if sample_weight is None and mask is None:
            samples = len(values) if values.ndim else 1
            self.total += float(values.sum(dtype=np.float64)) * samples / (values.size or 1)
            self.count += samples
            return
        weights = np.ones(())
        if sample_weight is not None:
            weights = _arrays.numbers(function, "sample_weight", sample_weight, _arrays.FLOAT64)
        real = targets.real_values(function, mask)
        axes = max(weights.ndim, 0 if real is None else real.ndim)  # more of them have one weight together
        if values.ndim > axes:
            values = values.mean(axis=tuple(range(axes, values.ndim)), dtype=np.float64)
        weights = np.broadcast_to(targets.per_value(function, "sample_weight", weights, values.shape), values.shape)
        if real is not None:
            real = targets.per_value(function, "mask", real, values.shape)
            weights, values = np.where(real, weights, 0.0), np.where(real, values, 0.0)
        each = values.size // (len(values) or 1) if values.ndim else 1
        self.total += float((values * weights).sum(dtype=np.float64)) / (each or 1)
        self.count += float(weights.sum()) / (each or 1)


class Mean(RunningMean):
    """The mean of values.

    Examples
    --------
    >>> metric = Mean()
    >>> metric.update_state([1.0, 3.0, 5.0, 7.0], sample_weight=[1, 1, 0, 0])
    >>> metric.result()
    2.0
    """

    def __init__(self, name: str | None = "mean") -> None:
        super().__init__(name)

    def update_state(self, values: ArrayLike, sample_weight: ArrayLike | None = None) -> None:
        """Add values.

        Parameters
        ----------
        values : (N, ...) or a number
        sample_weight : (N,), (N, 1), (N, T), ... or a number        how much each counts; 1 by default
        """
        self._add(values, sample_weight)


class MeanMetricWrapper(RunningMean):
    """The mean of what a function says of each prediction.

    Parameters
    ----------
    fn : callable        fn(y_true, y_pred, **options) -> values (N, ...)
    name : str        by default that of fn
    options        by keyword, for fn

    Examples
    --------
    >>> import numpy as np
    >>> metric = MeanMetricWrapper(lambda y_true, y_pred: np.abs(y_true - y_pred).max(axis=-1), name="worst")
    >>> metric.update_state(np.zeros((2, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> metric.result()
    3.0
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, **options: Any) -> None:
        if not callable(fn):
            raise TypeError(f"{type(self).__name__}: fn must be callable; got {fn!r}")
        super().__init__(name or getattr(fn, "__name__", None))
        self.fn = fn
        self.options = options

    def get_config(self) -> dict[str, Any]:
        """As `Configured.get_config`, and the options of the function."""
        return {**super().get_config(), **self.options}

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> None:
        """Add a batch.

        Parameters
        ----------
        y_true, y_pred : as the function takes them
        sample_weight : (N,), (N, 1), (N, T), ...        how much each value counts; 1 by default
        mask : bool, as sample_weight        True where a value counts; a function that has taken the mean over the
            steps before it could be asked counts as it is
        """
        values = self.fn(y_true, y_pred, **self.options)
        if mask is not None and np.ndim(values) < np.ndim(mask):
            mask = None
        self._add(values, sample_weight, mask)


def both(function: str, y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    """y_true and y_pred as arrays of numbers."""
    arrays = _arrays.asarray(function, "y_true", y_true), _arrays.asarray(function, "y_pred", y_pred)
    for name, array in zip(("y_true", "y_pred"), arrays):
        _arrays.compute_dtype(function, name, array.dtype)
    return arrays
