"""Dropout layer: sets random elements to 0 in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse._seeds import SeedGenerator
from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Into, ShapeLike, Tape


class Dropout(Layer):
    """Dropout layer: in training, y = 0 for random elements and y = x / (1 - rate) for the others; otherwise y = x.

    Parameters
    ----------
    rate : float
        Probability that an element is set to 0, in [0, 1].
    noise_shape : tuple of int or None, optional
        Shape of the dropout mask, which is broadcast to the input: 1 for an axis along which all elements are treated
        alike, None for the size of the input. By default the shape of the input.
    seed : int, optional
        Seed of the dropout masks, in [0, 2**64). By default it follows from the seed of the process.
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
        If the rate, a size in noise_shape or the seed is out of range.
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    Every call in training uses a new mask. Keras generates other random numbers: only the statistics agree.

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
        self,
        rate: float,
        noise_shape: ShapeLike | None = None,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.rate = _checks.real("Dropout", "rate", rate)
        if not 0 <= self.rate <= 1:
            raise ValueError(f"Dropout: rate must be in [0, 1]; got {rate}")
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        for size in self.noise_shape or ():
            if size is not None:
                _checks.integer("Dropout", "a size in noise_shape", size, 1)
        self.seed = seed
        self._seeds = SeedGenerator(seed, function="Dropout")

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        """Return the outputs, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, ...)
            Inputs.
        training : bool, optional
            Whether to apply dropout.
        mask : array_like, optional
            Not used.
        keep : bool, optional
            False if `backward` will not be called.

        Returns
        -------
        y : ndarray, shape (batch, ...)
            Outputs.
        tape : object
            First argument of `backward`: None without dropout, the tape of `dropout_forward`, or with noise_shape the
            factors of x.

        Raises
        ------
        ValueError
            If noise_shape does not fit the input.
        """
        x = self.prepare_input(x)
        if not training or self.rate == 0:
            return x, None
        if self.noise_shape is None and self.rate < 1:
            return F.dropout_forward(x, self.rate, seed=self._seeds.next())
        factors = np.zeros((1,) * x.ndim, self._dtype)
        if self.rate < 1:
            factors = F.dropout(np.ones(self._factors_shape(x.shape), self._dtype), self.rate, seed=self._seeds.next())
        return _multiply(x, factors), factors

    def backward(self, tape: Tape, dy: Array, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradient of the input: dy times the factors that `forward` used.

        Parameters
        ----------
        tape : object
            The second result of `forward`. It is not changed, so it can be used again.
        dy : ndarray, shape (batch, ...)
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
        if tape is None or not need_dx:
            return dy, []
        return _multiply(dy, tape) if isinstance(tape, np.ndarray) else F.dropout_backward(tape, dy), []

    def _factors_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return noise_shape with the sizes of the input in place of None."""
        given = self.noise_shape or ()
        if len(given) <= len(shape):
            sizes = tuple(shape[i] if size is None else size for i, size in enumerate(given))
            if all(size in (1, full) for size, full in zip(sizes[::-1], shape[::-1])):
                return sizes
        raise ValueError(f"{self.name}: sizes in noise_shape must be 1 or those of the input {shape}; got {given}")


def _multiply(x: Array, factors: Array) -> Array:
    """Return x * factors, and 0 where the factor is 0 even if x is NaN or infinite."""
    y = np.zeros(x.shape, factors.dtype)
    return np.multiply(x, factors, out=y, where=factors != 0)
