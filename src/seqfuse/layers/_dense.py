"""A product over the last axis, with an activation behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _activations, _arrays, _backend, _checks, _threads
from seqfuse import functional as F
from seqfuse.layers import activations
from seqfuse.layers._layer import Grads, Into, Layer
from seqfuse.layers._stream_step import without_features
from seqfuse.layers.weight import Gradients

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse.layers._stream_step import StreamCall, StreamStep


class Dense(Layer):
    """y = g(x W + b), over the last axis of x.

    Parameters
    ----------
    units : int        features of y
    activation : str, tuple or None        g: see `Activation`; None: linear
    use_bias : bool
    kernel_initializer, bias_initializer : str, Initializer or callable
    kernel_regularizer, bias_regularizer : str, Regularizer or None
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Weights: kernel (I, units), bias (units,). Input (batch, ..., I), output (batch, ..., units); masks pass.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Dense
    >>> layer = Dense(3, activation="relu", kernel_initializer="ones")
    >>> y, tape = layer.forward(np.ones((2, 4)))
    >>> y[0]
    array([4., 4., 4.], dtype=float32)
    >>> dx, (dW, db) = layer.backward(tape, np.ones((2, 3)))
    >>> db
    array([2., 2., 2.], dtype=float32)
    """

    supports_masking = True
    stepwise = True
    symbols = "(batch, ..., I)"

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = _checks.integer("Dense", "units", units, 1)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self._activation = activations.parse("Dense", "activation", activation)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        features = self.require_size(input_shape, -1)
        self.kernel = self.add_weight(
            "kernel", (features, self.units), self.kernel_initializer, self.kernel_regularizer
        )
        self.bias = (
            self.add_weight("bias", (self.units,), self.bias_initializer, self.bias_regularizer)
            if self.use_bias
            else None
        )
        super().build(input_shape)

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y = g(x W + b)."""
        x = self.prepare_input(x)
        W, b, g = self.kernel.value, None if self.bias is None else self.bias.value, self._activation
        if g is _activations.LINEAR:
            return F.dense_forward(x, W, b)
        if isinstance(g, _activations.Activation):
            return F.readout_forward(x, None, W, None, b, g)
        a, of_product = F.dense_forward(x, W, b)
        y, of_g = g.forward(a)
        return y, (of_product, of_g)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx = da W^T, dW += x^T da, db += the sum of da, where da = dy g'(x W + b)."""
        into = self.targets(into)
        dW, db = into[0], into[1] if self.use_bias else None
        g = self._activation
        if g is not _activations.LINEAR and isinstance(g, _activations.Activation):
            return F.readout_backward(tape, dy, need_dx=need_dx, into=(dW, None, db)).dh, self.gradients(into)
        if isinstance(g, activations.ActivationFunctions):
            tape, of_g = tape
            dy = g.backward(of_g, dy)
        dx = F.dense_backward(tape, dy, need_dx=need_dx, into=Gradients.checked(into, (dW, db))).dx
        return dx, self.gradients(into)

    # ---- one step at a time --------------------------------------------------------------------------------------

    def stream_step(self, call: StreamCall) -> StreamStep:
        """As for `Layer`; rows of features go straight to the kernel."""
        if type(self) is Dense and len(call.shapes[0]) == 2 + call.timed[0]:
            return self._of_rows(call.plan.batch), call.timed
        return super().stream_step(call)

    def mixes_steps(self, shapes: list[Any]) -> str | None:
        """There must be features beside the steps."""
        return without_features(shapes[0])

    def _of_rows(self, batch: int) -> Callable[[Any], Any]:
        """The layer as it is now, of rows (batch, I), without a look at its arguments."""
        W, b, g = self.kernel.numpy(), None if self.bias is None else self.bias.numpy(), self._activation
        dtype, kernels, current, ready = self._dtype, _backend.kernels, _threads.current, _arrays.C_ALIGNED
        shape, empty = (batch, self.units), np.empty

        def product(x: Any) -> Any:
            if x.dtype is not dtype or x.flags.num & ready != ready:
                x = np.array(x, dtype, order="C")
            y = empty(shape, dtype)
            kernels.dense_forward(x, W, b, y, False, current())
            return y

        if g is _activations.LINEAR:
            return product
        if isinstance(g, activations.ActivationFunctions):
            activate = g.forward
            return lambda x: activate(product(x))[0]
        name, alpha, beta = g

        def activated(x: Any) -> Any:
            y = product(x)
            flat = y.reshape(-1)
            kernels.activation_forward(flat, flat, None, name, alpha, beta, current())
            return y

        return activated

    # ---- shapes --------------------------------------------------------------------------------------------------

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, ..., units)."""
        return (*input_shape[:-1], self.units)
