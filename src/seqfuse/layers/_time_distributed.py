"""One layer for every step of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays
from seqfuse.layers._layer import Grads, Into, Layer

if TYPE_CHECKING:
    from seqfuse._arrays import Array


class TimeDistributed(Layer):
    """y[:, t] = layer(x[:, t]), with the same weights for every step t.

    Parameters
    ----------
    layer : Layer or Model        with one input and one output
    **kwargs : name, trainable        as for `Layer`; it computes in the type of the layer

    Raises
    ------
    TypeError        no layer
    ValueError        an input of less than three axes

    Notes
    -----
    Input (batch, T, ...), output (batch, T, ...): time is folded into the batch, and the layer is called once. A mask
    (batch, T) goes past it to what comes next; of a mask (batch, T, S, ...) the layer gets that of each step too.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import LSTM, TimeDistributed
    >>> TimeDistributed(LSTM(4))(np.ones((2, 5, 7, 3))).shape  # of each of 5 sentences of 7 words
    (2, 5, 4)
    """

    supports_masking = True
    stepwise = True

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise TypeError(f"TimeDistributed: layer must be a layer, such as Dense(8); got {type(layer).__name__}")
        if getattr(layer, "stateful", False):
            raise ValueError(f"TimeDistributed: layer must not be stateful; got {layer.name}, which is")
        super().__init__(**{"dtype": layer.dtype} | kwargs)
        self.layer = layer
        if not self._trainable:
            self.trainable = False

    def build(self, input_shape: Any) -> None:
        """Build the layer for one step."""
        if not self.layer.built:
            self.layer.build(_step(input_shape))
        super().build(input_shape)

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y."""
        x = _arrays.asarray(self.name, "x", x)  # in its own type: the layer says what it computes in
        if not self.built or x.ndim < 3:
            self.check_shape(x.shape)
            self.build((None, *x.shape[1:]))
        leading = x.shape[:2]
        of_steps = None if mask is None else self._folded(mask, leading)
        y, tape = self.layer.forward(_fold(x), training=training, mask=of_steps, keep=keep)
        return y.reshape(*leading, *y.shape[1:]), (tape, leading)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx, and the gradients of the layer's weights, which are sums over the steps."""
        tape, leading = tape
        dx, grads = self.layer.backward(tape, _fold(np.asarray(dy)), need_dx=need_dx, into=into)
        return (None if dx is None else dx.reshape(*leading, *dx.shape[1:])), grads

    def _folded(self, mask: Any, leading: tuple[int, ...]) -> Array | None:
        real = np.asarray(mask, bool)
        if real.shape[:2] != leading:
            raise ValueError(
                f"{self.name}: mask must be (batch, T, ...) = ({leading[0]}, {leading[1]}, ...); got {real.shape}"
            )
        return _fold(real) if real.ndim > 2 else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, T, ...), with what the layer gives for one step."""
        batch, *rest = self.layer.compute_output_shape(_step(input_shape))
        return (batch, input_shape[1], *rest)

    def check_shape(self, shape: Any, *, source: Layer | None = None) -> None:
        """Less than three axes have no steps to share out; else the layer refuses what does not fit."""
        if len(shape) < 3:
            raise ValueError(f"{self.name}: the input must be (batch, T, ...), three axes at least; got {tuple(shape)}")
        self.layer.check_shape(_step(shape), source=source)


def _step(shape: Any) -> tuple[Any, ...]:
    return (shape[0], *shape[2:])


def _fold(x: Array) -> Array:
    """(batch, T, ...) as (batch * T, ...)."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
