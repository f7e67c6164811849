"""Base class of the transformer blocks, and their residual parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _checks
from seqfuse.layers import activations
from seqfuse.layers._base_attention import add_gradients, step_mask
from seqfuse.layers._clone import clone
from seqfuse.layers._dense import Dense
from seqfuse.layers._dropout import Dropout
from seqfuse.layers._layer import Layer
from seqfuse.layers._layer_normalization import LayerNormalization
from seqfuse.layers._multi_head_attention import MultiHeadAttention

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import ActivationLike, Grads, InitializerLike, Inputs, Into, Masks, ShapeLike
    from seqfuse.layers._tensor import Shape


class _Composed(Layer):
    """Base class of the layers whose weights are those of their sublayers."""

    def sublayer_targets(self, into: list[Array] | None) -> tuple[list[Array], list[tuple[Layer, list[Array]]]]:
        """Return the arrays that gradients are accumulated into, and each sublayer with its own arrays.

        Parameters
        ----------
        into : list of ndarray or None
            One array per trainable weight. None allocates zeros.

        Returns
        -------
        into : list of ndarray
            The arrays.
        targets : list of (Layer, list of ndarray)
            Sublayers with their arrays.
        """
        into = [np.zeros_like(weight.value) for weight in self.trainable_weights] if into is None else into
        targets, start = [], 0
        for layer in self.sublayers():
            end = start + len(layer.trainable_weights)
            targets.append((layer, into[start:end]))
            start = end
        return into, targets


class PartTape(NamedTuple):
    """Tape of `ResidualPart`."""

    norm: Any  # tape of the normalization
    inner: list[Any]  # tapes of the inner layers
    dropout: Any  # tape of the dropout
    self_attention: bool  # whether the values were those of x


class ResidualPart(_Composed):
    """Residual part of a transformer block, where f is an attention or a feed-forward network.

    y = norm(x + dropout(f(x))), or with `normalize_first` y = x + dropout(f(norm(x))).
    """

    def __init__(
        self,
        inner: list[Any],
        norm: Layer,
        dropout: Layer,
        normalize_first: bool,
        order: list[Layer],
        **layer_arguments: Any,
    ) -> None:
        super().__init__(**layer_arguments)
        self.order = order  # all layers in the order of the weights; must be the first attribute with layers
        self.inner, self.norm, self.dropout, self.normalize_first = inner, norm, dropout, normalize_first
        self.built = True

    def forward(
        self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True, value: Any = None, **options: Any
    ) -> tuple[Any, Any]:
        # an attention uses `value`, or its own input if there is none, and the options
        a, norm_tape = self.norm.forward(x, keep=keep) if self.normalize_first else (x, None)
        tapes = []
        for layer in self.inner:
            inputs = [a, a if value is None else value] if isinstance(layer, MultiHeadAttention) else a
            a, tape = layer.forward(inputs, training, keep=keep, **options)
            tapes.append(tape)
        a, dropout_tape = self.dropout.forward(a, training)
        y = x + a
        if not self.normalize_first:
            y, norm_tape = self.norm.forward(y, keep=keep)
        return y, PartTape(norm_tape, tapes, dropout_tape, value is None)

    def backward(self, tape: PartTape, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        # returns [dx, dvalue]; dvalue is None if the value was x
        into, pairs = self.sublayer_targets(into)
        targets = dict(pairs)
        if not self.normalize_first:
            dy, _ = self.norm.backward(tape.norm, dy, into=targets[self.norm])
        d, _ = self.dropout.backward(tape.dropout, dy)
        dvalue = None
        for layer, inner_tape in zip(reversed(self.inner), reversed(tape.inner)):
            d, _ = layer.backward(inner_tape, d, into=targets[layer])
            if isinstance(layer, MultiHeadAttention):
                d, dvalue = d
        if tape.self_attention:
            d, dvalue = add_gradients(d, dvalue), None
        if self.normalize_first:
            d, _ = self.norm.backward(tape.norm, d, into=targets[self.norm])
        return [dy + d, dvalue], into

    def step(self, x: Array, attend: Callable[[Array], Array]) -> Array:
        """Return y for one decoding step, with `attend` as f.

        Parameters
        ----------
        x : ndarray, shape (batch, T, D)
            Input of the part.
        attend : callable
            Function f, for example attention to a cache.

        Returns
        -------
        ndarray, shape (batch, T, D)
            Output of the part.
        """
        y: Array = x + attend(self.norm(x) if self.normalize_first else x)
        return y if self.normalize_first else self.norm(y)


class TransformerBlock(_Composed):
    """Base class of `TransformerEncoder` and `TransformerDecoder`: arguments, and the creation of the parts."""

    supports_masking = True
    ranks = (3,)
    symbols = "(batch, T, D)"

    def __init__(
        self,
        intermediate_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        activation: ActivationLike = "relu",
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        normalize_first: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        kind = type(self).__name__
        self.intermediate_dim = _checks.integer(kind, "intermediate_dim", intermediate_dim, 1)
        self.num_heads = _checks.integer(kind, "num_heads", num_heads, 1)
        self.dropout = _checks.fraction(kind, "dropout", dropout)
        activations.parse(kind, "activation", activation)
        self.activation = activation
        self.layer_norm_epsilon = _checks.real(kind, "layer_norm_epsilon", layer_norm_epsilon, 0)
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.normalize_first = bool(normalize_first)

    def attention_part(self, part: str, name: str, query: Shape, value: Shape) -> ResidualPart:
        """Return a part with multi-head attention of a query to a value.

        Parameters
        ----------
        part, name : str
            Names of the part and of its attention layer.
        query, value : tuple of int or None
            Shapes of query and value. Each head has features / num_heads features, rounded down.

        Returns
        -------
        ResidualPart
            The part, with its weights.
        """
        features = self.require_size(query, -1)
        if features < self.num_heads:
            raise ValueError(f"{self.name}: features must be at least num_heads = {self.num_heads}; got {features}")
        arguments = {**self._initializers(), **self._named(name)}
        layer = MultiHeadAttention(self.num_heads, features // self.num_heads, dropout=self.dropout, **arguments)
        layer.build([query, value])
        return self._part(part, [layer], query)

    def feedforward_part(self, shape: Shape, norm_first: bool) -> ResidualPart:
        """Return a part with two dense layers.

        Parameters
        ----------
        shape : tuple of int or None
            Shape of the input.
        norm_first : bool
            Whether the weights of the normalization come first in `weights`.

        Returns
        -------
        ResidualPart
            The part, with its weights.
        """
        first = Dense(
            self.intermediate_dim,
            self.activation,
            **self._initializers(),
            **self._named("feedforward_intermediate_dense"),
        )
        second = Dense(self.require_size(shape, -1), **self._initializers(), **self._named("feedforward_output_dense"))
        first.build(shape)
        second.build((*shape[:-1], self.intermediate_dim))
        return self._part("feedforward", [first, second], shape, norm_first)

    def _part(self, part: str, inner: list[Any], shape: Shape, norm_first: bool = False) -> ResidualPart:
        """Return a part with the given inner layers, a normalization and dropout."""
        norm = LayerNormalization(epsilon=self.layer_norm_epsilon, **self._named(f"{part}_layer_norm"))
        norm.build(shape)
        dropout = Dropout(self.dropout, **self._named(f"{part}_dropout"))
        order = [norm, *inner] if norm_first else [*inner, norm]
        return ResidualPart(inner, norm, dropout, self.normalize_first, order, **self._named(part))

    def _initializers(self) -> dict[str, Any]:
        """Return the initializer arguments of a sublayer; each has its own random values."""
        return {
            "kernel_initializer": clone(self.kernel_initializer),
            "bias_initializer": clone(self.bias_initializer),
        }

    def _named(self, name: str) -> dict[str, Any]:
        """Return the name, trainable and dtype arguments of a sublayer."""
        return {"name": f"{self.name}/{name}", "trainable": self._trainable, "dtype": self.dtype}

    def zero_padding(self, x: Array, mask: Any) -> tuple[Array, Array | None]:
        """Return x with zeros at masked steps, and the mask (B, T).

        Parameters
        ----------
        x : ndarray, shape (B, T, D)
            Input. Masked steps may hold any values, even NaN.
        mask : array_like of bool, shape (B, T), or None
            True at valid steps.

        Returns
        -------
        x : ndarray, shape (B, T, D)
            Input with zeros at masked steps.
        mask : ndarray of bool, shape (B, T), or None
            The mask.
        """
        if mask is None:
            return x, None
        mask = step_mask(self.name, mask, x.shape)
        return np.where(mask[:, :, None], x, self._dtype.type(0)), mask

    def compute_mask(self, x: Inputs, mask: Masks = None) -> Any:
        # the mask of the first input
        return mask[0] if isinstance(mask, (list, tuple)) else mask


def zero_padding_backward(dx: Array, mask: Array | None) -> Array:
    """Return the gradient of the input of `TransformerBlock.zero_padding`."""
    return dx if mask is None else np.where(mask[:, :, None], dx, dx.dtype.type(0))
