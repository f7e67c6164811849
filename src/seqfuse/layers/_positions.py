"""Position encodings: sinusoidal and learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, InitializerLike, Into, ShapeLike, Tape


class _Positions(Layer):
    """Base class of the position encodings: y[b, t] = table[p], with the position p of step t in sequence b.

    Only the shape of x is used.
    """

    supports_masking = True
    ranks = (3,)
    symbols = "(batch, T, D)"

    def table(self, rows: int, features: int) -> Array:
        """Return the encodings of at least `rows` positions.

        Parameters
        ----------
        rows, features : int
            Number of positions and of features.

        Returns
        -------
        ndarray, shape (>= rows, features)
            One row per position.
        """
        raise NotImplementedError

    def forward(
        self,
        x: ArrayLike,
        training: bool = False,
        mask: ArrayLike | None = None,
        *,
        keep: bool = True,
        start_index: int = 0,
        positions: ArrayLike | None = None,
    ) -> tuple[Array, Tape]:
        """Return the encodings that are to be added to x, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, T, D)
            Input, of which only the shape is used.
        training : bool, optional
            Not used.
        mask : array_like, optional
            Not used.
        keep : bool, optional
            False states that `backward` will not be called.
        start_index : int, optional
            Position of the first step.
        positions : array_like of int, shape (T,) or (batch, T), optional
            Positions of the steps. ``start_index + t`` by default.

        Returns
        -------
        y : ndarray, shape (batch, T, D)
            Encodings.
        tape : object
            First argument of `backward`.

        Raises
        ------
        ValueError
            If a position is out of range, or the shape of `positions` does not fit.
        """
        batch, T, D = self.prepare_input(x).shape
        if positions is None:
            first = _checks.integer(self.name, "start_index", start_index, 0)
            rows = self.table(first + T, D)[first : first + T]
            return np.repeat(rows[None], batch, 0), slice(first, first + T)
        given = _checks.integers(self.name, "positions", positions)
        if given.shape not in ((T,), (batch, T)):
            raise ValueError(f"{self.name}: positions must be (T,) or (batch, T) = ({batch}, {T}); got {given.shape}")
        y, tape = F.embedding_forward(np.broadcast_to(given, (batch, T)), self.table(int(given.max(initial=-1)) + 1, D))
        return y, tape

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        # x has no gradient; that of a learned table is the sum of dy at each position
        into = self.targets(into)
        if self._trainable and into:
            if isinstance(tape, slice):
                into[0][tape] += np.asarray(dy).sum(0)
            else:
                F.embedding_backward(tape, dy, into=into[0])
        return None, self.gradients(into)

    def compute_output_shape(self, input_shape: ShapeLike, start_index: int = 0, positions: Any = None) -> Any:
        # the shape of x
        return input_shape


class SinePositionEncoding(_Positions):
    """Sinusoidal position encoding.

    At position p = t + start_index ::

        y[b, t, 2i]   = sin(p * max_wavelength^(-2i/D))
        y[b, t, 2i+1] = cos(p * max_wavelength^(-2i/D))

    Parameters
    ----------
    max_wavelength : float, default 10000
        Base of the wavelengths, at least 1. They range from 2 pi to just below 2 pi * max_wavelength.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If `max_wavelength` is less than 1.

    Notes
    -----
    The layer has the arguments of KerasHub's layer. It uses only the shape of its input (batch, T, D) and returns the
    encodings that are to be added: ``Add()([x, SinePositionEncoding()(x)])``. The mask of the input is also the mask of
    the output. A call accepts the options of `forward`.

    References
    ----------
    Vaswani et al. 2017, arXiv:1706.03762.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import SinePositionEncoding
    >>> SinePositionEncoding()(np.ones((1, 2, 4)))[0].round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]], dtype=float32)
    """

    def __init__(
        self,
        max_wavelength: float = 10000,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.max_wavelength = _checks.real("SinePositionEncoding", "max_wavelength", max_wavelength, 1)
        self._table = np.zeros((0, 0), self._dtype)

    def table(self, rows: int, features: int) -> Array:
        # computed once for the largest number of positions so far
        table = self._table
        if len(table) < rows or table.shape[1] != features:
            rows = max(rows, 2 * len(table))
            table = F.sinusoidal_positions(rows, features, base=self.max_wavelength, dtype=self._dtype)
            self._table = table
        return table


class PositionEmbedding(_Positions):
    """Learned position encoding: y[b, t] = embeddings[t + start_index].

    Parameters
    ----------
    sequence_length : int
        Number of positions.
    initializer : str, Initializer or callable, default "glorot_uniform"
        Initial values of the embeddings.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If a sequence is longer than `sequence_length`.

    Notes
    -----
    The layer has the arguments of KerasHub's layer and is called like `SinePositionEncoding`. Weights: embeddings
    (sequence_length, D).

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import PositionEmbedding
    >>> layer, x = PositionEmbedding(10), np.zeros((2, 3, 4))
    >>> y = layer(x)
    >>> y.shape, bool((y[:, :1] == layer(x[:, :1])).all())
    ((2, 3, 4), True)
    """

    def __init__(
        self,
        sequence_length: int,
        initializer: InitializerLike = "glorot_uniform",
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.sequence_length = _checks.integer("PositionEmbedding", "sequence_length", sequence_length, 1)
        self.initializer = initializer

    def build(self, input_shape: ShapeLike) -> None:
        shape = (self.sequence_length, self.require_size(input_shape, -1))
        self.position_embeddings = self.add_weight("embeddings", shape, self.initializer)
        super().build(input_shape)

    def table(self, rows: int, features: int) -> Array:
        # the weight, if it has enough rows
        if rows > self.sequence_length:
            raise ValueError(
                f"{self.name}: positions must be below sequence_length = {self.sequence_length}; got {rows - 1}"
            )
        return self.position_embeddings.value

    def compute_output_shape(self, input_shape: ShapeLike, start_index: int = 0, positions: Any = None) -> Any:
        # the shape of x
        if positions is None and input_shape[1] is not None:
            self.table(start_index + input_shape[1], 0)
        return input_shape
