"""CTC loss (connectionist temporal classification), for label sequences without alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks
from seqfuse import functional as F
from seqfuse.losses import _targets as targets
from seqfuse.losses._loss import Loss

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class CTC(Loss):
    """CTC loss: value = -log(probability of the label sequence y_true given the logits y_pred).

    Parameters
    ----------
    reduction : str or None, default "sum_over_batch_size"
        How the values become one number; see `Loss`. "sum_over_batch_size" is the mean over the batch.
    name : str, default "ctc"
        Name of the loss.
    zero_infinity : bool, default False
        Whether a row without any valid alignment has the value 0 instead of inf. Its gradient is 0 in both cases.

    Notes
    -----
    `y_true` is (N, S): labels in 1..C-1, padded with zeros after the last label. Class 0 is the blank. `y_pred` is
    (N, T, C), logits. A mask (N, T) marks the valid steps of `y_pred`.

    Keras 3 uses the same labels and returns the same values, with three differences: it refuses a mask of `y_pred`,
    it accepts a 0 between labels as a label, and it returns about 1e5 on JAX where this loss is inf.

    The loss is `seqfuse.functional.ctc_loss`. `seqfuse.functional.ctc_greedy_decode` and `ctc_beam_decode` decode
    `y_pred`.

    References
    ----------
    Graves, Fernandez, Gomez and Schmidhuber 2006, "Connectionist temporal classification".

    Examples
    --------
    >>> import numpy as np
    >>> loss = CTC()
    >>> value, tape = loss.forward([[1, 2, 0], [2, 2, 1]], np.zeros((2, 6, 3)))
    >>> round(value, 4)
    2.8013
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ctc",
        zero_infinity: bool = False,
    ) -> None:
        super().__init__(name, reduction)
        (self.zero_infinity,) = _checks.flags(self._function, ("zero_infinity",), (zero_infinity,))

    def _read(
        self, function: str, y_true: ArrayLike, y_pred: Array, steps: bool, valid: Array | None
    ) -> tuple[Any, Array, None]:
        """Return (labels, label lengths, valid steps), y_pred, and None: every value of the batch counts."""
        if y_pred.ndim != 3:
            _checks.refuse_shape(function, "y_pred", "(N, T, C)", None, y_pred.shape)
        given = _arrays.asarray(function, "y_true", y_true)
        if given.ndim != 2 or len(given) != len(y_pred):
            _checks.refuse_shape(function, "y_true", f"(N, S) = ({len(y_pred)}, S)", None, given.shape)
        labels = given if given.dtype.kind in "iu" else targets.whole(function, given)
        shape, max_label = labels.shape, y_pred.shape[2] - 1
        advice = "Pad with 0 after the labels; class 0 is the blank"
        flat, _ = _checks.indices(function, "y_true", labels, "0..C-1", max_label, False, advice)
        labels = flat.reshape(shape)
        lengths = np.count_nonzero(labels, axis=1)
        early_zeros = np.argwhere((labels == 0) & (np.arange(shape[1]) < lengths[:, None]))
        if len(early_zeros):
            place = ", ".join(map(str, early_zeros[0].tolist()))
            raise ValueError(
                f"{function}: y_true must have zeros only after its labels; got a zero at [{place}]. {advice}"
            )
        if valid is not None and valid.shape != y_pred.shape[:2]:
            _checks.refuse_shape(function, "mask", "(N, T)", y_pred.shape[:2], valid.shape)
        return (labels, lengths, valid), y_pred, None

    def _evaluate(self, y_true: Any, y_pred: Array) -> tuple[Array, Any]:
        labels, lengths, valid = y_true
        return F.ctc_loss_forward(
            y_pred, labels, mask=valid, label_lengths=lengths, batch_first=True, zero_infinity=self.zero_infinity
        )

    def _derivative(self, saved: Any, factor: Array | float) -> Array:
        return F.ctc_loss_backward(saved, factor)


def ctc(y_true: ArrayLike, y_pred: ArrayLike) -> Any:
    """Return the values of `CTC`, one per row of the batch.

    Parameters
    ----------
    y_true : array_like of int, shape (N, S)
        Labels in 1..C-1, padded with zeros.
    y_pred : array_like, shape (N, T, C)
        Logits.

    Returns
    -------
    ndarray, shape (N,)
        Values.

    Examples
    --------
    >>> import numpy as np
    >>> ctc([[1]], np.zeros((1, 2, 2))).round(4)
    array([0.2877])
    """
    return CTC(reduction=None)(y_true, y_pred)
