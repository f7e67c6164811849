"""The numbers that the demo's model learns: one flat array, and a named view of it for each weight.

One array makes the optimiser one call, the gradient's norm one sum, and a copy of the model one `copy()`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]


class Sizes(NamedTuple):
    """How large the model is: different characters, length of a character's vector, LSTM units."""

    vocabulary: int
    embedding: int = 64
    hidden: int = 256


class Parameters(NamedTuple):
    """The model's weights, or their gradients: views of `flat`, C characters, D embedding, H hidden.

    Attributes
    ----------
    flat : (N,)        all of the following, one after the other
    E : (C, D)        a vector for each character
    W, U, b : (D, 4*H), (H, 4*H), (4*H,)        the LSTM, gates i, f, g, o
    V, c : (H, C), (C,)        the logits
    """

    flat: Array
    E: Array
    W: Array
    U: Array
    b: Array
    V: Array
    c: Array


def zeros(sizes: Sizes, dtype: DTypeLike = np.float32) -> Parameters:
    """Room for weights or gradients, all 0."""
    C, D, H = sizes
    shapes = [(C, D), (D, 4 * H), (H, 4 * H), (4 * H,), (H, C), (C,)]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    flat = np.zeros(ends[-1], dtype)
    E, W, U, b, V, c = (part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True))
    return Parameters(flat, E, W, U, b, V, c)


def initial(sizes: Sizes, seed: int, dtype: DTypeLike = np.float32) -> Parameters:
    """Weights to begin with, the same for the same seed.

    The LSTM and the logits begin as in Keras: Glorot's uniform, an orthogonal U, biases 0 and 1 in the forget slot. The
    embedding begins as in PyTorch: normal with variance 1, so that the LSTM's input has the scale Glorot assumes.
    """
    random = np.random.default_rng(seed)
    p = zeros(sizes, dtype)
    H = sizes.hidden
    p.E[...] = random.standard_normal(p.E.shape)
    for weights in (p.W, p.V):
        limit = np.sqrt(6.0 / sum(weights.shape))
        weights[...] = random.uniform(-limit, limit, weights.shape)
    q, r = np.linalg.qr(random.standard_normal((4 * H, H)))
    p.U[...] = (q * np.sign(np.diag(r))).T
    p.b[H : 2 * H] = 1.0
    return p
