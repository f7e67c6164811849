"""Dense layer: a product over the last axis, a bias and an activation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _activations, _arrays, _backend, _checks, _threads
from seqfuse import functional as F
from seqfuse.layers import activations
from seqfuse.layers._layer import Layer
from seqfuse.layers._stream_step import without_features
from seqfuse.layers.weight import Gradients

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import (
        ActivationLike,
        Grads,
        InitializerLike,
        Into,
        RegularizerLike,
        ShapeLike,
        Tape,
    )
    from seqfuse.layers._stream_step import StreamCall, StreamStep
    from seqfuse.layers._tensor import Shape


class Dense(Layer):
    """Dense layer: y = activation(x W + b), over the last axis of x.

    Parameters
    ----------
    units : int
        Number of output features.
    activation : str, tuple or None, default None
        Activation function: one of `seqfuse.layers.activations.NAMES`, or a name and its constants. None means linear.
    use_bias : bool, default True
        Whether there is a bias.
    kernel_initializer : str, Initializer or callable, default "glorot_uniform"
        Initial values of the kernel W.
    bias_initializer : str, Initializer or callable, default "zeros"
        Initial values of the bias b.
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
        If a number is out of range, or the activation is unknown.
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    Weights: kernel (I, units), bias (units,). The input is (batch, ..., I), the output (batch, ..., units). The mask of
    the input is also the mask of the output.

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
        self.units = _checks.integer("Dense", "units", units, 1)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self._activation = activations.parse("Dense", "activation", activation)

    def build(self, input_shape: ShapeLike) -> None:
        """Create the weights ``kernel`` and ``bias``.

        Parameters
        ----------
        input_shape : tuple of int or None
            Shape of the input, (batch, ..., I); None for an axis of any size.
        """
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

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        """Return y = activation(x W + b), and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, ..., I)
            Inputs.
        training : bool, optional
            Not used.
        mask : array_like, optional
            Not used.
        keep : bool, optional
            False if `backward` will not be called.

        Returns
        -------
        y : ndarray, shape (batch, ..., units)
            Outputs.
        tape : object
            First argument of `backward`.
        """
        x = self.prepare_input(x)
        W, b, g = self.kernel.value, None if self.bias is None else self.bias.value, self._activation
        if g is _activations.LINEAR:
            return F.dense_forward(x, W, b)
        if isinstance(g, _activations.Activation):
            return F.readout_forward(x, None, W, None, b, g)
        a, product_tape = F.dense_forward(x, W, b)
        y, activation_tape = g.forward(a)
        return y, (product_tape, activation_tape)

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradients of the input and of the trainable weights.

        With a = x W + b and da = dy * activation'(a): dx = da W^T, dW = x^T da, and db is the sum of da.

        Parameters
        ----------
        tape : object
            The second result of `forward`. It is not changed, so it can be used again.
        dy : array_like, shape (batch, ..., units)
            Gradient of the output.
        need_dx : bool, optional
            False if ``dx`` is not used. It may be None then.
        into : list of ndarray, optional
            One array for each entry of `trainable_weights`. The gradients are added to them.

        Returns
        -------
        dx : ndarray, shape (batch, ..., I), or None
            Gradient of the input.
        grads : list of ndarray
            Gradients of `trainable_weights`: the arrays of ``into`` if it is given.
        """
        into = self.targets(into)
        dW, db = into[0], into[1] if self.use_bias else None
        g = self._activation
        if g is not _activations.LINEAR and isinstance(g, _activations.Activation):
            return F.readout_backward(tape, dy, need_dx=need_dx, into=(dW, None, db)).dh, self.gradients(into)
        if isinstance(g, activations.ActivationFunctions):
            tape, activation_tape = tape
            dy = g.backward(activation_tape, dy)
        dx = F.dense_backward(tape, dy, need_dx=need_dx, into=Gradients.checked(into, (dW, db))).dx
        return dx, self.gradients(into)

    # ---- one step at a time --------------------------------------------------------------------------------------

    def stream_step(self, call: StreamCall) -> StreamStep:
        """Return a function that runs one call of the layer in a stream.

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
        """
        if type(self) is Dense and len(call.shapes[0]) == 2 + call.timed[0]:
            return self._matrix_function(call.plan.batch), call.timed
        return super().stream_step(call)

    def mixes_steps(self, shapes: list[Shape]) -> str | None:
        """Return why the layer is not stepwise for inputs of these shapes: the last axis may be the time axis.

        Parameters
        ----------
        shapes : list of tuple
            Shapes of the inputs.

        Returns
        -------
        str or None
            The reason, for an error message. None if the layer is stepwise for these shapes.
        """
        return without_features(shapes[0])

    def _matrix_function(self, batch: int) -> Callable[[Any], Any]:
        """Return a function from x (batch, I) to y that uses copies of the weights and does not check arguments."""
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

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        """Return the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int or None
            Shape of the input, (batch, ..., I).

        Returns
        -------
        tuple of int or None
            (batch, ..., units).
        """
        return (*input_shape[:-1], self.units)
