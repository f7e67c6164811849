"""One row a sequence: the mean or the maximum of its steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqfuse.layers._layer import Grads, Into, Layer
from seqfuse.layers._reshaping import channels_last


class _GlobalPooling(Layer):
    """All steps become one."""

    not_stepwise = "it looks at all steps at once"
    ranks = (3,)
    symbols = "(batch, T, I)"

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(type(self).__name__, data_format)
        self.keepdims = keepdims

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, I), with keepdims (batch, 1, I)."""
        batch, _, features = input_shape
        return (batch, 1, features) if self.keepdims else (batch, features)


class GlobalAveragePooling1D(_GlobalPooling):
    """y = the mean of x over the real steps.

    Parameters
    ----------
    data_format : "channels_last"        Keras's argument; there is no other here
    keepdims : bool        y is (batch, 1, I)
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Input (batch, T, I), output (batch, I). Steps that the mask leaves out reach nothing. A sequence with no real step
    has a mean of 0; in Keras it is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import GlobalAveragePooling1D
    >>> x = np.array([[[1.0], [3.0], [np.nan]]])
    >>> GlobalAveragePooling1D()(x, mask=np.array([[True, True, False]]))
    array([[2.]], dtype=float32)
    """

    supports_masking = True

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """The mean; the tape is the shape of x, the mask, and how many steps are real."""
        x = self.prepare_input(x)
        real, steps = None, self._dtype.type(max(x.shape[1], 1))
        if mask is not None:
            real = np.asarray(mask, bool)[:, :, None]
            steps = np.maximum(real.sum(1, keepdims=True), 1).astype(self._dtype)
            x = np.where(real, x, self._dtype.type(0))
        y = x.sum(1, keepdims=True) / steps
        return y if self.keepdims else y[:, 0], (x.shape, real, steps)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx = dy / steps at every real step."""
        shape, real, steps = tape
        dy = (dy if self.keepdims else dy[:, None]) / steps
        return np.broadcast_to(dy, shape).copy() if real is None else np.where(real, dy, dy.dtype.type(0)), []

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """None: there are no steps any more."""
        return None


class GlobalMaxPooling1D(_GlobalPooling):
    """y = the maximum of x over all steps.

    Parameters
    ----------
    data_format : "channels_last"        Keras's argument; there is no other here
    keepdims : bool        y is (batch, 1, I)
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Input (batch, T, I), output (batch, I). As in Keras, masked steps count too. Steps that share the maximum share its
    gradient, in equal parts.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import GlobalMaxPooling1D
    >>> y, tape = GlobalMaxPooling1D().forward(np.array([[[1.0], [3.0], [3.0]]]))
    >>> dx, _ = GlobalMaxPooling1D().backward(tape, np.ones((1, 1)))
    >>> y, dx[0, :, 0]
    (array([[3.]], dtype=float32), array([0. , 0.5, 0.5]))
    """

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """The maximum; the tape is x and that."""
        x = self.prepare_input(x)
        if x.shape[1] == 0:
            raise ValueError(f"{self.name}: the input must have at least one step; got {x.shape}")
        y = x.max(1, keepdims=True)
        return y if self.keepdims else y[:, 0], (x, y)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx = dy where the maximum is; nothing where it is NaN."""
        x, y = tape
        there = x == y
        dy = (dy if self.keepdims else dy[:, None]) / np.maximum(there.sum(1, keepdims=True), 1).astype(self._dtype)
        return np.where(there, dy, dy.dtype.type(0)), []
