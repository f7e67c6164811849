"""Base classes of the metrics, and metrics that are means over all batches."""

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
    """Base class of the metrics: a number computed over all batches since the last reset.

    A subclass defines `update_state`, `result` and `reset_state`.

    Parameters
    ----------
    name : str, optional
        Name in logs and histories. The class name in snake case by default.

    Examples
    --------
    >>> from seqfuse.metrics import Mean, Metric
    >>> isinstance(Mean(), Metric)
    True
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or _names.snake_case(type(self).__name__)
        self.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> float:
        """Call `update_state` with these arguments and return the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add a batch.

        Parameters
        ----------
        *args, **kwargs : Any
            ``y_true, y_pred, sample_weight=None, mask=None`` in most metrics.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update_state; got no definition")

    def result(self) -> float:
        """Return the value of the metric over all batches since the last reset.

        Returns
        -------
        float
            Value.
        """
        raise NotImplementedError(f"{type(self).__name__} must define result; got no definition")

    def reset_state(self) -> None:
        """Reset the metric: forget all batches."""


class RunningMean(Metric):
    """Base class of the metrics that are weighted means."""

    total = 0.0
    count = 0.0

    def reset_state(self) -> None:
        """Reset the metric: forget all batches."""
        self.total = self.count = 0.0

    def result(self) -> float:
        """Return the mean over all batches since the last reset.

        Returns
        -------
        float
            Weighted mean; 0 if there was no batch.
        """
        return self.total / self.count if self.count else 0.0

    def _add(self, values: Any, sample_weight: ArrayLike | None, mask: ArrayLike | None = None) -> None:
        """Add values (N, ...) with weights (N, ...). Each sample counts with the mean of its values."""
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
        valid = targets.valid_values(function, mask)
        # values along further axes share one weight
        axes = max(weights.ndim, 0 if valid is None else valid.ndim)
        if values.ndim > axes:
            values = values.mean(axis=tuple(range(axes, values.ndim)), dtype=np.float64)
        weights = np.broadcast_to(targets.per_value(function, "sample_weight", weights, values.shape), values.shape)
        if valid is not None:
            valid = targets.per_value(function, "mask", valid, values.shape)
            weights, values = np.where(valid, weights, 0.0), np.where(valid, values, 0.0)
        per_sample = values.size // (len(values) or 1) if values.ndim else 1
        self.total += float((values * weights).sum(dtype=np.float64)) / (per_sample or 1)
        self.count += float(weights.sum()) / (per_sample or 1)


class Mean(RunningMean):
    """Weighted mean of values.

    Parameters
    ----------
    name : str, default "mean"
        Name of the metric in logs and histories.

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
        values : array_like, shape (N, ...), or float
            Values.
        sample_weight : array_like, shape (N,), (N, 1), (N, T), ..., or float, optional
            Weight of each value. 1 by default.
        """
        self._add(values, sample_weight)


class MeanMetricWrapper(RunningMean):
    """Mean of a function of targets and predictions.

    Parameters
    ----------
    fn : callable
        Function ``fn(y_true, y_pred, **options)`` that returns values (N, ...).
    name : str, optional
        Name in logs and histories. The name of `fn` by default.
    **options : Any
        Keyword arguments of `fn`.

    Raises
    ------
    TypeError
        If `fn` is not callable.

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
        """Return the constructor's arguments by name, with the options of the function.

        Returns
        -------
        dict
            Arguments by name.
        """
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
        y_true, y_pred : array_like
            Targets and predictions, as the function expects them.
        sample_weight : array_like, shape (N,), (N, 1), (N, T), ..., optional
            Weight of each value. 1 by default.
        mask : array_like of bool, shape (N,), (N, 1), (N, T), ..., optional
            True where a value counts. Ignored if the function has already averaged over the masked axis.
        """
        values = self.fn(y_true, y_pred, **self.options)
        if mask is not None and np.ndim(values) < np.ndim(mask):
            mask = None
        self._add(values, sample_weight, mask)


def numeric_arrays(function: str, y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    """Convert y_true and y_pred to arrays of numbers."""
    arrays = _arrays.asarray(function, "y_true", y_true), _arrays.asarray(function, "y_pred", y_pred)
    for name, array in zip(("y_true", "y_pred"), arrays):
        _arrays.compute_dtype(function, name, array.dtype)
    return arrays
