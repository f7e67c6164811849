"""Pooling over windows of steps: mean and maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.layers._layer import Layer
from seqfuse.layers._reshaping import channels_last
from seqfuse.layers._windows import Windows, check_padding, one_size

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Into, ShapeLike, Tape
    from seqfuse.layers._tensor import Shape


class _WindowPooling(Layer):
    """Base class of the poolings over windows."""

    ranks = (3,)
    symbols = "(batch, T, I)"

    def __init__(
        self,
        pool_size: int | tuple[int] = 2,
        strides: int | tuple[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        kind = type(self).__name__
        self.pool_size = one_size(kind, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else one_size(kind, "strides", strides)
        self.padding = check_padding(kind, padding, ("valid", "same"))
        self.data_format = channels_last(kind, data_format)
        self._windows = Windows(*self.pool_size, *self.strides, 1, self.padding)

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return (input_shape[0], self._windows.number(self.name, input_shape[1]), input_shape[2])


class AveragePooling1D(_WindowPooling):
    """Mean over windows of steps; window t starts at step t * strides.

    Parameters
    ----------
    pool_size : int, default 2
        Number of steps of a window.
    strides : int, optional
        Number of steps between the starts of two windows. `pool_size` by default.
    padding : "valid" or "same", default "valid"
        "valid" uses only windows inside the sequence. "same" returns ceil(T / strides) windows; a window that
        extends past the sequence is averaged over the steps inside it.
    data_format : "channels_last" or None, default None
        Keras's argument. No other value is supported.
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
    The input is (batch, T, I), the output (batch, windows, I).

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import AveragePooling1D
    >>> AveragePooling1D(2, padding="same")(np.array([[[1.0], [3.0], [7.0]]]))[0, :, 0]
    array([2., 7.], dtype=float32)
    """

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        x = self.prepare_input(x)
        self._windows.number(self.name, x.shape[1])
        steps = self._windows.view(np.ones((1, x.shape[1], 1), self._dtype)).sum(2)
        return self._windows.view(x).sum(2) / steps, (x.shape, steps)

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        # forward: y = sum of the window / steps   =>   every step of a window receives dy / steps
        shape, steps = tape
        return self._windows.gradient([np.asarray(dy) / steps] * self.pool_size[0], shape, self._dtype), []


class MaxPooling1D(_WindowPooling):
    """Maximum over windows of steps; window t starts at step t * strides.

    Parameters
    ----------
    pool_size : int, default 2
        Number of steps of a window.
    strides : int, optional
        Number of steps between the starts of two windows. `pool_size` by default.
    padding : "valid" or "same", default "valid"
        "valid" uses only windows inside the sequence. "same" returns ceil(T / strides) windows; the first and
        the last window may extend past the sequence.
    data_format : "channels_last" or None, default None
        Keras's argument. No other value is supported.
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
    The input is (batch, T, I), the output (batch, windows, I). If several steps of a window have the maximum, the first
    one receives the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import MaxPooling1D
    >>> MaxPooling1D(2, strides=1)(np.array([[[1.0], [3.0], [2.0]]]))[0, :, 0]
    array([3., 3.], dtype=float32)
    """

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        x = self.prepare_input(x)
        self._windows.number(self.name, x.shape[1])
        windows = self._windows.view(x, -np.inf)
        first = windows.argmax(2)
        return np.take_along_axis(windows, first[:, :, None], 2)[:, :, 0], (x.shape, first)

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        # the step with the maximum receives dy
        shape, first = tape
        dwindow: Array = np.asarray(dy)
        parts = (np.where(first == j, dwindow, dwindow.dtype.type(0)) for j in range(self.pool_size[0]))
        return self._windows.gradient(parts, shape, self._dtype), []
