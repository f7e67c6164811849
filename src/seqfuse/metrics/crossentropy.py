"""Cross-entropy metrics and perplexity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from seqfuse import _arrays, losses
from seqfuse.losses import _targets as targets
from seqfuse.metrics.metric import MeanMetricWrapper, RunningMean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class _ProbabilityCrossentropy(MeanMetricWrapper):
    """Mean of a cross-entropy loss whose targets are probabilities."""

    loss: ClassVar[type[losses.BinaryCrossentropy | losses.CategoricalCrossentropy]]

    def __init__(self, name: str | None = None, from_logits: bool = False, label_smoothing: float = 0.0) -> None:
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
        super().__init__(self.loss(from_logits, label_smoothing, reduction=None), name)


class BinaryCrossentropy(_ProbabilityCrossentropy):
    """Mean binary cross-entropy; see `seqfuse.losses.BinaryCrossentropy`.

    Parameters
    ----------
    name : str, optional
        Name of the metric in logs and histories. "binary_crossentropy" by default.
    from_logits : bool, default False
        Whether predictions are logits instead of probabilities.
    label_smoothing : float, default 0.0
        Label smoothing, in [0, 1).

    Examples
    --------
    >>> round(BinaryCrossentropy()([[1.0], [0.0]], [[0.9], [0.2]]), 4)
    0.1643
    """

    loss = losses.BinaryCrossentropy


class CategoricalCrossentropy(_ProbabilityCrossentropy):
    """Mean categorical cross-entropy; see `seqfuse.losses.CategoricalCrossentropy`.

    Parameters
    ----------
    name : str, optional
        Name of the metric in logs and histories. "categorical_crossentropy" by default.
    from_logits : bool, default False
        Whether predictions are logits instead of probabilities.
    label_smoothing : float, default 0.0
        Label smoothing, in [0, 1).

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[0.0, 1.0, 0.0]], [[0.05, 0.95, 0.0]]), 4)
    0.0513
    """

    loss = losses.CategoricalCrossentropy


class SparseCategoricalCrossentropy(RunningMean):
    """Weighted mean of -log(p[y_true]) over all labels that count.

    Parameters
    ----------
    name : str, default "sparse_categorical_crossentropy"
        Name of the metric in logs and histories.
    from_logits : bool, default False
        Whether predictions are logits instead of probabilities.
    ignore_class : int, optional
        Label that does not count, for example of padding.

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
        y_true : array_like, shape (...) or (..., 1)
            Class indices, in 0..C-1 where they count.
        y_pred : array_like, shape (..., C)
            Probabilities, or logits if `from_logits` is set.
        sample_weight : array_like, shape (N,), (N, 1), (N, T), ..., optional
            Weight of each label. 1 by default.
        mask : array_like of bool, shape (N,), (N, 1), (N, T), ..., optional
            True where a label counts.
        """
        function = type(self).__name__
        values, _ = self._loss.forward(y_true, y_pred, mask=mask)
        weights = np.ones(values.shape)
        if sample_weight is not None:
            given = _arrays.numbers(function, "sample_weight", sample_weight, _arrays.FLOAT64)
            weights = weights * targets.per_value(function, "sample_weight", given, values.shape)
        valid = targets.valid_values(function, mask)
        if valid is not None:
            weights = np.where(targets.per_value(function, "mask", valid, values.shape), weights, 0)
        if self.ignore_class is not None:
            weights = np.where(np.reshape(y_true, values.shape) == self.ignore_class, 0, weights)
        self._add(values.reshape(-1), weights.reshape(-1))


class Perplexity(SparseCategoricalCrossentropy):
    """Perplexity: exp of the mean of -log(p[y_true]) over all labels that count.

    Parameters
    ----------
    name : str, default "perplexity"
        Name of the metric in logs and histories.
    from_logits : bool, default False
        Whether predictions are logits instead of probabilities.
    ignore_class : int, optional
        Label that does not count, for example of padding.

    Notes
    -----
    The mean is taken over the labels of all batches, so the result does not depend on the batch size.

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
        """Return the perplexity over all batches since the last reset.

        Returns
        -------
        float
            Perplexity; 0 if there was no batch.
        """
        if not self.count:
            return 0.0
        mean = super().result()
        return math.exp(mean) if mean < 700 else math.inf  # exp(710) overflows
