"""Activations as layers of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _activations, _checks
from seqfuse import functional as F
from seqfuse.layers import activations
from seqfuse.layers._layer import Grads, Into, Layer

if TYPE_CHECKING:
    from seqfuse._arrays import Array


class Activation(Layer):
    """y = g(x).

    Parameters
    ----------
    activation : str or tuple        g: one of `seqfuse.layers.activations.NAMES`, or a name and its constants;
        None: linear. "softmax" is over the last axis
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Input and output (batch, ...); masks pass.

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

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activation
        self._choose(activations.parse("Activation", "activation", activation))

    def _choose(self, g: Any) -> None:
        self._pair = None if g is _activations.LINEAR else activations.functions_for(g)

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y = g(x)."""
        x = self.prepare_input(x)
        return (x, None) if self._pair is None else self._pair.forward(x)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx = dy g'(x)."""
        return dy if self._pair is None or not need_dx else self._pair.backward(tape, dy), []


class ReLU(Activation):
    """y = x from `threshold` to `max_value`, max_value above, negative_slope (x - threshold) below.

    Parameters
    ----------
    max_value : float        at least 0; None: no limit
    negative_slope, threshold : float        at least 0
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Input and output (batch, ...); masks pass.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import ReLU
    >>> ReLU(max_value=6)(np.array([[-1.0, 2.0, 7.0]]))
    array([[0., 2., 6.]], dtype=float32)
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        Layer.__init__(self, **kwargs)
        self.activation = None
        self.max_value = None if max_value is None else _checks.real("ReLU", "max_value", max_value, 0)
        self.negative_slope = _checks.real("ReLU", "negative_slope", negative_slope, 0)
        self.threshold = _checks.real("ReLU", "threshold", threshold, 0)
        if self.max_value is None and self.threshold == 0:
            slope = self.negative_slope
            self._choose(activations.parse("ReLU", "negative_slope", ("leaky_relu", slope) if slope else "relu"))
        else:
            self._pair = activations.ActivationFunctions(self._bent, lambda slope, dy: slope * dy)

    def _bent(self, x: Array) -> tuple[Array, Array]:
        """y, and its slope: 0 from max_value on, and at the threshold that of what is below."""
        number = self._dtype.type
        top = number(np.inf if self.max_value is None else self.max_value)
        below: Any = number(self.negative_slope)
        y = np.where(x > self.threshold, x, below * (x - number(self.threshold)) if below else below)
        return np.minimum(y, top), np.where(y >= top, number(0), np.where(x > self.threshold, number(1), below))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {name: value for name, value in super().get_config().items() if name != "activation"}


class Softmax(Layer):
    """y = exp(x) / (the sum of exp(x) over an axis), of what the mask leaves.

    Parameters
    ----------
    axis : int
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Input and output (batch, ...). A mask, which must be broadcastable to the input, gives 0 where it is False.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Softmax
    >>> Softmax()(np.zeros((1, 3)), mask=np.array([[True, False, True]]))
    array([[0.5, 0. , 0.5]], dtype=float32)
    """

    supports_masking = True
    stepwise = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        index = _checks.index(axis)
        if index is None:
            raise TypeError(f"Softmax: axis must be an integer; got {axis!r}. Over several axes, Reshape before it")
        self.axis = index

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y = softmax(x)."""
        x = self.prepare_input(x)
        if not -x.ndim <= self.axis < x.ndim:
            raise ValueError(f"{self.name}: axis must be one of the input {x.shape}; got {self.axis}")
        if mask is not None:
            mask = np.asarray(mask, bool)
            sizes = zip(mask.shape[::-1], x.shape[::-1])
            if mask.ndim > x.ndim or any(size not in (1, full) for size, full in sizes):
                raise ValueError(f"{self.name}: mask must be broadcastable to {x.shape}; got {mask.shape}")
            x = np.where(mask, x, self._dtype.type(-np.inf))
        y, tape = F.softmax_forward(np.moveaxis(x, self.axis, -1))
        y = np.moveaxis(y, -1, self.axis)
        return y if mask is None else np.where(mask, y, self._dtype.type(0)), (tape, mask)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx = y (dy - the sum of y dy), 0 where masked."""
        tape, mask = tape
        if mask is not None:
            dy = np.where(mask, dy, self._dtype.type(0))
        dx = np.moveaxis(F.softmax_backward(tape, np.moveaxis(dy, self.axis, -1)), -1, self.axis)
        return dx if mask is None else np.where(mask, dx, self._dtype.type(0)), []

    def mixes_steps(self, shapes: list[Any]) -> str | None:
        """The axis must be another one than that of time."""
        return "its axis is that of time" if self.axis % len(shapes[0]) == 1 else None
