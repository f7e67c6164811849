"""Activation layers: Activation, ReLU and Softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _activations, _checks
from seqfuse import functional as F
from seqfuse.layers import activations
from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import ActivationLike, Grads, Into, ShapeLike, Tape
    from seqfuse.layers._tensor import Shape


class Activation(Layer):
    """Activation layer: y = activation(x).

    Parameters
    ----------
    activation : str, tuple or None
        One of `seqfuse.layers.activations.NAMES`, or a name and its constants. None means linear. "softmax" is computed
        over the last axis.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If the activation is unknown.
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    The input and the output are (batch, ...). The mask of the input is also the mask of the output.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Activation
    >>> y, tape = Activation("relu").forward(np.array([[-1.0, 2.0]]))
    >>> y
    array([[0., 2.]], dtype=float32)
    >>> Activation(("leaky_relu", 0.5))(np.array([[-1.0, 2.0]]))
    array([[-0.5,  2. ]], dtype=float32)
    """

    supports_masking = True
    stepwise = True

    def __init__(
        self,
        activation: ActivationLike,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.activation = activation
        self._set_functions(activations.parse("Activation", "activation", activation))

    def _set_functions(self, g: _activations.Activation | activations.ActivationFunctions) -> None:
        self._functions = None if g is _activations.LINEAR else activations.functions_for(g)

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        """Return y = activation(x), and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, ...)
            Inputs.
        training : bool, optional
            Not used.
        mask : array_like, optional
            Not used.
        keep : bool, optional
            False if `backward` will not be called.

        Returns
        -------
        y : ndarray, shape (batch, ...)
            Outputs. With a linear activation, x itself if it has the layer's dtype.
        tape : object
            First argument of `backward`.
        """
        x = self.prepare_input(x)
        return (x, None) if self._functions is None else self._functions.forward(x)

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradient of the input: dx = dy * activation'(x).

        Parameters
        ----------
        tape : object
            The second result of `forward`. It is not changed, so it can be used again.
        dy : array_like, shape (batch, ...)
            Gradient of the output.
        need_dx : bool, optional
            False if ``dx`` is not used. The result is then dy itself.
        into : list of ndarray, optional
            Not used: the layer has no weights.

        Returns
        -------
        dx : ndarray, shape (batch, ...)
            Gradient of the input.
        grads : list of ndarray
            Empty.
        """
        return dy if self._functions is None or not need_dx else self._functions.backward(tape, dy), []


class ReLU(Activation):
    """Rectified linear unit layer, with a limit, a slope and a threshold.

    y = max_value if x >= max_value, y = x if threshold < x < max_value, else y = negative_slope * (x - threshold).

    Parameters
    ----------
    max_value : float, optional
        Upper limit of y, at least 0. By default there is no limit.
    negative_slope : float, default 0.0
        Slope below the threshold, at least 0.
    threshold : float, default 0.0
        The threshold, at least 0.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If a number is negative.
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    The input and the output are (batch, ...). The mask of the input is also the mask of the output.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import ReLU
    >>> ReLU(max_value=6)(np.array([[-1.0, 2.0, 7.0]]))
    array([[0., 2., 6.]], dtype=float32)
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        Layer.__init__(self, name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.activation = None
        self.max_value = None if max_value is None else _checks.real("ReLU", "max_value", max_value, 0)
        self.negative_slope = _checks.real("ReLU", "negative_slope", negative_slope, 0)
        self.threshold = _checks.real("ReLU", "threshold", threshold, 0)
        if self.max_value is None and self.threshold == 0:
            slope = self.negative_slope
            self._set_functions(activations.parse("ReLU", "negative_slope", ("leaky_relu", slope) if slope else "relu"))
        else:
            self._functions = activations.ActivationFunctions(self._limited_relu, lambda slope, dy: slope * dy)

    def _limited_relu(self, x: Array) -> tuple[Array, Array]:
        """Return y and dy/dx, which is 0 at max_value and above, and negative_slope at the threshold and below."""
        number = self._dtype.type
        top = number(np.inf if self.max_value is None else self.max_value)
        below: Any = number(self.negative_slope)
        y = np.where(x > self.threshold, x, below * (x - number(self.threshold)) if below else below)
        return np.minimum(y, top), np.where(y >= top, number(0), np.where(x > self.threshold, number(1), below))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor.

        Returns
        -------
        dict
            The arguments by name.
        """
        return {name: value for name, value in super().get_config().items() if name != "activation"}


