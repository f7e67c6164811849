"""Numbers of words become rows of a table that is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks
from seqfuse import functional as F
from seqfuse.layers._layer import Grads, Into, Layer

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.layers._stream_step import StreamCall, StreamStep


class Embedding(Layer):
    """y[...] = embeddings[x[...]]

    Parameters
    ----------
    input_dim : int        how many rows: x is in 0..input_dim-1
    output_dim : int        features of a row
    embeddings_initializer : str, Initializer or callable
    embeddings_regularizer : str, Regularizer or None
    mask_zero : bool        0 is padding: the layers behind are told to leave it out
    weights : (input_dim, output_dim)        first values, in the place of the initializer's
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Weights: embeddings (input_dim, output_dim). Input (batch, ...) of integers, or of floats that are whole; output
    (batch, ..., output_dim); mask (batch, ...). Integers have no gradient: dx is None.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Embedding
    >>> layer = Embedding(5, 3, mask_zero=True)
    >>> x = np.array([[1, 4, 1, 0]])
    >>> y, tape = layer.forward(x)
    >>> y.shape, layer.compute_mask(x)
    ((1, 4, 3), array([[ True,  True,  True, False]]))
    >>> dx, (dE,) = layer.backward(tape, np.ones((1, 4, 3)))
    >>> dE[:, 0]
    array([1., 2., 0., 0., 1.], dtype=float32)
    """

    stepwise = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("input_length", None)  # of Keras 2, taken and not looked at
        super().__init__(**kwargs)
        self.input_dim = _checks.integer("Embedding", "input_dim", input_dim, 1)
        self.output_dim = _checks.integer("Embedding", "output_dim", output_dim, 1)
        self.embeddings_initializer, self.embeddings_regularizer = embeddings_initializer, embeddings_regularizer
        self.mask_zero = mask_zero
        self.supports_masking = self.makes_mask = bool(mask_zero)
        if weights is not None:
            self.build(None)
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any) -> None:
        """Make the table, whatever the shape of the input."""
        if not self.built:
            shape = (self.input_dim, self.output_dim)
            self.embeddings = self.add_weight(
                "embeddings", shape, self.embeddings_initializer, self.embeddings_regularizer
            )
            super().build(None)

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """y = embeddings[x]."""
        x = _arrays.asarray(self.name, "the input", x)
        if x.dtype.kind not in "iu":
            x = self._whole(x)
        if x.ndim == 0:
            self.check_shape(x.shape)
        self.build(None)
        try:
            return F.embedding_forward(x, self.embeddings.value)
        except ValueError as error:
            said = str(error).replace("embedding_forward: ids", f"{self.name}: the input")
            raise ValueError(said.replace("0..V-1", "0..input_dim-1")) from None

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dembeddings[x] += dy, row by row; dx is None."""
        if self._trainable:
            into = self.targets(into)
            F.embedding_backward(tape, dy, into=into[0])
            return None, into
        return None, []

    def timed_step(self, call: StreamCall) -> StreamStep:
        """As for `Layer`; a number out of range is refused at any step."""
        call.plan.may_refuse()
        return super().timed_step(call)

    def _whole(self, x: Array) -> Array:
        """Floats and bool as the integers that they are."""
        _arrays.compute_dtype(self.name, "the input", x.dtype)
        with np.errstate(invalid="ignore"):  # NaN and inf are found out by the comparison
            integers = x.astype(np.int64)
        if not np.array_equal(integers, x):
            value = x[integers != x][0]
            raise ValueError(f"{self.name}: the input must be integers, or floats that are whole; got {value}")
        return integers

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, ..., output_dim)."""
        return (*input_shape, self.output_dim)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Where x is not 0, with mask_zero."""
        return np.asarray(x) != 0 if self.mask_zero else super().compute_mask(x, mask)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, but for `weights`: those are data."""
        return {name: value for name, value in super().get_config().items() if name != "weights"}
