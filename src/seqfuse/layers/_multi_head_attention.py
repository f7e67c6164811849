"""Several attentions side by side, each with projections of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse._seeds import SeedGenerator
from seqfuse.layers import _head_scores as head_scores
from seqfuse.layers._base_attention import BaseAttention, of_steps, total
from seqfuse.layers._clone import clone
from seqfuse.layers._tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array
    from seqfuse.layers._layer import Grads, Into
    from seqfuse.layers.weight import Weight


class MultiHeadAttentionTape(NamedTuple):
    """What `MultiHeadAttention.backward` reads."""

    cell: Any  # of the functional forward
    scores: bool  # whether the weights of attention were returned
    reads: tuple[int, ...]  # as which of the functional's query, key and value (0, 1, 2) each input was given


class MultiHeadAttention(BaseAttention):
    """y = (the heads of softmax(q k^T / sqrt(key_dim)) v, side by side) Wo + bo; q = query Wq + bq, k and v likewise.

    Parameters
    ----------
    num_heads : int        H
    key_dim : int        D, features of a head of q and k
    value_dim : int        Dv, features of a head of v; key_dim by default
    dropout : float in [0, 1)        the share of the weights of attention that is dropped in training
    use_bias : bool
    output_shape : int or (int,)        O, features of y; those of query by default
    attention_axes : None        of an input (batch, T, I) there is one
    sliding_window : int        a query sees keys less than that many steps away alone; None: all
    flash_attention : not looked at        memory is O(T) in any case
    kernel_initializer, bias_initializer : str, Initializer or callable
    kernel_regularizer, bias_regularizer : str, Regularizer or None
    use_gate : False        gated heads are not built
    seed : int        of what is dropped
    **kwargs : name, trainable, dtype        as for `Layer`

    Raises
    ------
    ValueError        inputs that are no sequences, or do not fit together

    Notes
    -----
    Called as `layer(query, value, key=None)`: (batch, Tq, E), (batch, T, Ev), (batch, T, Ek); key is value by default.
    `forward` takes them as a list. Output (batch, Tq, O). Weights: query kernel (E, H, D) and bias (H, D), those of key
    and of value, and of the output (H, Dv, O) and (O,).

    Options of a call: attention_mask, (Tq, T), (batch, Tq, T) or (batch, H, Tq, T), True where a query may attend;
    query_mask, value_mask and key_mask, (batch, steps), in the place of the masks that come with the inputs;
    use_causal_mask, query i sees keys j <= i alone; return_attention_scores, [y, the weights (batch, H, Tq, T), before
    dropout]. All masks must allow a pair, that of the query too. A query with no key left gives bo, without gradients;
    Keras attends to values that are not real, unless the weights are returned or there is dropout.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import MultiHeadAttention
    >>> layer = MultiHeadAttention(num_heads=2, key_dim=4)
    >>> x = np.ones((3, 5, 8))
    >>> layer(x, x, use_causal_mask=True).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        kind = "MultiHeadAttention"
        self.num_heads = _checks.integer(kind, "num_heads", num_heads, 1)
        self.key_dim = _checks.integer(kind, "key_dim", key_dim, 1)
        self.value_dim = self.key_dim if value_dim is None else _checks.integer(kind, "value_dim", value_dim, 1)
        self.dropout = _checks.fraction(kind, "dropout", dropout)
        self.use_bias = use_bias
        if isinstance(output_shape, (tuple, list)):
            if len(output_shape) != 1:
                raise ValueError(f"{kind}: output_shape must be O or (O,); got {output_shape!r}")
            (output_shape,) = output_shape
        self.output_shape = None if output_shape is None else _checks.integer(kind, "output_shape", output_shape, 1)
        if attention_axes not in (None, 1, (1,), [1]) or use_gate:
            argument, value = ("use_gate", use_gate) if use_gate else ("attention_axes", attention_axes)
            raise ValueError(f"{kind}: {argument} must be left out: it is not built; got {value!r}")
        self.attention_axes, self.use_gate = None, False
        self.sliding_window = (
            None if sliding_window is None else _checks.integer(kind, "sliding_window", sliding_window, 1)
        )
        self.flash_attention = flash_attention
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.seed = seed
        self._seeds = SeedGenerator(seed) if dropout else None

    def build(self, input_shape: Any) -> None:
        """Make a kernel and a bias each for query, key, value and the output."""
        query, value, key = input_shape[0], input_shape[1], input_shape[-1]
        E, Ev, Ek = self.require_size(query, -1), self.require_size(value, -1), self.require_size(key, -1)
        H, D, Dv, O = self.num_heads, self.key_dim, self.value_dim, self.output_shape or E
        self._kernels: list[Weight] = []
        self._biases: list[Weight] = []
        for part, kernel, bias in (
            ("query", (E, H, D), (H, D)),
            ("key", (Ek, H, D), (H, D)),
            ("value", (Ev, H, Dv), (H, Dv)),
            ("attention_output", (H, Dv, O), (O,)),
        ):
            self._kernels.append(self._add(part, "kernel", kernel, self.kernel_initializer, self.kernel_regularizer))
            if self.use_bias:
                self._biases.append(self._add(part, "bias", bias, self.bias_initializer, self.bias_regularizer))
        self._sizes = E, Ev, Ek
        super().build(input_shape)
        self._features = None  # check_together has all three

    def _add(self, part: str, name: str, shape: tuple[int, ...], initializer: Any, regularizer: Any) -> Weight:
        weight = self.add_weight(f"{part}/{name}", shape, clone(initializer), regularizer)
        weight.name = name
        return weight

    # ---- the pair ------------------------------------------------------------------------------------------------

    def forward(
        self,
        x: Any,
        training: bool = False,
        mask: Any = None,
        *,
        keep: bool = True,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Any, Any]:
        """y, or [y, weights]; x is [query, value] or [query, value, key]."""
        arrays = self.sequences(x)
        query, value, key = arrays[0], arrays[1], arrays[-1]
        masks = list(mask) if isinstance(mask, (list, tuple)) else [mask]
        of_query, of_value, of_key, *_ = [*masks, None, None, None]
        options = self._pairs(
            (query.shape, key.shape),
            of_query if query_mask is None else query_mask,
            of_value if value_mask is None else value_mask,
            of_key if key_mask is None else key_mask,
            attention_mask,
            use_causal_mask,
        )
        if training and self._seeds is not None:
            options |= {"dropout": self.dropout, "seed": self._seeds.next()}
        weights = [weight.value for weight in (*self._kernels, *self._biases)]
        if return_attention_scores:
            y, scores, pieces = head_scores.forward(query, key, value, weights, options)
            return [y, scores], MultiHeadAttentionTape(pieces, True, (0, 2, 1)[: len(arrays)])
        k, v = None if key is query else key, None if value is key else value  # a product is made of each once
        reads = (0, 1 if v is None else 2, 1)[: len(arrays)]
        cell: Any = None
        if keep:
            y, cell = F.multi_head_attention_forward(query, *weights, key=k, value=v, **options)
        else:
            y = F.multi_head_attention(query, *weights, key=k, value=v, **options)
        return y, MultiHeadAttentionTape(cell, False, reads)

    def backward(self, tape: MultiHeadAttentionTape, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """[dquery, dvalue] or [dquery, dvalue, dkey]; None for an input that is one of those before."""
        into = self.targets(into)
        step = 2 if self.use_bias else 1
        ordered = (*into[::step], *(into[1::2] if self.use_bias else (None,) * 4))
        if tape.scores:
            dquery, dkey, dvalue = head_scores.backward(tape.cell, *dy, need_dx=need_dx, into=ordered)
            if len(tape.reads) == 2:
                dvalue = total(dvalue, dkey)
            return [dquery, dvalue, dkey][: len(tape.reads)], self.gradients(into)
        grads = F.multi_head_attention_backward(tape.cell, dy, need_dx=need_dx, into=ordered)
        of_inputs = grads.dquery, grads.dkey, grads.dvalue
        dx = [None if at in tape.reads[:i] else of_inputs[at] for i, at in enumerate(tape.reads)]
        return dx, self.gradients(into)

    def _pairs(
        self, shapes: tuple[Any, Any], query: Any, value: Any, key: Any, pairs: Any, causal: bool
    ) -> dict[str, Any]:
        """Which query attends to which key, as the functional takes it."""
        (batch, Tq, _), (_, T, _) = shapes
        options: dict[str, Any] = {"causal": "top_left" if causal else False}
        allowed: list[Array] = []
        if query is not None:
            allowed.append(of_steps(self.name, query, (batch, Tq))[:, None, :, None])
        allowed += [of_steps(self.name, one, (batch, T))[:, None, None] for one in (value, key) if one is not None]
        if pairs is not None:
            mask = np.asarray(pairs, bool)
            allowed.append(mask[:, None] if mask.ndim == 3 else mask)
        if self.sliding_window is not None:
            if causal or Tq == T:
                options["window"] = (self.sliding_window - 1,) * 2
            else:
                apart = np.arange(Tq)[:, None] - np.arange(T)
                allowed.append(np.abs(apart) < self.sliding_window)
        if allowed:
            mask = allowed[0]
            for one in allowed[1:]:
                mask = mask & one
            options["mask"] = mask
        return options

    # ---- shapes and calls ----------------------------------------------------------------------------------------

    def check_together(self, shapes: Any, sources: Any = (None,) * 3) -> None:
        """Once it is built, each input has the features that it was built for."""
        super().check_together(shapes, sources)
        if self.built:
            got = shapes[0][2], shapes[1][2], shapes[-1][2]
            if got != self._sizes and any(a not in (None, b) for a, b in zip(got, self._sizes)):
                raise ValueError(
                    f"{self.name}: features of query, value, key must be {self._sizes}, as in the first call; got {got}"
                )

    def arguments(self, x: Any, value: Any = None, key: Any = None, **options: Any) -> tuple[Any, dict[str, Any]]:
        """query, value and key, as a list; None of the options may be symbolic."""
        for name, option in options.items():
            if isinstance(option, Tensor):
                raise TypeError(
                    f"{self.name}: {name} must be an array; got a symbolic tensor. Masks of inputs come with them"
                )
        if value is None:
            return x, options
        return [x, value] if key is None else [x, value, key], options

    def compute_output_shape(self, input_shape: Any, return_attention_scores: bool = False, **options: Any) -> Any:
        """(batch, Tq, O), and with return_attention_scores (batch, H, Tq, T)."""
        (batch, Tq, E), (_, T, _) = input_shape[:2]
        y = (batch, Tq, self.output_shape or E)
        return [y, (batch, self.num_heads, Tq, T)] if return_attention_scores else y
