"""One row a window: the mean or the maximum of its steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqfuse.layers._layer import Grads, Into, Layer
from seqfuse.layers._reshaping import channels_last
from seqfuse.layers._windows import Windows, padding_of, single


class _WindowPooling(Layer):
    """All steps of a window become one."""

    ranks = (3,)
    symbols = "(batch, T, I)"

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        kind = type(self).__name__
        self.pool_size = single(kind, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else single(kind, "strides", strides)
        self.padding = padding_of(kind, padding, ("valid", "same"))
        self.data_format = channels_last(kind, data_format)
        self._windows = Windows(*self.pool_size, *self.strides, 1, self.padding)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, windows, I)."""
        return (input_shape[0], self._windows.number(self.name, input_shape[1]), input_shape[2])


class AveragePooling1D(_WindowPooling):
    """y[t] = the mean of x over the steps of a window that starts at t * strides.

    Parameters
    ----------
    pool_size : int        steps of a window
    strides : int        steps from a window to the next; pool_size by default
    padding : "valid" or "same"        windows of whole steps alone; T / strides windows, rounded up, of which the first
        and the last may stand out, with the mean of the steps that there are
    data_format : "channels_last"        Keras's argument; there is no other here
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Input (batch, T, I), output (batch, windows, I).

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import AveragePooling1D
    >>> AveragePooling1D(2, padding="same")(np.array([[[1.0], [3.0], [7.0]]]))[0, :, 0]
    array([2., 7.], dtype=float32)
    """

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """The means; the tape is the shape of x, and how many steps each window has."""
        x = self.prepare_input(x)
        self._windows.number(self.name, x.shape[1])
        steps = self._windows.of(np.ones((1, x.shape[1], 1), self._dtype)).sum(2)
        return self._windows.of(x).sum(2) / steps, (x.shape, steps)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Every step of a window gets dy / steps."""
        shape, steps = tape
        return self._windows.back([dy / steps] * self.pool_size[0], shape, self._dtype), []


class MaxPooling1D(_WindowPooling):
    """y[t] = the maximum of x over the steps of a window that starts at t * strides.

    Parameters
    ----------
    pool_size : int        steps of a window
    strides : int        steps from a window to the next; pool_size by default
    padding : "valid" or "same"        windows of whole steps alone; T / strides windows, rounded up, of which the first
        and the last may stand out
    data_format : "channels_last"        Keras's argument; there is no other here
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Input (batch, T, I), output (batch, windows, I). Of equal steps the first of a window gets the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import MaxPooling1D
    >>> MaxPooling1D(2, strides=1)(np.array([[[1.0], [3.0], [2.0]]]))[0, :, 0]
    array([3., 3.], dtype=float32)
    """

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """The maxima; the tape is the shape of x, and which step of each window it is."""
        x = self.prepare_input(x)
        self._windows.number(self.name, x.shape[1])
        windows = self._windows.of(x, -np.inf)
        first = windows.argmax(2)
        return np.take_along_axis(windows, first[:, :, None], 2)[:, :, 0], (x.shape, first)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """The step that is the maximum gets dy."""
        shape, first = tape
        parts = (np.where(first == j, dy, dy.dtype.type(0)) for j in range(self.pool_size[0]))
        return self._windows.back(parts, shape, self._dtype), []
