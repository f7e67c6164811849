"""Multi-head attention layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse._seeds import SeedGenerator
from seqfuse.layers import _head_scores as head_scores
from seqfuse.layers._base_attention import BaseAttention, add_gradients, step_mask
from seqfuse.layers._clone import clone
from seqfuse.layers._tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import (
        Grads,
        InitializerLike,
        Inputs,
        Into,
        Masks,
        Outputs,
        RegularizerLike,
        ShapeLike,
        Shapes,
        Tape,
    )
    from seqfuse.layers.weight import Weight


class MultiHeadAttentionTape(NamedTuple):
    """Tape of `MultiHeadAttention`."""

    attention: Any  # tape of F.multi_head_attention_forward, or of `_head_scores.forward`
    scores: bool  # whether the attention weights were returned
    roles: tuple[int, ...]  # for each input the index of its gradient in (dquery, dkey, dvalue)


class MultiHeadAttention(BaseAttention):
    """Multi-head attention.

    For each head ::

        q = query Wq + bq,   k = key Wk + bk,   v = value Wv + bv
        y_head = softmax(q k^T / sqrt(key_dim)) v

    The output is y = (all y_head, concatenated) Wo + bo.

    Parameters
    ----------
    num_heads : int
        Number of heads H.
    key_dim : int
        Number of features D of q and k per head.
    value_dim : int, optional
        Number of features Dv of v per head. `key_dim` by default.
    dropout : float, default 0.0
        Fraction of the attention weights that is dropped during training, in [0, 1).
    use_bias : bool, default True
        Whether there are biases.
    output_shape : int or (int,), optional
        Number of features O of y. That of the query by default.
    attention_axes : None, default None
        Keras's argument. Only attention over the time axis is supported.
    sliding_window : int, optional
        A query attends only to keys less than this number of steps away. By default it attends to all keys.
    flash_attention : bool, optional
        Keras's argument, ignored: the memory is O(T) in any case.
    kernel_initializer, bias_initializer : str, Initializer or callable
        Initial values of the kernels ("glorot_uniform" by default) and of the biases ("zeros" by default).
    kernel_regularizer, bias_regularizer : str, Regularizer or None, default None
        Penalties on kernels and biases.
    use_gate : bool, default False
        Keras's argument. Gated heads are not supported.
    seed : int, optional
        Seed of the dropout.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the first input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If an argument is out of range, or the shapes of the inputs do not fit.

    Notes
    -----
    The layer is called as ``layer(query, value, key=None)`` with the shapes (batch, Tq, E), (batch, T, Ev) and
    (batch, T, Ek). The key is the value by default. `forward` expects a list of them. The output is (batch, Tq, O).

    Weights: the kernel (E, H, D) and bias (H, D) of the query, those of key and value, and kernel (H, Dv, O) and bias
    (O,) of the output.

    A call accepts the options of `forward`. A query attends to a key only if all masks allow it, including the mask of
    the query itself. If no key is left for a query, y is bo without gradients; Keras attends to masked values then,
    unless the attention weights are returned or dropout is active.

    References
    ----------
    Vaswani et al. 2017, arXiv:1706.03762.

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
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
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
            raise ValueError(f"{kind}: {argument} must have its default: it is not supported; got {value!r}")
        self.attention_axes, self.use_gate = None, False
        self.sliding_window = (
            None if sliding_window is None else _checks.integer(kind, "sliding_window", sliding_window, 1)
        )
        self.flash_attention = flash_attention
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.seed = seed
        self._seeds = SeedGenerator(seed) if dropout else None

    def build(self, input_shape: Shapes) -> None:
        # a kernel and a bias each for query, key, value and the output
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
        self._features = None  # check_together compares the features of all inputs

    def _add(self, part: str, name: str, shape: tuple[int, ...], initializer: Any, regularizer: Any) -> Weight:
        """Add the kernel or bias of a part, with Keras's path and name."""
        weight = self.add_weight(f"{part}/{name}", shape, clone(initializer), regularizer)
        weight.name = name
        return weight

    # ---- forward and backward ------------------------------------------------------------------------------------

    def forward(
        self,
        x: Inputs,
        training: bool = False,
        mask: Masks = None,
        *,
        keep: bool = True,
        query_mask: ArrayLike | None = None,
        value_mask: ArrayLike | None = None,
        key_mask: ArrayLike | None = None,
        attention_mask: ArrayLike | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Outputs, Tape]:
        """Return y, or [y, weights], and the tape for `backward`.

        Parameters
        ----------
        x : list of array_like
            [query, value] or [query, value, key].
        training : bool, optional
            Whether to apply dropout.
        mask : list of array_like, optional
            Masks of the inputs, (batch, steps) each; True at valid steps. None means that all steps are valid.
        keep : bool, optional
            False states that `backward` will not be called.
        query_mask, value_mask, key_mask : array_like of bool, shape (batch, steps), optional
            Masks that replace those of `mask`.
        attention_mask : array_like of bool, shape (Tq, T), (batch, Tq, T) or (batch, H, Tq, T), optional
            True where a query may attend to a key.
        return_attention_scores : bool, optional
            Whether to return the attention weights (batch, H, Tq, T) before dropout, too.
        use_causal_mask : bool, optional
            Whether query i attends to keys j <= i only.

        Returns
        -------
        y : ndarray, shape (batch, Tq, O), or list of ndarray
            Output, or [y, weights].
        tape : object
            First argument of `backward`.
        """
        arrays = self.sequences(x)
        query, value, key = arrays[0], arrays[1], arrays[-1]
        masks = list(mask) if isinstance(mask, (list, tuple)) else [mask]
        input_masks = [*masks, None, None, None]
        options = self._attention_options(
            (query.shape, key.shape),
            input_masks[0] if query_mask is None else query_mask,
            input_masks[1] if value_mask is None else value_mask,
            input_masks[2] if key_mask is None else key_mask,
            attention_mask,
            use_causal_mask,
        )
        if training and self._seeds is not None:
            options |= {"dropout": self.dropout, "seed": self._seeds.next()}
        weights = [weight.value for weight in (*self._kernels, *self._biases)]
        if return_attention_scores:
            y, scores, scores_tape = head_scores.forward(query, key, value, weights, options)
            return [y, scores], MultiHeadAttentionTape(scores_tape, True, (0, 2, 1)[: len(arrays)])
        # an input with several roles is passed once, so that there is one product for each role and one gradient
        k, v = None if key is query else key, None if value is key else value
        roles = (0, 1 if v is None else 2, 1)[: len(arrays)]
        tape: Any = None
        if keep:
            y, tape = F.multi_head_attention_forward(query, *weights, key=k, value=v, **options)
        else:
            y = F.multi_head_attention(query, *weights, key=k, value=v, **options)
        return y, MultiHeadAttentionTape(tape, False, roles)

    def backward(self, tape: MultiHeadAttentionTape, dy: Outputs, *, need_dx: bool = True, into: Into = None) -> Grads:
        # dx is [dquery, dvalue] or [dquery, dvalue, dkey]; None for an input that is the same object as an earlier one
        into = self.targets(into)
        step = 2 if self.use_bias else 1
        ordered = (*into[::step], *(into[1::2] if self.use_bias else (None,) * 4))
        if tape.scores:
            dquery, dkey, dvalue = head_scores.backward(tape.attention, *dy, need_dx=need_dx, into=ordered)
            if len(tape.roles) == 2:
                dvalue = add_gradients(dvalue, dkey)
            return [dquery, dvalue, dkey][: len(tape.roles)], self.gradients(into)
        grads = F.multi_head_attention_backward(tape.attention, dy, need_dx=need_dx, into=ordered)
        dinputs = grads.dquery, grads.dkey, grads.dvalue
        dx = [None if role in tape.roles[:i] else dinputs[role] for i, role in enumerate(tape.roles)]
        return dx, self.gradients(into)

    def _attention_options(
        self, shapes: tuple[Any, Any], query: Any, value: Any, key: Any, attention_mask: Any, causal: bool
    ) -> dict[str, Any]:
        """Combine all masks into options of `F.multi_head_attention`."""
        (batch, Tq, _), (_, T, _) = shapes
        options: dict[str, Any] = {"causal": "top_left" if causal else False}
        allowed: list[Array] = []
        if query is not None:
            allowed.append(step_mask(self.name, query, (batch, Tq))[:, None, :, None])
        allowed += [step_mask(self.name, each, (batch, T))[:, None, None] for each in (value, key) if each is not None]
        if attention_mask is not None:
            mask = np.asarray(attention_mask, bool)
            allowed.append(mask[:, None] if mask.ndim == 3 else mask)
        if self.sliding_window is not None:
            if causal or Tq == T:
                options["window"] = (self.sliding_window - 1,) * 2
            else:
                distance = np.arange(Tq)[:, None] - np.arange(T)
                allowed.append(np.abs(distance) < self.sliding_window)
        if allowed:
            mask = allowed[0]
            for each in allowed[1:]:
                mask = mask & each
            options["mask"] = mask
        return options

    # ---- shapes and calls ----------------------------------------------------------------------------------------

    def check_together(self, shapes: Any, sources: Any = (None,) * 3) -> None:
        # in addition, each input must have the number of features that the layer was built for
        super().check_together(shapes, sources)
        if self.built:
            got = shapes[0][2], shapes[1][2], shapes[-1][2]
            if got != self._sizes and any(a not in (None, b) for a, b in zip(got, self._sizes)):
                raise ValueError(
                    f"{self.name}: features of query, value, key must be {self._sizes}, as in the first call; got {got}"
                )

    def arguments(
        self, x: Inputs, value: Inputs = None, key: Inputs = None, **options: Any
    ) -> tuple[Inputs, dict[str, Any]]:
        """Return query, value and key of a call as a list, and the options.

        Parameters
        ----------
        x : array_like, Tensor or list
            The query, or the list of all inputs.
        value, key : array_like or Tensor, optional
            The other inputs.
        **options : Any
            Options of the call. None of them may be symbolic.

        Returns
        -------
        inputs : list
            [query, value] or [query, value, key].
        options : dict
            Options by name.
        """
        for name, option in options.items():
            if isinstance(option, Tensor):
                raise TypeError(
                    f"{self.name}: {name} must be an array; got a symbolic tensor. "
                    "The masks of the inputs are used automatically"
                )
        if value is None:
            return x, options
        return [x, value] if key is None else [x, value, key], options

    def compute_output_shape(self, input_shape: Shapes, return_attention_scores: bool = False, **options: Any) -> Any:
        """Return the shape of y, and that of the weights if they are returned.

        Parameters
        ----------
        input_shape : list of tuple
            Shapes of the inputs.
        return_attention_scores : bool, optional
            Option of the call.
        **options : Any
            Other options of the call, which do not affect the shape.

        Returns
        -------
        tuple, or list of tuple
            (batch, Tq, O), or [(batch, Tq, O), (batch, H, Tq, T)].
        """
        (batch, Tq, E), (_, T, _) = input_shape[:2]
        y = (batch, Tq, self.output_shape or E)
        return [y, (batch, self.num_heads, Tq, T)] if return_attention_scores else y