class Softmax(Layer):
    """Softmax layer: y = exp(x) / sum(exp(x)) over an axis.

    Parameters
    ----------
    axis : int, default -1
        The axis.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    The input and the output are (batch, ...). A mask must be broadcastable to the input. Entries where it is False do
    not contribute to the sum, and their y is 0. The mask of the input is also the mask of the output.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Softmax
    >>> Softmax()(np.zeros((1, 3)), mask=np.array([[True, False, True]]))
    array([[0.5, 0. , 0.5]], dtype=float32)
    """

    supports_masking = True
    stepwise = True

    def __init__(
        self,
        axis: int = -1,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        index = _checks.index(axis)
        if index is None:
            raise TypeError(
                f"Softmax: axis must be an integer; got {axis!r}. For several axes use a Reshape layer before it"
            )
        self.axis = index

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        """Return y = softmax(x), and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, ...)
            Inputs.
        training : bool, optional
            Not used.
        mask : array_like of bool, broadcastable to the shape of x, optional
            False for entries to exclude.
        keep : bool, optional
            False if `backward` will not be called.

        Returns
        -------
        y : ndarray, shape (batch, ...)
            Outputs.
        tape : object
            First argument of `backward`.

        Raises
        ------
        ValueError
            If the input has no such axis, or the mask does not fit.
        """
        x = self.prepare_input(x)
        if not -x.ndim <= self.axis < x.ndim:
            raise ValueError(f"{self.name}: axis must be an axis of the input {x.shape}; got {self.axis}")
        if mask is not None:
            mask = np.asarray(mask, bool)
            sizes = zip(mask.shape[::-1], x.shape[::-1])
            if mask.ndim > x.ndim or any(size not in (1, full) for size, full in sizes):
                raise ValueError(f"{self.name}: mask must be broadcastable to {x.shape}; got {mask.shape}")
            x = np.where(mask, x, self._dtype.type(-np.inf))
        y, tape = F.softmax_forward(np.moveaxis(x, self.axis, -1))
        y = np.moveaxis(y, -1, self.axis)
        return y if mask is None else np.where(mask, y, self._dtype.type(0)), (tape, mask)

    def backward(self, tape: Tape, dy: Array, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradient of the input: dx = y * (dy - sum(y * dy)), and 0 where the mask is False.

        Parameters
        ----------
        tape : object
            The second result of `forward`. It is not changed, so it can be used again.
        dy : ndarray, shape (batch, ...)
            Gradient of the output.
        need_dx : bool, optional
            Not used: dx is always computed.
        into : list of ndarray, optional
            Not used: the layer has no weights.

        Returns
        -------
        dx : ndarray, shape (batch, ...)
            Gradient of the input.
        grads : list of ndarray
            Empty.
        """
        tape, mask = tape
        if mask is not None:
            dy = np.where(mask, dy, self._dtype.type(0))
        dx = np.moveaxis(F.softmax_backward(tape, np.moveaxis(dy, self.axis, -1)), -1, self.axis)
        return dx if mask is None else np.where(mask, dx, self._dtype.type(0)), []

    def mixes_steps(self, shapes: list[Shape]) -> str | None:
        """Return why the layer is not stepwise for inputs of these shapes: its axis may be the time axis.

        Parameters
        ----------
        shapes : list of tuple
            Shapes of the inputs.

        Returns
        -------
        str or None
            The reason, for an error message. None if the layer is stepwise for these shapes.
        """
        return "its axis is the time axis" if self.axis % len(shapes[0]) == 1 else None
