"""Pooling over all steps of a sequence: mean and maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.layers._layer import Layer
from seqfuse.layers._reshaping import channels_last

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Into, ShapeLike, Tape
    from seqfuse.layers._tensor import Shape


class _GlobalPooling(Layer):
    """Base class of the poolings over all steps."""

    not_stepwise = "it needs all steps at once"
    ranks = (3,)
    symbols = "(batch, T, I)"

    def __init__(
        self,
        data_format: str | None = None,
        keepdims: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.data_format = channels_last(type(self).__name__, data_format)
        self.keepdims = keepdims

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        batch, _, features = input_shape
        return (batch, 1, features) if self.keepdims else (batch, features)


def _sum_of_steps(x: Array) -> Array:
    """Return the sum of x (batch, T, features) over T, (batch, 1, features).

    NumPy would add the steps one after the other, so that the rounding error grows with T. Here the sum is one of
    sums of 64 steps, and so on.
    """
    while x.shape[1] > 64:
        x = np.add.reduceat(x, np.arange(0, x.shape[1], 64), axis=1)
    return np.asarray(x.sum(1, keepdims=True))


class GlobalAveragePooling1D(_GlobalPooling):
    """Mean over the valid steps of each sequence.

    Parameters
    ----------
    data_format : "channels_last" or None, default None
        Keras's argument. No other value is supported.
    keepdims : bool, default False
        Whether y has a time axis of size 1, (batch, 1, I).
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Notes
    -----
    The input is (batch, T, I), the output (batch, I). Masked steps do not affect the result, even if they hold NaN. The
    mean of a sequence without valid steps is 0; in Keras it is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import GlobalAveragePooling1D
    >>> x = np.array([[[1.0], [3.0], [np.nan]]])
    >>> GlobalAveragePooling1D()(x, mask=np.array([[True, True, False]]))
    array([[2.]], dtype=float32)
    """

    supports_masking = True

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        x = self.prepare_input(x)
        valid, steps = None, self._dtype.type(max(x.shape[1], 1))
        if mask is not None:
            valid = np.asarray(mask, bool)[:, :, None]
            steps = np.maximum(valid.sum(1, keepdims=True), 1).astype(self._dtype)
            x = np.where(valid, x, self._dtype.type(0))
        y = _sum_of_steps(x) / steps
        return y if self.keepdims else y[:, 0], (x.shape, valid, steps)

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        # forward: y = sum of x / steps   =>   dx = dy / steps at every valid step
        shape, valid, steps = tape
        dx: Array = np.asarray(dy)
        dx = (dx if self.keepdims else dx[:, None]) / steps
        return np.broadcast_to(dx, shape).copy() if valid is None else np.where(valid, dx, dx.dtype.type(0)), []

    def compute_mask(self, x: Any, mask: Any = None) -> None:
        # the output has no time axis
        return None


class GlobalMaxPooling1D(_GlobalPooling):
    """Maximum over all steps of each sequence.

    Parameters
    ----------
    data_format : "channels_last" or None, default None
        Keras's argument. No other value is supported.
    keepdims : bool, default False
        Whether y has a time axis of size 1, (batch, 1, I).
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Notes
    -----
    The input is (batch, T, I), the output (batch, I). Masked steps count too, as in Keras. If several steps have the
    maximum, the gradient is divided equally among them.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import GlobalMaxPooling1D
    >>> y, tape = GlobalMaxPooling1D().forward(np.array([[[1.0], [3.0], [3.0]]]))
    >>> dx, _ = GlobalMaxPooling1D().backward(tape, np.ones((1, 1)))
    >>> y, dx[0, :, 0]
    (array([[3.]], dtype=float32), array([0. , 0.5, 0.5]))
    """

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        x = self.prepare_input(x)
        if x.shape[1] == 0:
            raise ValueError(f"{self.name}: the input must have at least one step; got {x.shape}")
        y = x.max(1, keepdims=True)
        return y if self.keepdims else y[:, 0], (x, y)

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        # dx = dy at the maximum; 0 if the maximum is NaN
        x, y = tape
        dx: Array = np.asarray(dy)
        is_max = x == y
        dx = (dx if self.keepdims else dx[:, None]) / np.maximum(is_max.sum(1, keepdims=True), 1).astype(self._dtype)
        return np.where(is_max, dx, dx.dtype.type(0)), []
