"""What a network says of its state, with a skip from the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _activations, _checks
from seqfuse import functional as F
from seqfuse.layers import activations
from seqfuse.layers._layer import Grads, Into, Layer
from seqfuse.layers._stream_step import without_features

if TYPE_CHECKING:
    from seqfuse._arrays import Array


class ReadoutLayerTape(NamedTuple):
    """What `Readout.backward` reads."""

    of_sum: Any  # of `readout_forward`
    of_g: Any  # of an activation that is a pair of its own
    real: Array | None  # (..., 1), where x was read
    several: bool  # whether the input was a list


class Readout(Layer):
    """y = g(h W + x V + c), called on [h, x], or y = g(h W + c), called on h.

    Parameters
    ----------
    units : int        features of y
    activation : str, tuple or None        g: see `Activation`; None: linear
    use_bias : bool        whether there is c
    kernel_initializer, skip_initializer, bias_initializer : str, Initializer or callable        of W; of V; of c
    kernel_regularizer, skip_regularizer, bias_regularizer : str, Regularizer or None        of W; of V; of c
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Weights: W (H, units), V (I, units), c (units,). Inputs (batch, ..., H) and (batch, ..., I), output
    (batch, ..., units). The mask is that of h, or that of x where h has none; x counts as 0 where its mask says so.
    Keras has no such layer: it is a Dense of h without a bias, a Dense of x, and their sum.

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
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        skip_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        skip_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = _checks.integer("Readout", "units", units, 1)
        self.activation, self.use_bias = activation, use_bias
        self.kernel_initializer, self.skip_initializer = kernel_initializer, skip_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer, self.skip_regularizer = kernel_regularizer, skip_regularizer
        self.bias_regularizer = bias_regularizer
        g = activations.parse("Readout", "activation", activation)
        self._pair = g if isinstance(g, activations.ActivationFunctions) else None
        self._g = _activations.LINEAR if isinstance(g, activations.ActivationFunctions) else g

    def build(self, input_shape: Any) -> None:
        """Make W, c, and, for a list of two shapes, V."""
        shapes = self._pair_of(input_shape) if isinstance(input_shape, list) else (input_shape, None)
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

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y, from [h, x] or h."""
        several = isinstance(x, (list, tuple))
        h, x = self._pair_of(x) if several else (x, None)
        if not self.built:
            shapes = [(None, *np.shape(one)[1:]) for one in (h, x) if one is not None]
            self.check_shape(np.shape(h))
            self.build(shapes if several else shapes[0])
        h, real = self.prepare_input(h), None
        if (x is None) != (self.V is None):
            needed = "h alone, without x" if self.V is None else "[h, x]"
            raise ValueError(f"{self.name}: the input must be {needed}, as when it was built")
        if self.V is not None:
            x = self.cast(x, "x")
            _checks.shape(self.name, "x", "(batch, ..., I)", (*h.shape[:-1], self.V.shape[0]), x.shape)
            of_x = mask[1] if isinstance(mask, (list, tuple)) else mask
            if of_x is not None:
                real = np.asarray(of_x, bool)[..., None]
                x = np.where(real, x, self._dtype.type(0))
        V, c = None if self.V is None else self.V.value, None if self.c is None else self.c.value
        if not keep and self._pair is None:
            return F.readout(h, x, self.W.value, V, c, self._g), None
        y, of_sum = F.readout_forward(h, x, self.W.value, V, c, self._g)
        of_g = None
        if self._pair is not None:
            y, of_g = self._pair.forward(y)
        return y, ReadoutLayerTape(of_sum, of_g, real, several)

    def backward(self, tape: ReadoutLayerTape, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """[dh, dx] or dh, and dW, dV, dc as far as there are such weights."""
        into = self.targets(into)
        if self._pair is not None:
            dy = self._pair.backward(tape.of_g, dy)
        of_weights = (into[0], None if self.V is None else into[1], into[-1] if self.use_bias else None)
        grads = F.readout_backward(tape.of_sum, dy, need_dx=need_dx, into=of_weights)
        dx = grads.dx
        if dx is not None and tape.real is not None:
            dx = np.where(tape.real, dx, self._dtype.type(0))
        return [grads.dh, dx] if tape.several else grads.dh, self.gradients(into)

    def mixes_steps(self, shapes: list[Any]) -> str | None:
        """There must be features beside the steps."""
        return without_features(shapes[0])

    def _pair_of(self, given: Any) -> Any:
        """The two of a list."""
        if len(given) != 2:
            raise ValueError(f"{self.name}: the input must be [h, x], or h alone; got a list of {len(given)}")
        return given

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, ..., units)."""
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        return (*shape[:-1], self.units)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """That of h, or that of x where h has none."""
        if isinstance(mask, (list, tuple)):
            return mask[0] if mask[0] is not None else mask[1]
        return mask
