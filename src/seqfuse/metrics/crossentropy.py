"""How unlikely the predictions say that the targets are, over all batches; and perplexity, the exp of that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from seqfuse import _arrays, losses
from seqfuse.losses import _targets as targets
from seqfuse.metrics.metric import MeanMetricWrapper, RunningMean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class _OfShares(MeanMetricWrapper):
    """The mean of the values of a loss of shares."""

    loss: ClassVar[type[losses.BinaryCrossentropy | losses.CategoricalCrossentropy]]

    def __init__(self, name: str | None = None, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
        super().__init__(self.loss(from_logits, label_smoothing, reduction=None), name)


class BinaryCrossentropy(_OfShares):
    """The mean of the values of `losses.BinaryCrossentropy`.

    Parameters
    ----------
    name : as for `Metric`
    from_logits, label_smoothing : as for the loss

    Examples
    --------
    >>> round(BinaryCrossentropy()([[1.0], [0.0]], [[0.9], [0.2]]), 4)
    0.1643
    """

    loss = losses.BinaryCrossentropy


class CategoricalCrossentropy(_OfShares):
    """The mean of the values of `losses.CategoricalCrossentropy`.

    Parameters
    ----------
    name : as for `Metric`
    from_logits, label_smoothing : as for the loss

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[0.0, 1.0, 0.0]], [[0.05, 0.95, 0.0]]), 4)
    0.0513
    """

    loss = losses.CategoricalCrossentropy


class SparseCategoricalCrossentropy(RunningMean):
    """The mean of -log(p[y_true]) over all labels that count, each with its weight.

    Parameters
    ----------
    name : as for `Metric`
    from_logits, ignore_class : as for `losses.SparseCategoricalCrossentropy`

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy()([1, 0], [[0.5, 0.5], [0.25, 0.75]], sample_weight=[1, 0]), 4)
    0.6931
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        from_logits: bool = False,
        ignore_class: int | None = None,
    ) -> None:
        super().__init__(name)
        self.from_logits, self.ignore_class = from_logits, ignore_class
        self._loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, reduction=None)

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
        y_true : (...) or (..., 1)        classes, in 0..C-1 where they count
        y_pred : (..., C)        shares, or logits where the metric says so
        sample_weight : (N,), (N, 1), (N, T), ...        how much each label counts; 1 by default
        mask : bool, as sample_weight        True where a label counts
        """
        function = type(self).__name__
        values, _ = self._loss.forward(y_true, y_pred, mask=mask)
        weights = np.ones(values.shape)
        if sample_weight is not None:
            given = _arrays.numbers(function, "sample_weight", sample_weight, _arrays.FLOAT64)
            weights = weights * targets.per_value(function, "sample_weight", given, values.shape)
        real = targets.real_values(function, mask)
        if real is not None:
            weights = np.where(targets.per_value(function, "mask", real, values.shape), weights, 0)
        if self.ignore_class is not None:
            weights = np.where(np.reshape(y_true, values.shape) == self.ignore_class, 0, weights)
        self._add(values.reshape(-1), weights.reshape(-1))


class Perplexity(SparseCategoricalCrossentropy):
    """exp of the mean of -log(p[y_true]) over all labels that count: among how many words the model hesitates.

    Parameters
    ----------
    name : as for `Metric`
    from_logits, ignore_class : as for `losses.SparseCategoricalCrossentropy`

    Notes
    -----
    The mean is over labels, whatever batch they came in, so that the number depends on no batch size.

    Examples
    --------
    >>> round(Perplexity()([[1, 0]], [[[0.5, 0.5], [0.25, 0.75]]]), 4)  # the geometric mean of 2 and 4
    2.8284
    """

    def __init__(
        self, name: str | None = "perplexity", from_logits: bool = False, ignore_class: int | None = None
    ) -> None:
        super().__init__(name, from_logits, ignore_class)

    def result(self) -> float:
        """exp of the mean of what was seen, 0 where nothing was."""
        if not self.count:
            return 0.0
        mean = super().result()
        return math.exp(mean) if mean < 700 else math.inf  # or it is beyond the largest float
