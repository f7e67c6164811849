"""Layers that merge several inputs: sum, difference, product, mean and maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.layers._merge import Merge, valid_in_any
from seqfuse.layers._tensor import OPERATORS

if TYPE_CHECKING:
    from seqfuse._arrays import Array


class Add(Merge):
    """Sum of a list of inputs: y = a + b + ...

    The shapes of the inputs are equal or broadcast.

    Parameters
    ----------
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

    Notes
    -----
    An input with fewer axes gets axes of size 1 after the batch axis. A step of the output is valid if it is valid in
    any input; the output has no mask if an input has none. The same holds for `Subtract`, `Multiply`, `Average` and
    `Maximum`.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Add
    >>> Add()([np.zeros((1, 2, 2)), np.array([[1.0, 2.0]])])
    array([[[1., 2.],
            [1., 2.]]], dtype=float32)
    """

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        y = xs[0]
        for x in xs[1:]:
            y = y + x
        return y, len(xs)

    def input_gradients(self, tape: Any, dy: Array) -> list[Array]:
        return [dy] * tape


class Average(Add):
    """Mean of a list of n inputs: y = (a + b + ...) / n.

    The shapes of the inputs are equal or broadcast.

    Parameters
    ----------
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

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Average
    >>> Average()([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])])
    array([[2., 4.]], dtype=float32)
    """

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        y, n = super().merge(xs, masks)
        return y / self._dtype.type(n), n

    def input_gradients(self, tape: Any, dy: Array) -> list[Array]:
        return [dy / self._dtype.type(tape)] * tape


class Subtract(Merge):
    """Difference of two inputs: y = a - b, called on [a, b].

    The shapes of the inputs are equal or broadcast.

    Parameters
    ----------
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

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Subtract
    >>> Subtract()([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])])
    array([[-2., -4.]], dtype=float32)
    """

    inputs_needed = 2

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        return xs[0] - xs[1], None

    def input_gradients(self, tape: Any, dy: Array) -> list[Array]:
        return [dy, -dy]


class Multiply(Merge):
    """Elementwise product of a list of inputs: y = a * b * ...

    The shapes of the inputs are equal or broadcast.

    Parameters
    ----------
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

    Notes
    -----
    A masked step of an input counts as 1. If a step is masked in all inputs, y is 0 there.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Multiply
    >>> Multiply()([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])])
    array([[ 3., 12.]], dtype=float32)
    """

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        # the tape holds the factors, and for each the product of the factors before it
        one, zero = self._dtype.type(1), self._dtype.type(0)
        xs = [x if m is None else np.where(m, x, one) for x, m in zip(xs, masks)]
        y, products = xs[0], []
        for x in xs[1:]:
            products.append(y)
            y = y * x
        given = [m for m in masks if m is not None]
        valid = valid_in_any(given) if len(given) == len(xs) else None
        return y if valid is None else np.where(valid, y, zero), (xs, products, masks, valid)

    def input_gradients(self, tape: Any, dy: Array) -> list[Array]:
        # the gradient of a factor is dy times all other factors
        xs, products, masks, valid = tape
        zero = self._dtype.type(0)
        if valid is not None:
            dy = np.where(valid, dy, zero)
        dxs = []
        for x, product in zip(xs[:0:-1], products[::-1]):
            dxs.append(dy * product)
            dy = dy * x
        dxs.append(dy)
        return [dx if m is None else np.where(m, dx, zero) for dx, m in zip(dxs[::-1], masks)]


class Maximum(Merge):
    """Elementwise maximum of a list of inputs: y = max(a, b, ...).

    The shapes of the inputs are equal or broadcast.

    Parameters
    ----------
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

    Notes
    -----
    At a step where one of two inputs is masked, y is the other input. If two inputs are equal, each receives half of
    the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Maximum
    >>> Maximum()([np.array([[1.0, 9.0]]), np.array([[3.0, 6.0]])])
    array([[3., 9.]], dtype=float32)
    """

    def merge(self, xs: list[Array], masks: list[Array | None]) -> tuple[Array, Any]:
        # the tape holds both sides of each comparison
        y, valid, comparisons = xs[0], masks[0], []
        for x, mask in zip(xs[1:], masks[1:]):
            right = x if mask is None else np.where(mask, x, y)
            left = y if valid is None else np.where(valid, y, right)
            comparisons.append((left, right, valid, mask))
            valid = None if valid is None or mask is None else valid | mask
            y = np.maximum(left, right)
        return y, comparisons

    def input_gradients(self, tape: Any, dy: Array) -> list[Array]:
        # the larger input receives dy, two equal inputs half of it each; that of a masked input goes to the other one
        zero, dxs = self._dtype.type(0), []
        for left, right, valid, mask in tape[::-1]:
            halved = np.where(left == right, dy * self._dtype.type(0.5), dy)
            dy, dx = np.where(left >= right, halved, zero), np.where(right >= left, halved, zero)
            if valid is not None:  # forward: left = y where valid, else right
                dy, dx = np.where(valid, dy, zero), np.where(valid, dx, dx + dy)
            if mask is not None:  # forward: right = x where valid, else y
                dy, dx = np.where(mask, dy, dy + dx), np.where(mask, dx, zero)
            dxs.append(dx)
        return [dy, *dxs[::-1]]


OPERATORS |= {"+": Add, "-": Subtract, "*": Multiply}
