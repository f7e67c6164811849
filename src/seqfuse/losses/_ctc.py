"""The loss of sequences that spell labels at no known steps: connectionist temporal classification."""

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
    """value = -log(the probability that the steps of y_pred spell y_true): `functional.ctc_loss` with 0 for the blank

    Parameters
    ----------
    reduction, name : as for `Loss`; "sum_over_batch_size" is the mean over the batch
    zero_infinity : bool        a row with no way to spell y_true has a value of 0, not of inf; its gradient is 0 anyway

    Notes
    -----
    y_true is (N, S), labels in 1..C-1 and zeros behind them; y_pred is (N, T, C), logits. A mask is (N, T), as it comes
    with y_pred: what it leaves out is no step. Keras 3 has the same labels and values; a mask that comes with y_pred is
    an error there, a 0 between labels is taken for one, and where this is inf it has about 1e5 on JAX. What y_pred
    spells say `functional.ctc_greedy_decode` and `ctc_beam_decode`.

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
        self, function: str, y_true: ArrayLike, y_pred: Array, steps: bool, real: Array | None
    ) -> tuple[Any, Array, None]:
        """y_true, its lengths and the real steps, which are no values; y_pred; every value is real."""
        if y_pred.ndim != 3:
            _checks.refuse_shape(function, "y_pred", "(N, T, C)", None, y_pred.shape)
        given = _arrays.asarray(function, "y_true", y_true)
        if given.ndim != 2 or len(given) != len(y_pred):
            _checks.refuse_shape(function, "y_true", f"(N, S) = ({len(y_pred)}, S)", None, given.shape)
        labels = given if given.dtype.kind in "iu" else targets.whole(function, given)
        shape, most = labels.shape, y_pred.shape[2] - 1
        advice = "Pad with 0 behind the labels; class 0 is the blank"
        flat, _ = _checks.indices(function, "y_true", labels, "0..C-1", most, False, advice)
        labels = flat.reshape(shape)
        lengths = np.count_nonzero(labels, axis=1)
        between = np.argwhere((labels == 0) & (np.arange(shape[1]) < lengths[:, None]))
        if len(between):
            place = ", ".join(map(str, between[0].tolist()))
            raise ValueError(
                f"{function}: y_true must have its zeros behind its labels; got one at [{place}]. {advice}"
            )
        if real is not None and real.shape != y_pred.shape[:2]:
            _checks.refuse_shape(function, "mask", "(N, T)", y_pred.shape[:2], real.shape)
        return (labels, lengths, real), y_pred, None

    def _evaluate(self, y_true: Any, y_pred: Array) -> tuple[Array, Any]:
        labels, lengths, real = y_true
        return F.ctc_loss_forward(
            y_pred, labels, mask=real, label_lengths=lengths, batch_first=True, zero_infinity=self.zero_infinity
        )

    def _derivative(self, saved: Any, factor: Array | float) -> Array:
        return F.ctc_loss_backward(saved, factor)


def ctc(y_true: ArrayLike, y_pred: ArrayLike) -> Any:
    """The values of `CTC`, one for each row.

    Examples
    --------
    >>> import numpy as np
    >>> ctc([[1]], np.zeros((1, 2, 2))).round(4)
    array([0.2877])
    """
    return CTC(reduction=None)(y_true, y_pred)
