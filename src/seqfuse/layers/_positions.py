"""Where in a sequence each step stands, as numbers that are added to it: of sines, or learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse.layers._layer import Grads, Into, Layer

if TYPE_CHECKING:
    from seqfuse._arrays import Array


class _Positions(Layer):
    """y[b, t] = table[t + start_index], or table[positions[t]], or table[positions[b, t]]; of x the shape alone."""

    supports_masking = True
    ranks = (3,)
    symbols = "(batch, T, D)"

    def table(self, rows: int, features: int) -> Array:
        """(at least `rows`, features): what stands for each position."""
        raise NotImplementedError

    def forward(
        self,
        x: Any,
        training: bool = False,
        mask: Any = None,
        *,
        keep: bool = True,
        start_index: int = 0,
        positions: Any = None,
    ) -> tuple[Any, Any]:
        """What is to be added to x."""
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

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """None for x; of a table that is learned, the sum of dy at each position."""
        into = self.targets(into)
        if self._trainable and into:
            if isinstance(tape, slice):
                into[0][tape] += dy.sum(0)
            else:
                F.embedding_backward(tape, dy, into=into[0])
        return None, self.gradients(into)

    def compute_output_shape(self, input_shape: Any, start_index: int = 0, positions: Any = None) -> Any:
        """That of x."""
        return input_shape


class SinePositionEncoding(_Positions):
    """y[b, t, 2i] = sin(p max_wavelength^(-2i/D)), y[b, t, 2i+1] = cos of the same, at position p = t + start_index.

    Parameters
    ----------
    max_wavelength : float        at least 1; wavelengths go from 2 pi to just below 2 pi max_wavelength
    **kwargs : name, trainable, dtype        as for `Layer`

    Notes
    -----
    KerasHub's layer: of its input (batch, T, D) it takes the shape, and gives what is to be added to that; masks pass,
    so that `Add()([x, SinePositionEncoding()(x)])` has that of x. Options of a call: start_index, the position of the
    first step; positions, (T,) or (batch, T) integers in its place. Vaswani et al. 2017, arXiv:1706.03762.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import SinePositionEncoding
    >>> SinePositionEncoding()(np.ones((1, 2, 4)))[0].round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]], dtype=float32)
    """

    def __init__(self, max_wavelength: float = 10000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_wavelength = _checks.real("SinePositionEncoding", "max_wavelength", max_wavelength, 1)
        self._table = np.zeros((0, 0), self._dtype)

    def table(self, rows: int, features: int) -> Array:
        """The sines, made once for as many positions as have been met."""
        table = self._table
        if len(table) < rows or table.shape[1] != features:
            rows = max(rows, 2 * len(table))
            table = F.sinusoidal_positions(rows, features, base=self.max_wavelength, dtype=self._dtype)
            self._table = table
        return table


class PositionEmbedding(_Positions):
    """y[b, t] = embeddings[t + start_index]

    Parameters
    ----------
    sequence_length : int        how many positions there are
    initializer : str, Initializer or callable
    **kwargs : name, trainable, dtype        as for `Layer`

    Raises
    ------
    ValueError        more steps than positions

    Notes
    -----
    KerasHub's layer, called and added as `SinePositionEncoding`. Weights: embeddings (sequence_length, D).

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import PositionEmbedding
    >>> layer, x = PositionEmbedding(10), np.zeros((2, 3, 4))
    >>> y = layer(x)
    >>> y.shape, bool((y[:, :1] == layer(x[:, :1])).all())
    ((2, 3, 4), True)
    """

    def __init__(self, sequence_length: int, initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sequence_length = _checks.integer("PositionEmbedding", "sequence_length", sequence_length, 1)
        self.initializer = initializer

    def build(self, input_shape: Any) -> None:
        """Make the table."""
        shape = (self.sequence_length, self.require_size(input_shape, -1))
        self.position_embeddings = self.add_weight("embeddings", shape, self.initializer)
        super().build(input_shape)

    def table(self, rows: int, features: int) -> Array:
        """The weight."""
        if rows > self.sequence_length:
            raise ValueError(
                f"{self.name}: positions must be below sequence_length = {self.sequence_length}; got {rows - 1}"
            )
        return self.position_embeddings.value

    def compute_output_shape(self, input_shape: Any, start_index: int = 0, positions: Any = None) -> Any:
        """That of x."""
        if positions is None and input_shape[1] is not None:
            self.table(start_index + input_shape[1], 0)
        return input_shape
