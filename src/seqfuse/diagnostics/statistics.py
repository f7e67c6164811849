"""Weights and their gradients in a table: sizes, ranges, zeros, and what is not a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse.diagnostics.backward import carry_back
from seqfuse.diagnostics.calls import recurrent_calls

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.layers._layer import Layer
    from seqfuse.models import Model


class Statistics(NamedTuple):
    """Of one array, in float64; NaNs are counted and left out of the rest, which is NaN where nothing is left."""

    name: str  # the weight's path, such as "lstm/kernel"
    shape: tuple[int, ...]
    mean: float
    std: float  # the root of the mean square of what differs from the mean
    norm: float  # the root of the sum of squares
    min: float
    max: float
    zeros: float  # the share of zeros, in 0..1
    nans: int  # how many


class StatisticsTable(list[Statistics]):
    """A list of `Statistics` that prints as a table."""

    def __str__(self) -> str:
        width = max([len("weight"), *(len(one.name) for one in self)])
        shapes = max([len("shape"), *(len(str(one.shape)) for one in self)])
        titles = "".join(f"{title:>11}" for title in ("mean", "std", "norm", "min", "max"))
        lines = [f"{'weight':{width}}  {'shape':{shapes}}{titles}{'zeros':>9}{'NaN':>6}"]
        for name, shape, *numbers, zeros, nans in self:
            cells = "".join(f"{number:11.3g}" for number in numbers)
            lines.append(f"{name:{width}}  {shape!s:{shapes}}{cells}{zeros:9.2%}{nans:6}")
        return "\n".join(lines)


def weight_statistics(model: Layer) -> StatisticsTable:
    """Mean, spread, norm and range of every weight, the share of its zeros and the number of its NaNs.

    Parameters
    ----------
    model : Model or Layer        built

    Returns
    -------
    list of Statistics        in the order of `model.weights`; `print` shows it as a table

    Examples
    --------
    >>> from seqfuse.diagnostics import weight_statistics
    >>> from seqfuse.layers import Dense, Input
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Input((2,)), Dense(2, name="sums", kernel_initializer="ones")])
    >>> print(weight_statistics(model))
    weight       shape        mean        std       norm        min        max    zeros   NaN
    sums/kernel  (2, 2)          1          0          2          1          1    0.00%     0
    sums/bias    (2,)            0          0          0          0          0  100.00%     0
    """
    return StatisticsTable(_statistics(weight.path, weight.value) for weight in model.weights)


def gradient_statistics(model: Model, x: Any, y: Any, sample_weight: Any = None) -> StatisticsTable:
    """The same of the gradients of one batch: those that an optimizer would get, before it clips them.

    Parameters
    ----------
    model : Model        compiled with a loss
    x, y, sample_weight : arrays, or lists or dicts of them        one batch

    Returns
    -------
    list of Statistics        in the order of `model.trainable_weights`; `print` shows it as a table

    Raises
    ------
    RuntimeError, ValueError        the model is not compiled, or has no loss

    Notes
    -----
    The gradients of the regularizers are in them. Dropout is off.
    """
    with recurrent_calls(model):
        gradients = carry_back("gradient_statistics", model, x, y, sample_weight)
    for weight, gradient in zip(model.trainable_weights, gradients):
        if weight.regularizer is not None:
            weight.regularizer.add_gradient(weight.value, gradient)
    return StatisticsTable(_statistics(w.path, gradient) for w, gradient in zip(model.trainable_weights, gradients))


def _statistics(name: str, array: Array) -> Statistics:
    nan = np.isnan(array)
    a = array[~nan].astype(np.float64)
    zeros = float((array == 0).mean()) if array.size else np.nan
    if not a.size:
        return Statistics(name, array.shape, *(np.nan,) * 5, zeros, int(nan.sum()))
    norm = float(np.sqrt(np.square(a).sum()))
    with np.errstate(invalid="ignore"):  # the spread of infinities is NaN
        std = float(a.std())
    return Statistics(
        name, array.shape, float(a.mean()), std, norm, float(a.min()), float(a.max()), zeros, int(nan.sum())
    )
