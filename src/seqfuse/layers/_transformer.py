"""What the blocks of a transformer are made of: parts, each of which is added to what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _checks
from seqfuse.layers import activations
from seqfuse.layers._base_attention import of_steps, total
from seqfuse.layers._clone import clone
from seqfuse.layers._dense import Dense
from seqfuse.layers._dropout import Dropout
from seqfuse.layers._layer import Grads, Into, Layer
from seqfuse.layers._layer_normalization import LayerNormalization
from seqfuse.layers._multi_head_attention import MultiHeadAttention

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse._arrays import Array
    from seqfuse.layers._tensor import Shape


class _Composed(Layer):
    """A layer whose weights are those of the layers inside."""

    def shares(self, into: list[Array] | None) -> tuple[list[Array], list[tuple[Layer, list[Array]]]]:
        """The arrays that gradients are added to, zeros if there are none; and each layer inside with its own ones."""
        into = [np.zeros_like(weight.value) for weight in self.trainable_weights] if into is None else into
        found, start = [], 0
        for layer in self.sublayers():
            end = start + len(layer.trainable_weights)
            found.append((layer, into[start:end]))
            start = end
        return into, found


class PartTape(NamedTuple):
    """What `Part.backward` reads."""

    norm: Any
    inside: list[Any]  # of each layer
    dropout: Any
    of_itself: bool  # whether what was attended to was x


class Part(_Composed):
    """y = norm(x + drop(f(x))), or with normalize_first x + drop(f(norm(x))), for f an attention or two products."""

    def __init__(
        self, inside: list[Any], norm: Layer, dropout: Layer, normalize_first: bool, order: list[Layer], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.order = order  # of the weights; the first attribute that holds layers
        self.inside, self.norm, self.dropout, self.normalize_first = inside, norm, dropout, normalize_first
        self.built = True

    def forward(
        self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True, value: Any = None, **options: Any
    ) -> tuple[Any, Any]:
        """y; an attention looks at `value`, or at what it reads of x, with the options."""
        a, of_norm = self.norm.forward(x, keep=keep) if self.normalize_first else (x, None)
        tapes = []
        for layer in self.inside:
            given = [a, a if value is None else value] if isinstance(layer, MultiHeadAttention) else a
            a, tape = layer.forward(given, training, keep=keep, **options)
            tapes.append(tape)
        a, of_dropout = self.dropout.forward(a, training)
        y = x + a
        if not self.normalize_first:
            y, of_norm = self.norm.forward(y, keep=keep)
        return y, PartTape(of_norm, tapes, of_dropout, value is None)

    def backward(self, tape: PartTape, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """[dx, dvalue]; None for a value that was x."""
        into, shares = self.shares(into)
        of = dict(shares)
        if not self.normalize_first:
            dy, _ = self.norm.backward(tape.norm, dy, into=of[self.norm])
        d, _ = self.dropout.backward(tape.dropout, dy)
        dvalue = None
        for layer, one in zip(reversed(self.inside), reversed(tape.inside)):
            d, _ = layer.backward(one, d, into=of[layer])
            if isinstance(layer, MultiHeadAttention):
                d, dvalue = d
        if tape.of_itself:
            d, dvalue = total(d, dvalue), None
        if self.normalize_first:
            d, _ = self.norm.backward(tape.norm, d, into=of[self.norm])
        return [dy + d, dvalue], into

    def step(self, x: Array, attend: Callable[[Array], Array]) -> Array:
        """y, with `attend` in the place of what is inside."""
        y: Array = x + attend(self.norm(x) if self.normalize_first else x)
        return y if self.normalize_first else self.norm(y)


class TransformerBlock(_Composed):
    """A block made of parts; see `TransformerEncoder` and `TransformerDecoder`."""

    supports_masking = True
    ranks = (3,)
    symbols = "(batch, T, D)"

    def __init__(
        self,
        intermediate_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        activation: Any = "relu",
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        normalize_first: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        kind = type(self).__name__
        self.intermediate_dim = _checks.integer(kind, "intermediate_dim", intermediate_dim, 1)
        self.num_heads = _checks.integer(kind, "num_heads", num_heads, 1)
        self.dropout = _checks.fraction(kind, "dropout", dropout)
        activations.parse(kind, "activation", activation)
        self.activation = activation
        self.layer_norm_epsilon = _checks.real(kind, "layer_norm_epsilon", layer_norm_epsilon, 0)
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.normalize_first = bool(normalize_first)

    def attention_part(self, part: str, name: str, query: Shape, value: Shape) -> Part:
        """An attention of a query to a value, whose heads are as wide as to share out the features of the query."""
        features = self.require_size(query, -1)
        if features < self.num_heads:
            raise ValueError(f"{self.name}: features must be at least num_heads = {self.num_heads}; got {features}")
        key_dim, others = features // self.num_heads, {**self._starts(), **self._named(name)}
        layer = MultiHeadAttention(self.num_heads, key_dim, dropout=self.dropout, **others)
        layer.build([query, value])
        return self._part(part, [layer], query)

    def feedforward_part(self, shape: Shape, norm_first: bool) -> Part:
        """A product, the activation, a product back to as many features; its norm is before or behind in `weights`."""
        first = Dense(
            self.intermediate_dim, self.activation, **self._starts(), **self._named("feedforward_intermediate_dense")
        )
        second = Dense(self.require_size(shape, -1), **self._starts(), **self._named("feedforward_output_dense"))
        first.build(shape)
        second.build((*shape[:-1], self.intermediate_dim))
        return self._part("feedforward", [first, second], shape, norm_first)

    def _part(self, part: str, inside: list[Any], shape: Shape, norm_first: bool = False) -> Part:
        norm = LayerNormalization(epsilon=self.layer_norm_epsilon, **self._named(f"{part}_layer_norm"))
        norm.build(shape)
        dropout = Dropout(self.dropout, **self._named(f"{part}_dropout"))
        order = [norm, *inside] if norm_first else [*inside, norm]
        return Part(inside, norm, dropout, self.normalize_first, order, **self._named(part))

    def _starts(self) -> dict[str, Any]:
        return {
            "kernel_initializer": clone(self.kernel_initializer),
            "bias_initializer": clone(self.bias_initializer),
        }

    def _named(self, name: str) -> dict[str, Any]:
        return {"name": f"{self.name}/{name}", "trainable": self._trainable, "dtype": self.dtype}

    def real(self, x: Array, mask: Any) -> tuple[Array, Array | None]:
        """x with zeros at steps that are not real, whatever stands there, and the mask (B, T)."""
        if mask is None:
            return x, None
        mask = of_steps(self.name, mask, x.shape)
        return np.where(mask[:, :, None], x, self._dtype.type(0)), mask

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """That of the first input."""
        return mask[0] if isinstance(mask, (list, tuple)) else mask


def unmasked(dx: Array, mask: Array | None) -> Array:
    """The gradient of what `TransformerBlock.real` read."""
    return dx if mask is None else np.where(mask[:, :, None], dx, dx.dtype.type(0))
