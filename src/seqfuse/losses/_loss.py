"""The base of all losses: weights, masks and the reduction to one number, around two equations that a loss writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks, _names
from seqfuse._config import Configured
from seqfuse.losses import _targets as targets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)


@dataclass(eq=False, repr=False, slots=True)  # not frozen, which costs 2 us a loss
class LossTape:
    """What `Loss.backward` reads; opaque, refers to y_true and y_pred."""

    _loss: Loss
    _saved: Any  # what `_derivative` reads
    _y_pred: Array  # as the caller has it, in what is computed in
    _values: tuple[int, ...]  # the shape of the values
    _weights: Array | None  # a value, 0 where it is not real
    _real: Array | None  # bool, a value
    _scale: float  # what their sum is multiplied by

    def __repr__(self) -> str:
        return f"<LossTape {type(self._loss).__name__} y_pred={self._y_pred.shape} {self._y_pred.dtype}>"


class Loss(Configured):
    """A number that says how wrong predictions are, and its derivative.

    A loss of one's own writes two methods, `values` and `gradient`; weights, masks and reductions are done here.

    Parameters
    ----------
    name : str        by default that of the class in lower case
    reduction : str or None        what becomes of the values, one for each prediction
        "sum_over_batch_size", "mean": their sum over their number; with a mask over the number of those that count
        "sum": their sum
        "mean_with_sample_weight": their sum over the sum of the weights, as these are given
        "none", None: they stay an array

    Notes
    -----
    Values, weights and masks combine as in Keras 3. Beyond it, a sample weight (N,) serves values (N, T), a mask or
    weights (N, T) serve targets (N, T) beside predictions (N, T, 1), and NaN where the mask is False reaches nothing.

    Examples
    --------
    >>> import numpy as np
    >>> class LogCosh(Loss):
    ...     def values(self, y_true, y_pred):
    ...         return np.log(np.cosh(y_pred - y_true)).mean(axis=-1)
    ...
    ...     def gradient(self, y_true, y_pred):
    ...         return np.tanh(y_pred - y_true) / y_pred.shape[-1]
    >>> loss = LogCosh()
    >>> value, tape = loss.forward([[0.0], [1.0]], [[0.0], [3.0]])
    >>> round(value, 4), loss.backward(tape).round(4)
    (0.6625, array([[0.   ],
           [0.482]]))
    """

    labels = False  # y_true is the number of a class for each row of y_pred, rather than as many numbers as y_pred
    ignore_class: int | None = None  # of labels: one that does not count

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size") -> None:
        self.name = name or _names.snake_case(type(self).__name__)
        if reduction not in REDUCTIONS:
            options = _names.listed(filter(None, REDUCTIONS))
            near = _names.suggestion(str(reduction), list(filter(None, REDUCTIONS)))
            raise ValueError(f"{self._function}: reduction must be {options} or None; got {reduction!r}{near}")
        self.reduction = reduction

    @property
    def _function(self) -> str:
        """What messages begin with."""
        return type(self).__name__

    # ---- what a loss writes --------------------------------------------------------------------------------------

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """The value of each prediction.

        Parameters
        ----------
        y_true : as y_pred, and of its type        or, where the class says `labels = True`, (...) int64 in 0..C-1
        y_pred : (..., C)        float32 or float64

        Returns
        -------
        values : (...)        the shape of y_pred less its last axis, or less its last axes
        """
        raise NotImplementedError(f"{self._function} must have a method values(y_true, y_pred)")

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        """The derivative of each of `values` with respect to its own row of y_pred.

        Parameters
        ----------
        y_true, y_pred : as for `values`

        Returns
        -------
        dy_pred : as y_pred
        """
        raise NotImplementedError(f"{self._function} must have a method gradient(y_true, y_pred)")

    # ---- what a loss that keeps something between the two writes instead -----------------------------------------

    def _evaluate(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        """The values, and what `_derivative` reads."""
        return np.asarray(self.values(y_true, y_pred)), (y_true, y_pred)

    def _derivative(self, saved: Any, factor: Array | float) -> Array:
        """The gradient times a factor, which is one number or one a value."""
        y_true, y_pred = saved
        gradient = np.asarray(self.gradient(y_true, y_pred))
        if gradient.shape != y_pred.shape:
            _checks.refuse_shape(f"{self._function}.gradient", "dy_pred", "as y_pred", y_pred.shape, gradient.shape)
        return np.asarray(gradient * per_row(factor, y_pred))

    # ---- what everybody calls ------------------------------------------------------------------------------------

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss as `forward` gives it, without a tape."""
        return self.forward(y_true, y_pred, sample_weight)[0]

    def forward(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> tuple[Any, LossTape]:
        """The loss, and the tape for `backward`.

        Parameters
        ----------
        y_true : as y_pred, or (...) where it holds classes        numbers of any type, computed with in that of y_pred
        y_pred : (..., C)        predictions
        sample_weight : (N,), (N, 1), (N, T), ...        what a value is multiplied by; 1 by default
        mask : bool, as sample_weight        True where a value counts

        Returns
        -------
        loss : float        an array of the values where the reduction is None
        LossTape        opaque; refers to y_true and y_pred

        Raises
        ------
        ValueError        a shape disagrees, or a label is out of range
        TypeError        a kind of number that is not computed with
        """
        function = self._function
        prediction, _ = _arrays.widest(function, ("y_pred",), (y_pred,))
        if prediction.ndim == 0:
            raise ValueError(f"{function}: y_pred must be (N, ...); got ()")
        if sample_weight is None and mask is None and self.ignore_class is None:
            real = None
            true, seen, _ = self._read(function, y_true, prediction, False, None)
            values, saved = self._evaluate(true, seen)
        else:
            if sample_weight is not None:
                sample_weight = _arrays.numbers(function, "sample_weight", sample_weight, prediction.dtype)
            real = targets.real_values(function, mask)
            steps = _per_step(prediction, sample_weight) or _per_step(prediction, real)
            true, seen, real = self._read(function, y_true, prediction, steps, real)
            with np.errstate(all="ignore"):  # of NumPy, about what stands where the mask is False
                values, saved = self._evaluate(true, seen)
        if values.shape != seen.shape[: values.ndim]:
            _checks.refuse_shape(f"{function}.values", "values", "the first axes of y_pred", seen.shape, values.shape)
        weights, scale = None, 1.0
        if sample_weight is not None or real is not None:
            values, weights, real, scale = self._weighted(function, values, sample_weight, real)
        elif self.reduction != "sum":
            scale = 1.0 / (values.size or 1)
        if self.reduction in (None, "none"):
            return values, LossTape(self, saved, prediction, values.shape, weights, real, 1.0)
        loss = float(np.add.reduce(values, axis=None)) * scale
        return loss, LossTape(self, saved, prediction, values.shape, weights, real, scale)

    def backward(self, tape: LossTape, dloss: ArrayLike = 1.0) -> Array:
        """The gradient of `forward` with respect to y_pred.

        Parameters
        ----------
        tape : LossTape        of this loss; not changed, it may be read again
        dloss : float        gradient of the loss; an array where the loss is one

        Returns
        -------
        dy_pred : as y_pred

        Raises
        ------
        TypeError        not a tape of this loss
        ValueError        the shape of dloss disagrees
        """
        if type(tape) is not LossTape or tape._loss is not self:
            raise TypeError(f"{self._function}.backward: tape must be what its forward returned; got {tape!r}")
        factor: Any = dloss
        if type(dloss) is not float:
            factor = _arrays.numbers(f"{self._function}.backward", "dloss", dloss, tape._y_pred.dtype)
            if factor.ndim and (self.reduction not in (None, "none") or factor.shape != tape._values):
                needed = tape._values if self.reduction in (None, "none") else ()
                _checks.refuse_shape(f"{self._function}.backward", "dloss", "as the loss", needed, factor.shape)
            factor = factor if factor.ndim else float(factor)
        factor = factor * tape._scale
        if tape._weights is not None:
            factor = np.broadcast_to(tape._weights * factor, tape._values)
        if tape._real is None:
            dy_pred = self._derivative(tape._saved, factor)
        else:
            with np.errstate(all="ignore"):  # as in forward
                dy_pred = self._derivative(tape._saved, factor)
                dy_pred[~tape._real] = 0
        return dy_pred.astype(tape._y_pred.dtype, copy=False).reshape(tape._y_pred.shape)

    def _read(
        self, function: str, y_true: ArrayLike, y_pred: Array, steps: bool, real: Array | None
    ) -> tuple[Array, Array, Array | None]:
        """y_true and y_pred as `values` reads them, and which values are real."""
        if self.labels:
            real = None if real is None else targets.per_value(function, "mask", real, y_pred.shape[:-1])
            labels, real = targets.classes(function, y_true, y_pred, real, self.ignore_class)
            return labels, y_pred, real
        true = _arrays.numbers(function, "y_true", y_true, y_pred.dtype)
        return *targets.aligned(function, true, y_pred, steps), real

    def _weighted(
        self, function: str, values: Array, sample_weight: Any, real: Array | None
    ) -> tuple[Array, Array, Array | None, float]:
        """The values times their weights, the weights, which values are real, and what the sum is multiplied by."""
        counted = 1.0  # the share of the values that are real
        weights = np.ones((1,) * values.ndim, values.dtype)
        if sample_weight is not None:
            weights = targets.per_value(function, "sample_weight", sample_weight, values.shape)
        if real is not None:
            real = targets.per_value(function, "mask", real, values.shape)
            weights = np.where(real, weights, np.zeros((), values.dtype))
            values = np.where(real, values, np.zeros((), values.dtype))
            counted = int(np.count_nonzero(real)) / (real.size or 1)
            real = np.broadcast_to(real, values.shape)
        divisor = values.size * counted
        if self.reduction == "sum":
            divisor = 1.0
        elif self.reduction == "mean_with_sample_weight":
            divisor = float(weights.sum())
        return values * weights, weights, real, 1.0 / divisor if divisor else 0.0


def per_row(factor: Any, y_pred: Array) -> Any:
    """One factor a value as one that broadcasts over y_pred; a single number stays one."""
    return factor if isinstance(factor, float) else factor.reshape(factor.shape + (1,) * (y_pred.ndim - factor.ndim))


def _per_step(y_pred: Array, weights: Array | None) -> bool:
    """Whether weights have an entry for every step of y_pred (N, ..., T, C)."""
    steps = y_pred.ndim - 2
    return weights is not None and steps > 0 and weights.ndim > steps and weights.shape[steps] != 1
