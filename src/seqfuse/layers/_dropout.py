"""Elements left out at random, in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse._seeds import SeedGenerator
from seqfuse.layers._layer import Grads, Into, Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array


class Dropout(Layer):
    """In training: y = x / (1 - rate) where an element is kept, 0 where it is dropped; otherwise y = x.

    Parameters
    ----------
    rate : float in [0, 1]        how probable it is to be dropped
    noise_shape : tuple        of the pattern, which is repeated along axes where this says 1; None: the size of x
    seed : int in [0, 2**64)        the patterns follow from it; by default from the seed of the process
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Every call in training has another pattern. Which one is not what Keras draws: only their statistics agree.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Dropout
    >>> layer, x = Dropout(0.5, noise_shape=(None, 1, None), seed=1), np.ones((2, 3, 100))
    >>> y, tape = layer.forward(x, training=True)
    >>> np.unique(y), bool((y == y[:, :1]).all())
    (array([0., 2.], dtype=float32), True)
    >>> bool((layer(x) == x).all())
    True
    """

    supports_masking = True
    stepwise = True

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = _checks.real("Dropout", "rate", rate)
        if not 0 <= self.rate <= 1:
            raise ValueError(f"Dropout: rate must be in [0, 1]; got {rate}")
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        for size in self.noise_shape or ():
            if size is not None:
                _checks.integer("Dropout", "a size in noise_shape", size, 1)
        self.seed = seed
        self._seeds = SeedGenerator(seed, function="Dropout")

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y; the tape is that of `dropout_forward`, or the factors of x where they have a shape of their own."""
        x = self.prepare_input(x)
        if not training or self.rate == 0:
            return x, None
        if self.noise_shape is None and self.rate < 1:
            return F.dropout_forward(x, self.rate, seed=self._seeds.next())
        factors = np.zeros((1,) * x.ndim, self._dtype)
        if self.rate < 1:
            factors = F.dropout(np.ones(self._pattern(x.shape), self._dtype), self.rate, seed=self._seeds.next())
        return _kept(x, factors), factors

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx: dy with the same pattern."""
        if tape is None or not need_dx:
            return dy, []
        return _kept(dy, tape) if isinstance(tape, np.ndarray) else F.dropout_backward(tape, dy), []

    def _pattern(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """noise_shape for an input of this shape."""
        given = self.noise_shape or ()
        if len(given) <= len(shape):
            pattern = tuple(shape[i] if size is None else size for i, size in enumerate(given))
            if all(size in (1, full) for size, full in zip(pattern[::-1], shape[::-1])):
                return pattern
        raise ValueError(f"{self.name}: noise_shape must have 1 or the size of the input {shape}; got {given}")


def _kept(x: Array, factors: Array) -> Array:
    """x times the factors; what is dropped is 0, were it NaN."""
    y = np.zeros(x.shape, factors.dtype)
    return np.multiply(x, factors, out=y, where=factors != 0)
