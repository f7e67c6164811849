"""Initializers that are not random: zeros, ones, a constant, the identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqfuse import _arrays, _checks
from seqfuse.initializers.base import Initializer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class Zeros(Initializer):
    """All zeros.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def values(self, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape)


class Ones(Initializer):
    """All ones.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def values(self, shape: tuple[int, ...]) -> Array:
        return np.ones(shape)


class Constant(Initializer):
    """A constant number, or the values of an array.

    Parameters
    ----------
    value : float or array_like, default 0.0
        A number, or an array of the weight's shape, such as a table of pretrained embeddings.

    Raises
    ------
    ValueError
        If it is called with another shape than that of the array. Arrays are not broadcast.
    TypeError
        If the type of the numbers is not supported.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: ArrayLike = 0.0) -> None:
        self.value = value
        self._array = _arrays.numbers("Constant", "value", value, np.dtype(np.float64))

    def values(self, shape: tuple[int, ...]) -> Array:
        if self._array.ndim:
            _checks.shape("Constant", "value", "the weight's shape", shape, self._array.shape)
        return np.broadcast_to(self._array, shape)


class Identity(Initializer):
    """Identity matrix times a factor.

    Parameters
    ----------
    gain : float, default 1.0
        Value on the diagonal.

    Raises
    ------
    ValueError
        If it is called with a shape that has not two axes.

    References
    ----------
    For recurrent weights: Le, Jaitly and Hinton 2015, arXiv:1504.00941.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.Identity(gain=2.0)((2, 3))
    array([[2., 0., 0.],
           [0., 2., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = _checks.real("Identity", "gain", gain)

    def values(self, shape: tuple[int, ...]) -> Array:
        if len(shape) != 2:
            raise ValueError(f"Identity: shape must be (rows, columns); got {shape}")
        return self.gain * np.eye(*shape)
