"""Tables of statistics of weights and gradients: size, range, zeros and NaNs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse.diagnostics.backward import backpropagate
from seqfuse.diagnostics.calls import recurrent_calls

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.layers._layer import Layer
    from seqfuse.models import Model


class Statistics(NamedTuple):
    """Statistics of one array, computed in float64.

    NaN entries are counted in `nans` and excluded from `mean`, `std`, `norm`, `min` and `max`. These five are NaN if no
    other entry is left.

    Attributes
    ----------
    name : str
        Path of the weight, such as "lstm/kernel".
    shape : tuple of int
        Shape of the array.
    mean : float
        Arithmetic mean.
    std : float
        Standard deviation, with divisor N.
    norm : float
        Euclidean norm: the square root of the sum of squares.
    min, max : float
        Smallest and largest entry.
    zeros : float
        Fraction of entries that are zero, in [0, 1].
    nans : int
        Number of NaN entries.
    """

    name: str
    shape: tuple[int, ...]
    mean: float
    std: float
    norm: float
    min: float
    max: float
    zeros: float
    nans: int


class StatisticsTable(list[Statistics]):
    """List of `Statistics` that prints as a table."""

    def __str__(self) -> str:
        name_width = max([len("weight"), *(len(row.name) for row in self)])
        shape_width = max([len("shape"), *(len(str(row.shape)) for row in self)])
        titles = "".join(f"{title:>11}" for title in ("mean", "std", "norm", "min", "max"))
        lines = [f"{'weight':{name_width}}  {'shape':{shape_width}}{titles}{'zeros':>9}{'NaN':>6}"]
        for name, shape, *numbers, zeros, nans in self:
            cells = "".join(f"{number:11.3g}" for number in numbers)
            lines.append(f"{name:{name_width}}  {shape!s:{shape_width}}{cells}{zeros:9.2%}{nans:6}")
        return "\n".join(lines)


def weight_statistics(model: Layer) -> StatisticsTable:
    """Return mean, standard deviation, norm, range, fraction of zeros and number of NaNs of every weight.

    Parameters
    ----------
    model : Model or Layer
        Model or layer. One that is not built has no weights.

    Returns
    -------
    StatisticsTable
        A list of `Statistics` in the order of ``model.weights``; `print` shows it as a table.

    See Also
    --------
    gradient_statistics : The same for the gradients of one batch.

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
    """Return mean, standard deviation, norm, range, fraction of zeros and number of NaNs of every gradient.

    The gradients are those of the loss of one batch.

    Parameters
    ----------
    model : Model
        Model that is compiled with a loss.
    x, y : array_like, or list or dict of array_like
        Inputs and targets: one batch.
    sample_weight : array_like, or list or dict of array_like, optional
        Weights of the samples in the loss. Ones by default.

    Returns
    -------
    StatisticsTable
        A list of `Statistics` in the order of ``model.trainable_weights``; `print` shows it as a table.

    Raises
    ------
    RuntimeError
        If the model is not compiled.
    ValueError
        If the model has no loss.

    See Also
    --------
    weight_statistics : The same for the weights.

    Notes
    -----
    These are the gradients that an optimizer would receive, before it clips them. They include the gradients of the
    regularizers. The model runs in inference mode, without dropout.

    Examples
    --------
    With zero weights the prediction is 0, so the mean squared error has the derivative -2 with respect to it:

    >>> import numpy as np
    >>> from seqfuse.diagnostics import gradient_statistics
    >>> from seqfuse.layers import Dense, Input
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Input((2,)), Dense(1, name="sum", kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> print(gradient_statistics(model, np.ones((3, 2)), np.ones((3, 1))))
    weight      shape        mean        std       norm        min        max    zeros   NaN
    sum/kernel  (2, 1)         -2          0       2.83         -2         -2    0.00%     0
    sum/bias    (1,)           -2          0          2         -2         -2    0.00%     0
    """
    with recurrent_calls(model):
        gradients = backpropagate("gradient_statistics", model, x, y, sample_weight)
    for weight, gradient in zip(model.trainable_weights, gradients):
        if weight.regularizer is not None:
            weight.regularizer.add_gradient(weight.value, gradient)
    return StatisticsTable(_statistics(w.path, gradient) for w, gradient in zip(model.trainable_weights, gradients))


def _statistics(name: str, array: Array) -> Statistics:
    """Return the statistics of one array."""
    nan = np.isnan(array)
    a = array[~nan].astype(np.float64)
    zeros = float((array == 0).mean()) if array.size else np.nan
    if not a.size:
        return Statistics(name, array.shape, *(np.nan,) * 5, zeros, int(nan.sum()))
    norm = float(np.sqrt(np.square(a).sum()))
    with np.errstate(invalid="ignore"):  # the standard deviation of infinities is NaN
        std = float(a.std())
    return Statistics(
        name, array.shape, float(a.mean()), std, norm, float(a.min()), float(a.max()), zeros, int(nan.sum())
    )
