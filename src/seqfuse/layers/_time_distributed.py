"""TimeDistributed layer: applies one layer to every step of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays
from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Into, ShapeLike, Tape
    from seqfuse.layers._tensor import Shape


class TimeDistributed(Layer):
    """Wrapper that applies a layer to every step with the same weights: y[:, t] = layer(x[:, t]).

    Parameters
    ----------
    layer : Layer or Model
        A layer with one input and one output. It must not be stateful.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", optional
        By default the dtype of `layer`.
    input_shape : tuple of int or None, optional
        Shape (T, ...) of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    TypeError
        If `layer` is not a layer, or an argument does not exist.
    ValueError
        If `layer` is stateful.

    Notes
    -----
    The input and the output are (batch, T, ...). The wrapper reshapes the input to (batch * T, ...) and calls the layer
    once. A mask (batch, T) is the mask of the output; the layer does not receive it. From a mask (batch, T, S, ...) the
    layer also receives the mask (batch * T, S, ...).

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import LSTM, TimeDistributed
    >>> documents = np.ones((2, 5, 7, 3))  # 2 documents of 5 sentences of 7 words with 3 features
    >>> TimeDistributed(LSTM(4))(documents).shape
    (2, 5, 4)
    """

    supports_masking = True
    stepwise = True

    def __init__(
        self,
        layer: Layer,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike | None = None,
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        if not isinstance(layer, Layer):
            raise TypeError(f"TimeDistributed: layer must be a layer, such as Dense(8); got {type(layer).__name__}")
        if getattr(layer, "stateful", False):
            raise ValueError(f"TimeDistributed: layer must not be stateful; got {layer.name} with stateful=True")
        dtype = layer.dtype if dtype is None else dtype
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.layer = layer
        if not self._trainable:
            self.trainable = False

    def build(self, input_shape: ShapeLike) -> None:
        """Build the layer for the shape of one step.

        Parameters
        ----------
        input_shape : tuple of int or None
            Shape of the input, (batch, T, ...); None for an axis of any size.
        """
        if not self.layer.built:
            self.layer.build(_step_shape(input_shape))
        super().build(input_shape)

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        """Return the outputs of the layer at all steps, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, T, ...)
            Inputs.
        training : bool, optional
            Whether to apply dropout.
        mask : array_like, shape (batch, T, ...), optional
            True at valid steps.
        keep : bool, optional
            False if `backward` will not be called.

        Returns
        -------
        y : ndarray, shape (batch, T, ...)
            Outputs.
        tape : object
            First argument of `backward`.

        Raises
        ------
        ValueError
            If the input has fewer than three axes, or a shape does not fit.
        """
        x = _arrays.asarray(self.name, "x", x)  # not cast here: the layer casts it to its own dtype
        if not self.built or x.ndim < 3:
            self.check_shape(x.shape)
            self.build((None, *x.shape[1:]))
        leading = x.shape[:2]
        layer_mask = None if mask is None else self._layer_mask(mask, leading)
        y, tape = self.layer.forward(_fold(x), training=training, mask=layer_mask, keep=keep)
        return y.reshape(*leading, *y.shape[1:]), (tape, leading)

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradients of the input and of the weights of the layer, which are summed over the steps.

        Parameters
        ----------
        tape : object
            The second result of `forward`. It is not changed, so it can be used again.
        dy : array_like, shape (batch, T, ...)
            Gradient of the output.
        need_dx : bool, optional
            False if ``dx`` is not used. It may be None then.
        into : list of ndarray, optional
            One array for each entry of `trainable_weights`. The gradients are added to them.

        Returns
        -------
        dx : ndarray, shape (batch, T, ...), or None
            Gradient of the input.
        grads : list of ndarray
            Gradients of `trainable_weights`: the arrays of ``into`` if it is given.
        """
        tape, leading = tape
        dx, grads = self.layer.backward(tape, _fold(np.asarray(dy)), need_dx=need_dx, into=into)
        return (None if dx is None else dx.reshape(*leading, *dx.shape[1:])), grads

    def _layer_mask(self, mask: ArrayLike, leading: tuple[int, ...]) -> Array | None:
        """Return the mask of the layer, (batch * T, S, ...), from (batch, T, S, ...); None if it is (batch, T)."""
        valid = np.asarray(mask, bool)
        if valid.shape[:2] != leading:
            raise ValueError(
                f"{self.name}: mask must be (batch, T, ...) = ({leading[0]}, {leading[1]}, ...); got {valid.shape}"
            )
        return _fold(valid) if valid.ndim > 2 else None

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        """Return the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int or None
            Shape of the input, (batch, T, ...).

        Returns
        -------
        tuple of int or None
            (batch, T, ...), where the layer determines the last axes.
        """
        batch, *rest = self.layer.compute_output_shape(_step_shape(input_shape))
        return (batch, input_shape[1], *rest)

    def check_shape(self, shape: ShapeLike, *, source: Layer | None = None) -> None:
        """Check that the input has three axes and that the layer accepts one step of it.

        Parameters
        ----------
        shape : tuple of int or None
            Shape of the input; None for an axis of any size.
        source : Layer, optional
            The layer that the input comes from.

        Raises
        ------
        ValueError
            If the shape does not fit.
        """
        if len(shape) < 3:
            raise ValueError(
                f"{self.name}: the input must be (batch, T, ...) with at least three axes; got {tuple(shape)}"
            )
        self.layer.check_shape(_step_shape(shape), source=source)


def _step_shape(shape: ShapeLike) -> Shape:
    """Return the shape of one step, (batch, ...), from (batch, T, ...)."""
    return (shape[0], *shape[2:])


def _fold(x: Array) -> Array:
    """Reshape x from (batch, T, ...) to (batch * T, ...)."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
