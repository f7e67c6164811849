"""Dense products whose inputs or outputs are attention heads, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqfuse import _threads
from seqfuse._arrays import readable

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels


class Product(NamedTuple):
    """The product y = x W + b of one call."""

    x: Array  # (N, I)
    W: Array  # (I, O)
    b: Array | None  # (O,)
    shapes: tuple[tuple[int, ...], tuple[int, ...]]  # shapes of the given W and b

    def forward(self, kernels: Kernels) -> Array:
        """Return y (N, O)."""
        y = np.empty((self.x.shape[0], self.W.shape[1]), self.x.dtype)
        if y.size:
            kernels.dense_forward(self.x, self.W, self.b, y, False, _threads.current())
        return y

    def backward(self, kernels: Kernels, dy: Array, dx: Array | None) -> tuple[Array, Array | None]:
        """Return dW and db in the shapes of the given W and b, from dy (N, O). db is None without b.

        If dx (N, I) is an array, it is written. Rows of x whose row of dy is 0 do not affect dW, even if they contain
        NaN or inf.
        """
        dW = np.zeros(self.W.shape, dy.dtype)
        db = None if self.b is None else np.zeros(self.b.shape, dy.dtype)
        if dy.size:
            kernels.dense_backward(self.x, self.W, dy, dx, dW, db, False, _threads.current())
        elif dx is not None:
            dx[...] = 0  # no outputs
        if np.isnan(dW.max(initial=-np.inf)):  # possibly 0 * NaN; checking dW afterwards is cheap
            x_with_gradient = self.x.copy()
            x_with_gradient[~dy.any(axis=1)] = 0
            dW[...] = 0
            kernels.dense_backward(x_with_gradient, self.W, dy, None, dW, None, False, _threads.current())
        W_shape, b_shape = self.shapes
        return dW.reshape(W_shape), None if db is None else db.reshape(b_shape)


def product_into_heads(x: Array, W: Array, b: Array | None) -> Product:
    """Return the product of x (N, I) and W (I, heads, features), with the heads side by side in the columns of y."""
    inputs, heads, features = W.shape
    bias = None if b is None else _merge_axes(b, heads * features)
    return Product(x, _merge_axes(W, inputs, heads * features), bias, (W.shape, W.shape[1:]))


def product_of_heads(x: Array, W: Array, b: Array | None) -> Product:
    """Return the product of x (B, T, heads, features), with the heads side by side, and W (heads, features, O)."""
    (B, T, heads, features), outputs = x.shape, W.shape[2]
    columns = heads * features
    return Product(x.reshape(B * T, columns), _merge_axes(W, columns, outputs), b, (W.shape, (outputs,)))


def _merge_axes(a: Array, *shape: int) -> Array:
    """Return an array reshaped to merge the axes of heads and features.

    The result is a copy if the merged axis is not contiguous.
    """
    return readable(a.reshape(shape), a.dtype)
