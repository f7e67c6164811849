"""Base class of the losses: sample weights, masks and reduction. A loss itself defines its values and gradient."""

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


@dataclass(eq=False, repr=False, slots=True)  # a frozen dataclass would cost 2 us more per loss
class LossTape:
    """Tape of `Loss.forward` for `Loss.backward`. Opaque; it keeps references to y_true and y_pred."""

    _loss: Loss
    _saved: Any  # argument of `_derivative`
    _y_pred: Array  # in the shape of the caller and the type of the computation
    _value_shape: tuple[int, ...]
    _weights: Array | None  # weight of each value, 0 where it does not count
    _valid: Array | None  # bool, which values count
    _factor: float  # factor of the sum of the values

    def __repr__(self) -> str:
        return f"<LossTape {type(self._loss).__name__} y_pred={self._y_pred.shape} {self._y_pred.dtype}>"


class Loss(Configured):
    """Base class of the losses.

    A subclass defines two methods, `values` and `gradient`. Weights, masks and the reduction are applied here.

    Parameters
    ----------
    name : str, optional
        Name of the loss. The class name in snake case by default.
    reduction : str or None, default "sum_over_batch_size"
        How the values, one per prediction, become one number:

        - "sum_over_batch_size" or "mean": their sum divided by their number; a mask reduces the number.
        - "sum": their sum.
        - "mean_with_sample_weight": their sum divided by the sum of the sample weights.
        - "none" or None: no reduction; the loss is an array.

    Raises
    ------
    ValueError
        If `reduction` is not one of these.

    Notes
    -----
    Values, weights and masks are combined as in Keras 3. In addition, a sample weight (N,) is accepted for values
    (N, T), and a mask or weights (N, T) for targets (N, T) with predictions (N, T, 1). A NaN where the mask is False
    does not affect the result.

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

    labels = False  # whether y_true contains class indices, one per row of y_pred
    ignore_class: int | None = None  # class index that does not count

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size") -> None:
        self.name = name or _names.snake_case(type(self).__name__)
        if reduction not in REDUCTIONS:
            options = _names.listed(filter(None, REDUCTIONS))
            near = _names.suggestion(str(reduction), list(filter(None, REDUCTIONS)))
            raise ValueError(f"{self._function}: reduction must be {options} or None; got {reduction!r}{near}")
        self.reduction = reduction

    @property
    def _function(self) -> str:
        """Name that error messages begin with."""
        return type(self).__name__

    # ---- methods that a subclass defines -------------------------------------------------------------------------

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """Return the value of each prediction.

        Parameters
        ----------
        y_true : ndarray, shape (..., C)
            Targets, of the type of y_pred. If the class sets ``labels = True``: int64 of shape (...), class indices
            in 0..C-1.
        y_pred : ndarray, shape (..., C)
            Predictions, float32 or float64.

        Returns
        -------
        ndarray, shape (...)
            Values; the shape of y_pred without its last axis or axes.
        """
        raise NotImplementedError(f"{self._function} must define values(y_true, y_pred); got no definition")

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        """Return the derivative of each value with respect to its row of y_pred.

        Parameters
        ----------
        y_true, y_pred : ndarray
            Targets and predictions as in `values`.

        Returns
        -------
        ndarray, shape of y_pred
            Gradient.
        """
        raise NotImplementedError(f"{self._function} must define gradient(y_true, y_pred); got no definition")

    # ---- methods that a loss defines instead if its backward needs intermediate results --------------------------

    def _evaluate(self, y_true: Array, y_pred: Array) -> tuple[Array, Any]:
        """Return the values and the saved argument of `_derivative`."""
        return np.asarray(self.values(y_true, y_pred)), (y_true, y_pred)

    def _derivative(self, saved: Any, factor: Array | float) -> Array:
        """Return the gradient times a factor: one number, or one per value."""
        y_true, y_pred = saved
        gradient = np.asarray(self.gradient(y_true, y_pred))
        if gradient.shape != y_pred.shape:
            _checks.refuse_shape(f"{self._function}.gradient", "dy_pred", "as y_pred", y_pred.shape, gradient.shape)
        return np.asarray(gradient * per_row(factor, y_pred))

    # ---- methods that users call ---------------------------------------------------------------------------------

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """Return the loss; the same as `forward` without the tape.

        Parameters
        ----------
        y_true, y_pred, sample_weight : array_like
            As in `forward`.

        Returns
        -------
        float or ndarray
            Loss.
        """
        return self.forward(y_true, y_pred, sample_weight)[0]

    def forward(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> tuple[Any, LossTape]:
        """Compute the loss and keep the tape for `backward`.

        Parameters
        ----------
        y_true : array_like, shape of y_pred, or (...) for class indices
            Targets. Any numeric type; converted to the type of y_pred.
        y_pred : array_like, shape (..., C)
            Predictions.
        sample_weight : array_like, shape (N,), (N, 1), (N, T), ..., optional
            Factor of each value. 1 by default.
        mask : array_like of bool, shape (N,), (N, 1), (N, T), ..., optional
            True where a value counts. All count by default.

        Returns
        -------
        loss : float or ndarray
            Loss; an array of the values if the reduction is None.
        tape : LossTape
            For `backward`. It keeps references to y_true and y_pred; do not modify them in between.

        Raises
        ------
        ValueError
            If a shape does not fit, or a label is out of range.
        TypeError
            If the type of an array is not supported.
        """
        function = self._function
        prediction, _ = _arrays.widest(function, ("y_pred",), (y_pred,))
        if prediction.ndim == 0:
            raise ValueError(f"{function}: y_pred must be (N, ...); got ()")
        if sample_weight is None and mask is None and self.ignore_class is None:
            valid = None
            true, predicted, _ = self._read(function, y_true, prediction, False, None)
            values, saved = self._evaluate(true, predicted)
        else:
            if sample_weight is not None:
                sample_weight = _arrays.numbers(function, "sample_weight", sample_weight, prediction.dtype)
            valid = targets.valid_values(function, mask)
            steps = _per_step(prediction, sample_weight) or _per_step(prediction, valid)
            true, predicted, valid = self._read(function, y_true, prediction, steps, valid)
            with np.errstate(all="ignore"):  # no NumPy warnings about values where the mask is False
                values, saved = self._evaluate(true, predicted)
        if values.shape != predicted.shape[: values.ndim]:
            needed = "the first axes of y_pred"
            _checks.refuse_shape(f"{function}.values", "values", needed, predicted.shape, values.shape)
        weights, factor = None, 1.0
        if sample_weight is not None or valid is not None:
            values, weights, valid, factor = self._weighted(function, values, sample_weight, valid)
        elif self.reduction != "sum":
            factor = 1.0 / (values.size or 1)
        if self.reduction in (None, "none"):
            return values, LossTape(self, saved, prediction, values.shape, weights, valid, 1.0)
        loss = float(np.add.reduce(values, axis=None)) * factor
        return loss, LossTape(self, saved, prediction, values.shape, weights, valid, factor)

    def backward(self, tape: LossTape, dloss: ArrayLike = 1.0) -> Array:
        """Return the gradient of `forward` with respect to y_pred.

        Parameters
        ----------
        tape : LossTape
            Tape of this loss's `forward`. It is not changed and may be used again.
        dloss : float or array_like, default 1.0
            Gradient of the loss; an array if the loss is one.

        Returns
        -------
        ndarray, shape of y_pred
            Gradient dy_pred.

        Raises
        ------
        TypeError
            If `tape` is not a tape of this loss.
        ValueError
            If the shape of `dloss` does not fit.
        """
        if type(tape) is not LossTape or tape._loss is not self:
            raise TypeError(f"{self._function}.backward: tape must come from forward of the same loss; got {tape!r}")
        factor: Any = dloss
        if type(dloss) is not float:
            factor = _arrays.numbers(f"{self._function}.backward", "dloss", dloss, tape._y_pred.dtype)
            if factor.ndim and (self.reduction not in (None, "none") or factor.shape != tape._value_shape):
                needed = tape._value_shape if self.reduction in (None, "none") else ()
                _checks.refuse_shape(f"{self._function}.backward", "dloss", "as the loss", needed, factor.shape)
            factor = factor if factor.ndim else float(factor)
        factor = factor * tape._factor
        if tape._weights is not None:
            factor = np.broadcast_to(tape._weights * factor, tape._value_shape)
        if tape._valid is None:
            dy_pred = self._derivative(tape._saved, factor)
        else:
            with np.errstate(all="ignore"):  # as in forward
                dy_pred = self._derivative(tape._saved, factor)
                dy_pred[~tape._valid] = 0
        return dy_pred.astype(tape._y_pred.dtype, copy=False).reshape(tape._y_pred.shape)

    def _read(
        self, function: str, y_true: ArrayLike, y_pred: Array, steps: bool, valid: Array | None
    ) -> tuple[Array, Array, Array | None]:
        """Return y_true and y_pred as arguments of `values`, and which values count."""
        if self.labels:
            valid = None if valid is None else targets.per_value(function, "mask", valid, y_pred.shape[:-1])
            labels, valid = targets.classes(function, y_true, y_pred, valid, self.ignore_class)
            return labels, y_pred, valid
        true = _arrays.numbers(function, "y_true", y_true, y_pred.dtype)
        return *targets.aligned(function, true, y_pred, steps), valid

    def _weighted(
        self, function: str, values: Array, sample_weight: Any, valid: Array | None
    ) -> tuple[Array, Array, Array | None, float]:
        """Return the weighted values, the weights, which values count, and the factor of the sum."""
        counted = 1.0  # fraction of the values that count
        weights = np.ones((1,) * values.ndim, values.dtype)
        if sample_weight is not None:
            weights = targets.per_value(function, "sample_weight", sample_weight, values.shape)
        if valid is not None:
            valid = targets.per_value(function, "mask", valid, values.shape)
            weights = np.where(valid, weights, np.zeros((), values.dtype))
            values = np.where(valid, values, np.zeros((), values.dtype))
            counted = int(np.count_nonzero(valid)) / (valid.size or 1)
            valid = np.broadcast_to(valid, values.shape)
        divisor = values.size * counted
        if self.reduction == "sum":
            divisor = 1.0
        elif self.reduction == "mean_with_sample_weight":
            divisor = float(weights.sum())
        return values * weights, weights, valid, 1.0 / divisor if divisor else 0.0


def per_row(factor: Any, y_pred: Array) -> Any:
    """Reshape factors, one per value, so that they broadcast over y_pred; a single number is returned as it is."""
    return factor if isinstance(factor, float) else factor.reshape(factor.shape + (1,) * (y_pred.ndim - factor.ndim))


def _per_step(y_pred: Array, weights: Array | None) -> bool:
    """Return whether weights have one entry per step of y_pred (N, ..., T, C)."""
    steps = y_pred.ndim - 2
    return weights is not None and steps > 0 and weights.ndim > steps and weights.shape[steps] != 1
