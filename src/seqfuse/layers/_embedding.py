"""Embedding layer: a row of a table for each integer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks
from seqfuse import functional as F
from seqfuse.layers._layer import Layer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, InitializerLike, Into, Masks, RegularizerLike, ShapeLike, Tape
    from seqfuse.layers._stream_step import StreamCall, StreamStep
    from seqfuse.layers._tensor import Shape


class Embedding(Layer):
    """Embedding layer: y[...] = embeddings[x[...]].

    Parameters
    ----------
    input_dim : int
        Number of rows of the table. The inputs are in 0..input_dim-1.
    output_dim : int
        Number of output features: the length of a row.
    embeddings_initializer : str, Initializer or callable, default "uniform"
        Initial values of the table.
    embeddings_regularizer : str, Regularizer or None, default None
        Penalty on the table.
    mask_zero : bool, default False
        Whether the input 0 means padding. The output then has a mask, which later layers obey.
    weights : array_like, shape (input_dim, output_dim), optional
        Values of the table, used instead of the initializer.
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
        ``input_length``, an argument of Keras 2, is ignored.

    Raises
    ------
    ValueError
        If a number is out of range, or the shape of `weights` is wrong.
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    Weights: embeddings (input_dim, output_dim). The input is (batch, ...), of integers or of floats with integer
    values. The output is (batch, ..., output_dim), its mask (batch, ...). Integers have no gradient: dx is None.

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
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        mask_zero: bool = False,
        weights: ArrayLike | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        keras_options.pop("input_length", None)
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.input_dim = _checks.integer("Embedding", "input_dim", input_dim, 1)
        self.output_dim = _checks.integer("Embedding", "output_dim", output_dim, 1)
        self.embeddings_initializer, self.embeddings_regularizer = embeddings_initializer, embeddings_regularizer
        self.mask_zero = mask_zero
        self.supports_masking = self.makes_mask = bool(mask_zero)
        if weights is not None:
            self.build(None)
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: ShapeLike | None) -> None:
        """Create the weight ``embeddings``, if it does not exist yet.

        Parameters
        ----------
        input_shape : tuple of int or None, or None
            Not used: the table does not depend on it.
        """
        if not self.built:
            shape = (self.input_dim, self.output_dim)
            self.embeddings = self.add_weight(
                "embeddings", shape, self.embeddings_initializer, self.embeddings_regularizer
            )
            super().build(None)

    def forward(
        self, x: ArrayLike, training: bool = False, mask: ArrayLike | None = None, *, keep: bool = True
    ) -> tuple[Array, Tape]:
        """Return y = embeddings[x], and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, ...)
            Integers in 0..input_dim-1, or floats with such values.
        training : bool, optional
            Not used.
        mask : array_like, optional
            Not used.
        keep : bool, optional
            False if `backward` will not be called.

        Returns
        -------
        y : ndarray, shape (batch, ..., output_dim)
            Outputs.
        tape : object
            First argument of `backward`.

        Raises
        ------
        ValueError
            If a number is out of range or is not an integer.
        """
        x = _arrays.asarray(self.name, "the input", x)
        if x.dtype.kind not in "iu":
            x = self._as_integers(x)
        if x.ndim == 0:
            self.check_shape(x.shape)
        self.build(None)
        try:
            return F.embedding_forward(x, self.embeddings.value)
        except ValueError as error:
            message = str(error).replace("embedding_forward: ids", f"{self.name}: the input")
            raise ValueError(message.replace("0..V-1", "0..input_dim-1")) from None

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradient of the table: each row of dy is added to the row of the table that it came from.

        Parameters
        ----------
        tape : object
            The second result of `forward`. It is not changed, so it can be used again.
        dy : array_like, shape (batch, ..., output_dim)
            Gradient of the output.
        need_dx : bool, optional
            Not used: integers have no gradient.
        into : list of ndarray, optional
            One array for each entry of `trainable_weights`. The gradients are added to them.

        Returns
        -------
        dx : None
            Integers have no gradient.
        grads : list of ndarray
            Gradients of `trainable_weights`: the arrays of ``into`` if it is given.
        """
        if self._trainable:
            into = self.targets(into)
            F.embedding_backward(tape, dy, into=into[0])
            return None, into
        return None, []

    def timed_step(self, call: StreamCall) -> StreamStep:
        """Return a function that runs one step of a stream. It raises an error if a number is out of range.

        Parameters
        ----------
        call : StreamCall
            The call.

        Returns
        -------
        step : callable
            Function from the inputs of one step to the outputs of that step.
        timed : list of bool
            For each output, whether it has a value at every step.
        """
        call.plan.may_refuse()
        return super().timed_step(call)

    def _as_integers(self, x: Array) -> Array:
        """Convert floats with integer values, or bool, to integers."""
        _arrays.compute_dtype(self.name, "the input", x.dtype)
        with np.errstate(invalid="ignore"):  # the comparison below refuses NaN and inf
            integers = x.astype(np.int64)
        if not np.array_equal(integers, x):
            value = x[integers != x][0]
            raise ValueError(f"{self.name}: the input must be integers, or floats with integer values; got {value}")
        return integers

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        """Return the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int or None
            Shape of the input, (batch, ...).

        Returns
        -------
        tuple of int or None
            (batch, ..., output_dim).
        """
        return (*input_shape, self.output_dim)

    def compute_mask(self, x: ArrayLike, mask: ArrayLike | None = None) -> Masks:
        """Return the mask of the output: x != 0 with mask_zero.

        Parameters
        ----------
        x : array_like, shape (batch, ...)
            Inputs.
        mask : array_like, optional
            Mask of the input. With mask_zero it has no effect, as in Keras.

        Returns
        -------
        ndarray of bool, shape (batch, ...), or None
            True at valid steps. None without mask_zero.
        """
        return np.asarray(x) != 0 if self.mask_zero else super().compute_mask(x, mask)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, except `weights`, whose values are stored with the other weights.

        Returns
        -------
        dict
            The arguments by name.
        """
        return {name: value for name, value in super().get_config().items() if name != "weights"}
