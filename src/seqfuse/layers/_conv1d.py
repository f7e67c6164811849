"""One product for every window of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _activations, _checks
from seqfuse import functional as F
from seqfuse.layers import activations
from seqfuse.layers._conv1d_stream import Conv1DStream
from seqfuse.layers._layer import Grads, Into, Layer
from seqfuse.layers._reshaping import channels_last
from seqfuse.layers._windows import Windows, check_padding, one_size

if TYPE_CHECKING:
    from seqfuse.layers._stream_step import StreamCall, StreamStep


class Conv1DTape(NamedTuple):
    """What `Conv1D.backward` reads."""

    products: list[Any]  # of the functional forward, one a group
    activation: Any
    shape: tuple[int, ...]  # of x


class Conv1D(Layer):
    """y[t] = g(sum over j of x[t * strides + j * dilation_rate - left] kernel[j] + bias)

    Parameters
    ----------
    filters : int        O, features of y
    kernel_size : int        K, steps of a window
    strides : int        steps from a window to the next
    padding : "valid", "same" or "causal"        windows of whole steps alone, left = 0; zeros on both sides, so that
        there are T / strides windows, rounded up; zeros on the left, so that y[t] sees no step after t * strides
    data_format : "channels_last"        Keras's argument; there is no other here
    dilation_rate : int        from a step of a window to the next; 1 where strides is not
    groups : int        features of x and y fall into so many parts, and each part of y sees its part of x alone
    activation : str, tuple or None        g: see `Activation`; None: linear
    use_bias : bool
    kernel_initializer, bias_initializer : str, Initializer or callable
    kernel_regularizer, bias_regularizer : str, Regularizer or None
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Raises
    ------
    ValueError        a number is out of range, filters or features cannot be shared out among the groups, or there are
        fewer steps than a window has

    Notes
    -----
    Weights: kernel (K, I / groups, O), bias (O,). Input (batch, T, I), output (batch, windows, O). Windows are laid out
    side by side for the product: K times the memory of x / strides.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Conv1D
    >>> layer = Conv1D(1, 2, padding="causal", kernel_initializer="ones")
    >>> layer(np.array([[[1.0], [2.0], [4.0]]]))[0, :, 0]
    array([1., 3., 6.], dtype=float32)
    """

    not_stepwise = 'it looks ahead, or steps over some; padding="causal" and strides=1 do not'
    ranks = (3,)
    symbols = "(batch, T, I)"

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = _checks.integer("Conv1D", "filters", filters, 1)
        self.kernel_size = one_size("Conv1D", "kernel_size", kernel_size)
        self.strides = one_size("Conv1D", "strides", strides)
        self.padding = check_padding("Conv1D", padding, ("valid", "same", "causal"))
        self.data_format = channels_last("Conv1D", data_format)
        self.dilation_rate = one_size("Conv1D", "dilation_rate", dilation_rate)
        self.groups = _checks.integer("Conv1D", "groups", groups, 1)
        self.activation, self.use_bias = activation, use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        if self.filters % self.groups:
            raise ValueError(f"Conv1D: filters must be a multiple of groups = {self.groups}; got {filters}")
        if self.strides[0] > 1 and self.dilation_rate[0] > 1:
            raise ValueError(f"Conv1D: strides or dilation_rate must be 1; got {self.strides}, {self.dilation_rate}")
        g = activations.parse("Conv1D", "activation", activation)
        self._activation = None if g is _activations.LINEAR else activations.functions_for(g)
        self._windows = Windows(*self.kernel_size, *self.strides, *self.dilation_rate, self.padding)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        features = self.require_size(input_shape, -1)
        if features % self.groups:
            raise ValueError(f"{self.name}: features must be a multiple of groups = {self.groups}; got {features}")
        self._windows.number(self.name, input_shape[1])
        shape = (*self.kernel_size, features // self.groups, self.filters)
        self.kernel = self.add_weight("kernel", shape, self.kernel_initializer, self.kernel_regularizer)
        self.bias = (
            self.add_weight("bias", (self.filters,), self.bias_initializer, self.bias_regularizer)
            if self.use_bias
            else None
        )
        super().build(input_shape)

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y: a product for every group."""
        x = self.prepare_input(x)
        self._windows.number(self.name, x.shape[1])
        windows, W = self._windows.view(x), self.kernel.value
        K, I, O = W.shape[0], W.shape[1], self.filters // self.groups
        ys, products = [], []
        for of_x, of_y in self._groups(I):
            rows = windows[..., of_x].reshape(*windows.shape[:2], K * I)
            bias = None if self.bias is None else self.bias.value[of_y]
            y, tape = F.dense_forward(rows, W[..., of_y].reshape(K * I, O), bias)
            ys.append(y)
            products.append(tape)
        y, of_g = np.concatenate(ys, -1) if len(ys) > 1 else ys[0], None
        if self._activation is not None:
            y, of_g = self._activation.forward(y)
        return y, Conv1DTape(products, of_g, x.shape)

    def backward(self, tape: Conv1DTape, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Those of the products; a step of x gets the sum over the windows that it is in."""
        into = self.targets(into)
        dW = into[0]
        if self._activation is not None:
            dy = self._activation.backward(tape.activation, dy)
        dwindows = []
        for product, (_, of_y) in zip(tape.products, self._groups(dW.shape[1])):
            grads = F.dense_backward(product, dy[..., of_y], need_dx=need_dx)
            dW[..., of_y] += grads.dW.reshape(*dW.shape[:2], self.filters // self.groups)
            if self.use_bias:
                into[1][of_y] += grads.db
            if need_dx:
                dwindows.append(grads.dx.reshape(*dy.shape[:2], *dW.shape[:2]))
        if not need_dx:
            return None, self.gradients(into)
        whole = np.concatenate(dwindows, -1) if len(dwindows) > 1 else dwindows[0]
        return self._windows.gradient(np.moveaxis(whole, 2, 0), tape.shape, self._dtype), self.gradients(into)

    def timed_step(self, call: StreamCall) -> StreamStep:
        """The last output of the inputs that a window looks back on and this one."""
        if self.padding != "causal" or self.strides != (1,):
            return super().timed_step(call)
        steps = (self.kernel_size[0] - 1) * self.dilation_rate[0]
        past = Conv1DStream(self, np.zeros((call.plan.batch, steps, call.shapes[0][-1]), self._dtype))
        call.plan.states.append(past)
        return past.step, [True]

    def _groups(self, features: int) -> list[tuple[slice, slice]]:
        """Which features of x and of y belong together."""
        filters = self.filters // self.groups
        return [
            (slice(i * features, (i + 1) * features), slice(i * filters, (i + 1) * filters)) for i in range(self.groups)
        ]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, windows, filters)."""
        return (input_shape[0], self._windows.number(self.name, input_shape[1]), self.filters)
