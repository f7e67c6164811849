"""Readout layer: a dense layer of the hidden state with a skip connection from the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _activations, _checks
from seqfuse import functional as F
from seqfuse.layers import activations
from seqfuse.layers._layer import Layer
from seqfuse.layers._stream_step import without_features

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import (
        ActivationLike,
        Grads,
        InitializerLike,
        Inputs,
        Into,
        Masks,
        Outputs,
        RegularizerLike,
        ShapeLike,
        Shapes,
        Tape,
    )
    from seqfuse.layers._tensor import Shape


class ReadoutLayerTape(NamedTuple):
    """Tape of `Readout`."""

    readout: Any  # tape of F.readout_forward
    activation: Any  # tape of an activation that is not part of F.readout
    valid: Array | None  # (..., 1): where x is valid
    has_x: bool  # whether the input was a list


class Readout(Layer):
    """Readout of a hidden state with a skip connection: y = g(h W + x V + c).

    The layer is called on [h, x], or on h; then y = g(h W + c).

    Parameters
    ----------
    units : int
        Number of output features.
    activation : str, tuple or None, default None
        Activation function g; see `Activation`. None means linear.
    use_bias : bool, default True
        Whether there is a bias c.
    kernel_initializer, skip_initializer, bias_initializer : str, Initializer or callable
        Initial values of W and V ("glorot_uniform" by default) and of c ("zeros" by default).
    kernel_regularizer, skip_regularizer, bias_regularizer : str, Regularizer or None, default None
        Penalties on W, V and c.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the first input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If an argument is out of range, or the shapes of the inputs do not fit.

    Notes
    -----
    Weights: W (H, units), V (I, units), c (units,). The inputs are (batch, ..., H) and (batch, ..., I), the output is
    (batch, ..., units). The output has the mask of h, or that of x if h has none. Masked steps of x count as 0. Keras
    has no such layer; it equals the sum of a Dense layer of h and a Dense layer of x.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Readout
    >>> layer = Readout(2, kernel_initializer="ones", skip_initializer="ones")
    >>> y, tape = layer.forward([np.ones((1, 5, 4)), np.ones((1, 5, 3))])
    >>> y[0, 0]
    array([7., 7.], dtype=float32)
    >>> (dh, dx), (dW, dV, dc) = layer.backward(tape, np.ones((1, 5, 2)))
    >>> dV
    array([[5., 5.],
           [5., 5.],
           [5., 5.]], dtype=float32)
    """

    supports_masking = True
    stepwise = True
    symbols = "(batch, ..., H)"

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        skip_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        skip_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.units = _checks.integer("Readout", "units", units, 1)
        self.activation, self.use_bias = activation, use_bias
        self.kernel_initializer, self.skip_initializer = kernel_initializer, skip_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer, self.skip_regularizer = kernel_regularizer, skip_regularizer
        self.bias_regularizer = bias_regularizer
        g = activations.parse("Readout", "activation", activation)
        self._separate_activation = g if isinstance(g, activations.ActivationFunctions) else None
        self._g = _activations.LINEAR if isinstance(g, activations.ActivationFunctions) else g

    def build(self, input_shape: Shapes) -> None:
        # W and c; for a list of two shapes also V
        shapes = self._check_two(input_shape) if isinstance(input_shape, list) else (input_shape, None)
        rows = self.require_size(shapes[0], -1)
        self.W = self.add_weight("W", (rows, self.units), self.kernel_initializer, self.kernel_regularizer)
        self.V = None
        if shapes[1] is not None:
            rows = self.require_size(shapes[1], -1)
            self.V = self.add_weight("V", (rows, self.units), self.skip_initializer, self.skip_regularizer)
        self.c = (
            self.add_weight("c", (self.units,), self.bias_initializer, self.bias_regularizer) if self.use_bias else None
        )
        super().build(input_shape)

    def forward(
        self, x: Inputs, training: bool = False, mask: Masks = None, *, keep: bool = True
    ) -> tuple[Outputs, Tape]:
        # x is [h, x] or h
        has_x = isinstance(x, (list, tuple))
        h, x = self._check_two(x) if has_x else (x, None)
        if not self.built:
            shapes = [(None, *np.shape(each)[1:]) for each in (h, x) if each is not None]
            self.check_shape(np.shape(h))
            self.build(shapes if has_x else shapes[0])
        h, valid = self.prepare_input(h), None
        if (x is None) != (self.V is None):
            needed = "h alone, without x" if self.V is None else "[h, x]"
            raise ValueError(f"{self.name}: the input must be {needed}, as when the layer was built")
        if self.V is not None:
            x = self.cast(x, "x")
            _checks.shape(self.name, "x", "(batch, ..., I)", (*h.shape[:-1], self.V.shape[0]), x.shape)
            x_mask = mask[1] if isinstance(mask, (list, tuple)) else mask
            if x_mask is not None:
                valid = np.asarray(x_mask, bool)[..., None]
                x = np.where(valid, x, self._dtype.type(0))
        V, c = None if self.V is None else self.V.value, None if self.c is None else self.c.value
        if not keep and self._separate_activation is None:
            return F.readout(h, x, self.W.value, V, c, self._g), None
        y, readout_tape = F.readout_forward(h, x, self.W.value, V, c, self._g)
        activation_tape = None
        if self._separate_activation is not None:
            y, activation_tape = self._separate_activation.forward(y)
        return y, ReadoutLayerTape(readout_tape, activation_tape, valid, has_x)

    def backward(self, tape: ReadoutLayerTape, dy: Outputs, *, need_dx: bool = True, into: Into = None) -> Grads:
        # dx is [dh, dx] or dh; the gradients of the weights are dW, dV and dc, if they exist
        into = self.targets(into)
        if self._separate_activation is not None:
            dy = self._separate_activation.backward(tape.activation, dy)
        targets = (into[0], None if self.V is None else into[1], into[-1] if self.use_bias else None)
        grads = F.readout_backward(tape.readout, dy, need_dx=need_dx, into=targets)
        dx = grads.dx
        if dx is not None and tape.valid is not None:
            dx = np.where(tape.valid, dx, self._dtype.type(0))
        return [grads.dh, dx] if tape.has_x else grads.dh, self.gradients(into)

    def mixes_steps(self, shapes: list[Shape]) -> str | None:
        # stepwise if there is a feature axis in addition to the time axis
        return without_features(shapes[0])

    def _check_two(self, inputs: Any) -> Any:
        """Check that a list has two entries, for h and x."""
        if len(inputs) != 2:
            raise ValueError(f"{self.name}: the input must be [h, x] or h; got a list of {len(inputs)}")
        return inputs

    def compute_output_shape(self, input_shape: Shapes) -> Shape:
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        return (*shape[:-1], self.units)

    def compute_mask(self, x: Inputs, mask: Masks = None) -> Any:
        # the mask of h, or that of x if h has none
        if isinstance(mask, (list, tuple)):
            return mask[0] if mask[0] is not None else mask[1]
        return mask
