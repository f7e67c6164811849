"""Conv1D layer: a product with the same weights for every window of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _activations, _checks
from seqfuse import functional as F
from seqfuse.layers import activations
from seqfuse.layers._conv1d_stream import Conv1DStream
from seqfuse.layers._layer import Layer
from seqfuse.layers._reshaping import channels_last
from seqfuse.layers._windows import Windows, check_padding, one_size

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import ActivationLike, Grads, InitializerLike, Into, RegularizerLike, ShapeLike
    from seqfuse.layers._stream_step import StreamCall, StreamStep
    from seqfuse.layers._tensor import Shape


class Conv1DTape(NamedTuple):
    """Results of `Conv1D.forward` that `Conv1D.backward` needs."""

    products: list[Any]  # tapes of the products, one for each group
    activation: Any  # tape of the activation
    shape: tuple[int, ...]  # shape of x


class Conv1D(Layer):
    """One-dimensional convolution over the steps of a sequence.

    y[t] = activation(sum over j of x[t * strides + j * dilation_rate - left] @ kernel[j] + bias), where ``left`` is the
    number of steps of padding before the sequence.

    Parameters
    ----------
    filters : int
        Number of output features, O.
    kernel_size : int or tuple of one int
        Number of steps in a window, K.
    strides : int or tuple of one int, default 1
        Number of steps from one window to the next.
    padding : "valid", "same" or "causal", default "valid"
        "valid": only windows inside the sequence; left = 0. "same": zeros on both sides, so that there are T / strides
        windows, rounded up. "causal": zeros on the left, so that y[t] does not depend on steps after t * strides.
    data_format : "channels_last" or None, optional
        Argument of Keras: no other format is supported.
    dilation_rate : int or tuple of one int, default 1
        Number of steps from one step of a window to the next. It must be 1 if strides is not.
    groups : int, default 1
        Number of groups. The features of x and of y are split into groups, and each group of y depends only on the
        same group of x.
    activation : str, tuple or None, default None
        Activation function: one of `seqfuse.layers.activations.NAMES`, or a name and its constants. None means linear.
    use_bias : bool, default True
        Whether there is a bias.
    kernel_initializer : str, Initializer or callable, default "glorot_uniform"
        Initial values of the kernel.
    bias_initializer : str, Initializer or callable, default "zeros"
        Initial values of the bias.
    kernel_regularizer, bias_regularizer : str, Regularizer or None, default None
        Penalties on the weights.
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

    Raises
    ------
    ValueError
        If a number is out of range, or the filters or the features are not a multiple of the groups.
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    Weights: kernel (K, I / groups, O), bias (O,). The input is (batch, T, I), the output (batch, windows, O). The
    windows are copied to the rows of a matrix for the product, which needs K / strides times the memory of x.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Conv1D
    >>> layer = Conv1D(1, 2, padding="causal", kernel_initializer="ones")
    >>> layer(np.array([[[1.0], [2.0], [4.0]]]))[0, :, 0]
    array([1., 3., 6.], dtype=float32)
    """

    not_stepwise = 'its windows include later steps or skip steps, except with padding="causal" and strides=1'
    ranks = (3,)
    symbols = "(batch, T, I)"

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int],
        strides: int | tuple[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int] = 1,
        groups: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
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

    def build(self, input_shape: ShapeLike) -> None:
        """Create the weights ``kernel`` and ``bias``.

        Parameters
        ----------
        input_shape : tuple of int or None
            Shape of the input, (batch, T, I); None for an axis of any size.

        Raises
        ------
        ValueError
            If the features are not a multiple of the groups, or there are fewer steps than in a window.
        """
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

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Conv1DTape]:
        """Return the outputs, computed with one product per group, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, T, I)
            Inputs.
        training : bool, optional
            Not used.
        mask : array_like, optional
            Not used.
        keep : bool, optional
            False if `backward` will not be called.

        Returns
        -------
        y : ndarray, shape (batch, windows, filters)
            Outputs.
        tape : Conv1DTape
            First argument of `backward`.

        Raises
        ------
        ValueError
            If there are fewer steps than in a window.
        """
        x = self.prepare_input(x)
        self._windows.number(self.name, x.shape[1])
        windows, W = self._windows.view(x), self.kernel.value
        K, I, O = W.shape[0], W.shape[1], self.filters // self.groups
        ys, products = [], []
        for in_group, out_group in self._groups(I):
            rows = windows[..., in_group].reshape(*windows.shape[:2], K * I)
            bias = None if self.bias is None else self.bias.value[out_group]
            y, tape = F.dense_forward(rows, W[..., out_group].reshape(K * I, O), bias)
            ys.append(y)
            products.append(tape)
        y, activation_tape = np.concatenate(ys, -1) if len(ys) > 1 else ys[0], None
        if self._activation is not None:
            y, activation_tape = self._activation.forward(y)
        return y, Conv1DTape(products, activation_tape, x.shape)

    def backward(self, tape: Conv1DTape, dy: Array, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradients of the input and of the trainable weights.

        The gradient of a step of x is the sum over all windows that contain it.

        Parameters
        ----------
        tape : Conv1DTape
            The second result of `forward`. It is not changed, so it can be used again.
        dy : ndarray, shape (batch, windows, filters)
            Gradient of the output.
        need_dx : bool, optional
            False if ``dx`` is not used. It is None then.
        into : list of ndarray, optional
            One array for each entry of `trainable_weights`. The gradients are added to them.

        Returns
        -------
        dx : ndarray, shape (batch, T, I), or None
            Gradient of the input.
        grads : list of ndarray
            Gradients of `trainable_weights`: the arrays of ``into`` if it is given.
        """
        into = self.targets(into)
        dW = into[0]
        if self._activation is not None:
            dy = self._activation.backward(tape.activation, dy)
        dwindows = []
        for product, (_, out_group) in zip(tape.products, self._groups(dW.shape[1])):
            grads = F.dense_backward(product, dy[..., out_group], need_dx=need_dx)
            dW[..., out_group] += grads.dW.reshape(*dW.shape[:2], self.filters // self.groups)
            if self.use_bias:
                into[1][out_group] += grads.db
            if need_dx:
                dwindows.append(grads.dx.reshape(*dy.shape[:2], *dW.shape[:2]))
        if not need_dx:
            return None, self.gradients(into)
        whole = np.concatenate(dwindows, -1) if len(dwindows) > 1 else dwindows[0]
        return self._windows.gradient(np.moveaxis(whole, 2, 0), tape.shape, self._dtype), self.gradients(into)

    def timed_step(self, call: StreamCall) -> StreamStep:
        """Return a function that runs one step of a causal convolution and keeps the inputs of earlier steps.

        Parameters
        ----------
        call : StreamCall
            The call.

        Returns
        -------
        step : callable
            Function from the inputs of one step to the outputs of that step.
        timed : list of bool
            For each output, whether it has a value at every step.

        Raises
        ------
        ValueError
            If the padding is not "causal", or strides is not 1.
        """
        if self.padding != "causal" or self.strides != (1,):
            return super().timed_step(call)
        steps = (self.kernel_size[0] - 1) * self.dilation_rate[0]
        past = Conv1DStream(self, np.zeros((call.plan.batch, steps, call.shapes[0][-1]), self._dtype))
        call.plan.states.append(past)
        return past.step, [True]

    def _groups(self, features: int) -> list[tuple[slice, slice]]:
        """Return for each group its features of x, `features` many, and its features of y."""
        filters = self.filters // self.groups
        return [
            (slice(i * features, (i + 1) * features), slice(i * filters, (i + 1) * filters)) for i in range(self.groups)
        ]

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        """Return the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int or None
            Shape of the input, (batch, T, I).

        Returns
        -------
        tuple of int or None
            (batch, windows, filters).

        Raises
        ------
        ValueError
            If there are fewer steps than in a window.
        """
        return (input_shape[0], self._windows.number(self.name, input_shape[1]), self.filters)
