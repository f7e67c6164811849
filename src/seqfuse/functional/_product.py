"""A product of rows with weights of three axes, both ways: `dense` where heads are side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqfuse import _threads
from seqfuse._arrays import readable

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels


class Product(NamedTuple):
    """y = x W + b."""

    x: Array  # (N, I)
    W: Array  # (I, O)
    b: Array | None  # (O,)
    shapes: tuple[tuple[int, ...], tuple[int, ...]]  # of W and b as they were given

    def forward(self, kernels: Kernels) -> Array:
        """y (N, O)."""
        y = np.empty((self.x.shape[0], self.W.shape[1]), self.x.dtype)
        if y.size:
            kernels.dense_forward(self.x, self.W, self.b, y, False, _threads.current())
        return y

    def backward(self, kernels: Kernels, dy: Array, dx: Array | None) -> tuple[Array, Array | None]:
        """dW and db in the shapes of W and b, from dy (N, O); None without b. dx (N, I) is written, where there is one.

        Rows of x that nothing comes back to have no part in dW, NaN and infinities included.
        """
        dW = np.zeros(self.W.shape, dy.dtype)
        db = None if self.b is None else np.zeros(self.b.shape, dy.dtype)
        if dy.size:
            kernels.dense_backward(self.x, self.W, dy, dx, dW, db, False, _threads.current())
        elif dx is not None:
            dx[...] = 0  # no outputs
        if np.isnan(dW.max(initial=-np.inf)):  # 0 * NaN, perhaps: to look for it afterwards costs next to nothing
            reached = self.x.copy()
            reached[~dy.any(axis=1)] = 0
            dW[...] = 0
            kernels.dense_backward(reached, self.W, dy, None, dW, None, False, _threads.current())
        of_W, of_b = self.shapes
        return dW.reshape(of_W), None if db is None else db.reshape(of_b)


def into_heads(x: Array, W: Array, b: Array | None) -> Product:
    """Of x (N, I) by W (I, heads, features): its columns are heads side by side."""
    inputs, heads, features = W.shape
    bias = None if b is None else _flat(b, heads * features)
    return Product(x, _flat(W, inputs, heads * features), bias, (W.shape, W.shape[1:]))


def of_heads(x: Array, W: Array, b: Array | None) -> Product:
    """Of x (B, T, heads, features), whose rows are heads side by side, by W (heads, features, O)."""
    (B, T, heads, features), outputs = x.shape, W.shape[2]
    wide = heads * features
    return Product(x.reshape(B * T, wide), _flat(W, wide, outputs), b, (W.shape, (outputs,)))


def _flat(a: Array, *shape: int) -> Array:
    """a with axes side by side; a last axis of one feature may have any stride, and then that of heads does not do."""
    return readable(a.reshape(shape), a.dtype)
