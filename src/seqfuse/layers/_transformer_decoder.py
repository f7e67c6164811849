"""Transformer decoder block: causal self-attention, and attention to an encoder's output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import functional as F
from seqfuse.layers._decoder_cache import DecoderCache
from seqfuse.layers._transformer import TransformerBlock, zero_padding_backward

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Inputs, Into, Masks, Shapes, Tape
    from seqfuse.layers._multi_head_attention import MultiHeadAttention


class TransformerDecoder(TransformerBlock):
    """Transformer decoder block: causal self-attention, cross-attention and a feed-forward network.

    With dropout before each sum ::

        a = norm(x + attention(x, x))
        c = norm(a + attention(a, encoded))        c = a without an encoder's output
        y = norm(c + g(c W1 + b1) W2 + b2)

    Parameters
    ----------
    intermediate_dim : int
        Number of features of the hidden layer of the feed-forward network.
    num_heads : int
        Number of attention heads, with D / num_heads features each, rounded down.
    dropout : float, default 0.0
        Fraction of the attention weights and of the outputs of the parts that is dropped during training, in [0, 1).
    activation : str, tuple or None, default "relu"
        Activation function g of the feed-forward network; see `Activation`.
    layer_norm_epsilon : float, default 1e-5
        Epsilon of the layer normalizations.
    kernel_initializer, bias_initializer : str, Initializer or callable
        Initial values of the kernels ("glorot_uniform" by default) and of the biases ("zeros" by default).
    normalize_first : bool, default False
        Whether the normalization precedes each part instead of following it (pre-norm).
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
        If an argument is out of range, or the layer is called on an encoder's output but was built without one, or
        vice versa.

    Notes
    -----
    The layer has the arguments and the order of weights of KerasHub's layer. It is called as
    ``layer(decoder_sequence, encoder_sequence)``, or without the second argument; it then has no weights for the
    cross-attention. `forward` expects both as a list. The inputs are (batch, T, D) and (batch, S, E), the output is
    (batch, T, D). A call accepts the options of `forward`. Masked steps are replaced by zeros.

    `start` and `step` decode step by step. The result is bitwise equal to a call on the whole sequence.

    References
    ----------
    Vaswani et al. 2017, arXiv:1706.03762. Pre-norm: Xiong et al. 2020, arXiv:2002.04745.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import TransformerDecoder
    >>> rng = np.random.default_rng(0)
    >>> x, encoded = rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 5, 8))
    >>> layer = TransformerDecoder(intermediate_dim=16, num_heads=2)
    >>> y = layer(x, encoded)
    >>> cache = layer.start(encoded)
    >>> steps = [layer.step(x[:, t : t + 1], cache) for t in range(3)]
    >>> bool((np.concatenate(steps, 1) == y).all())
    True
    """

    def build(self, input_shape: Shapes) -> None:
        # three parts with an encoder's output, otherwise two
        shape, *encoded = input_shape if isinstance(input_shape, list) else [input_shape]
        self._attention = self.attention_part("self_attention", "self_attention", shape, shape)
        self._cross = None
        if encoded:
            if len(encoded) != 1 or len(encoded[0]) != 3:
                raise ValueError(f"{self.name}: encoder_sequence must be (batch, S, E); got {encoded}")
            self._cross = self.attention_part("cross_attention", "cross_attention", shape, encoded[0])
        self._feedforward = self.feedforward_part(shape, False)
        super().build(input_shape)

    def forward(
        self,
        x: Inputs,
        training: bool = False,
        mask: Masks = None,
        *,
        keep: bool = True,
        decoder_padding_mask: ArrayLike | None = None,
        decoder_attention_mask: ArrayLike | None = None,
        encoder_padding_mask: ArrayLike | None = None,
        encoder_attention_mask: ArrayLike | None = None,
        use_causal_mask: bool = True,
    ) -> tuple[Array, Tape]:
        """Return y, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, T, D), or list of array_like
            Decoder's input, or [decoder's input, encoder's output (batch, S, E)].
        training : bool, optional
            Whether to apply dropout.
        mask : array_like of bool, shape (batch, T), or list, optional
            Mask of the input, or masks of both inputs. True at valid steps.
        keep : bool, optional
            False states that `backward` will not be called.
        decoder_padding_mask : array_like of bool, shape (batch, T), optional
            Mask that replaces that of the decoder's input.
        decoder_attention_mask : array_like of bool, shape (batch, T, T), optional
            True where a step may attend to another.
        encoder_padding_mask : array_like of bool, shape (batch, S), optional
            Mask that replaces that of the encoder's output.
        encoder_attention_mask : array_like of bool, shape (batch, T, S), optional
            True where a step may attend to a step of the encoder's output.
        use_causal_mask : bool, optional
            Whether a step attends to itself and earlier steps only.

        Returns
        -------
        y : ndarray, shape (batch, T, D)
            Output.
        tape : object
            First argument of `backward`.
        """
        x, encoded = self._inputs(x)
        masks = mask if isinstance(mask, (list, tuple)) else [mask, None]
        x, x_mask = self.zero_padding(x, masks[0] if decoder_padding_mask is None else decoder_padding_mask)
        a, attention_tape = self._attention.forward(
            x, training, keep=keep, value_mask=x_mask, attention_mask=decoder_attention_mask,
            use_causal_mask=use_causal_mask,
        )  # fmt: skip
        cross_tape = encoder_mask = None
        if self._cross is not None:
            encoder_mask = masks[1] if encoder_padding_mask is None else encoder_padding_mask
            encoded, encoder_mask = self.zero_padding(encoded, encoder_mask)
            a, cross_tape = self._cross.forward(
                a, training, keep=keep, value=encoded, value_mask=encoder_mask, attention_mask=encoder_attention_mask
            )
        y, feedforward_tape = self._feedforward.forward(a, training, keep=keep)
        return y, (attention_tape, cross_tape, feedforward_tape, x_mask, encoder_mask)

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        # dx is the gradient of the decoder's input, or [dx, dencoded]
        attention_tape, cross_tape, feedforward_tape, x_mask, encoder_mask = tape
        into, pairs = self.sublayer_targets(into)
        targets: dict[Any, list[Array]] = dict(pairs)
        dencoded: Any = None
        (da, _), _ = self._feedforward.backward(feedforward_tape, dy, into=targets[self._feedforward])
        if self._cross is not None:
            (da, dencoded), _ = self._cross.backward(cross_tape, da, into=targets[self._cross])
            dencoded = zero_padding_backward(dencoded, encoder_mask)
        (dx, _), _ = self._attention.backward(attention_tape, da, into=targets[self._attention])
        dx = zero_padding_backward(dx, x_mask)
        return (dx if self._cross is None else [dx, dencoded]), into

    # ---- decoding step by step -----------------------------------------------------------------------------------

    def start(
        self,
        encoder_sequence: ArrayLike | None = None,
        encoder_padding_mask: ArrayLike | None = None,
        batch: int = 1,
    ) -> DecoderCache:
        """Return an empty cache for `step`.

        Parameters
        ----------
        encoder_sequence : array_like, shape (batch, S, E), optional
            Encoder's output, if the layer was built with one. Its keys and values are computed here.
        encoder_padding_mask : array_like of bool, shape (batch, S), optional
            True at the valid steps of the encoder's output.
        batch : int, default 1
            Number of sequences, if there is no `encoder_sequence`.

        Returns
        -------
        DecoderCache
            The cache.

        Raises
        ------
        ValueError
            If the layer is not built yet, or `encoder_sequence` is given but was not expected, or vice versa.
        """
        if not self.built:
            raise ValueError(f"{self.name}: the layer must be built before it decodes. Call it first")
        encoded: Any = None
        encoder_mask: Array | None = None
        if encoder_sequence is not None:
            encoded = self.cast(encoder_sequence, "encoder_sequence")
            encoded, encoder_mask = self.zero_padding(encoded, encoder_padding_mask)
            batch = len(encoded)
        self._check_cross(encoded)
        heads = self._attention.inner[0]
        cache = DecoderCache(self, batch, heads.num_heads, heads.key_dim, self._dtype)
        if self._cross is not None:
            cross = self._cross.inner[0]
            cache.encode(_heads(cross, 1, encoded), _heads(cross, 2, encoded), encoder_mask)
        return cache

    def step(self, x: ArrayLike, cache: DecoderCache) -> Array:
        """Compute the next steps and append their keys and values to the cache.

        Parameters
        ----------
        x : array_like, shape (batch, T, D)
            Input of the next T steps, usually T = 1.
        cache : DecoderCache
            Cache from `start`; it is changed.

        Returns
        -------
        ndarray, shape (batch, T, D)
            Output at these steps.

        Raises
        ------
        ValueError
            If the cache belongs to another layer, or the shape of `x` does not fit.
        """
        x = self.prepare_input(x)
        if cache.layer is not self:
            raise ValueError(
                f"{self.name}: cache must come from start of this layer; got a cache of {cache.layer.name}"
            )
        if len(x) != cache.batch:
            raise ValueError(f"{self.name}: x must have the batch size of the cache, {cache.batch}; got {len(x)}")
        attention: MultiHeadAttention = self._attention.inner[0]

        def self_attention(a: Array) -> Array:
            cache.append(_heads(attention, 1, a), _heads(attention, 2, a))
            return _output(attention, cache.attend(_heads(attention, 0, a)))

        y = self._attention.step(x, self_attention)
        if self._cross is not None:
            cross: MultiHeadAttention = self._cross.inner[0]
            y = self._cross.step(y, lambda a: _output(cross, cache.attend_encoded(_heads(cross, 0, a))))
        return self._feedforward.forward(y, keep=False)[0]  # type: ignore[no-any-return]

    # ---- inputs --------------------------------------------------------------------------------------------------

    def _inputs(self, x: Any) -> tuple[Array, Any]:
        """Convert and check both inputs; build the layer if needed."""
        x, *others = x if isinstance(x, (list, tuple)) else [x]
        encoded = self.cast(others[0], "encoder_sequence") if others and others[0] is not None else None
        if not self.built and encoded is not None:
            x = self.cast(x, "x")
            self.check_shape(x.shape)
            self.build([(None, *x.shape[1:]), (None, *encoded.shape[1:])])
        x = self.prepare_input(x)
        self._check_cross(encoded)
        return x, encoded

    def _check_cross(self, encoded: Any) -> None:
        """Raise a ValueError unless an encoder's output is given exactly if the layer has cross-attention."""
        if (encoded is None) != (self._cross is None):
            built, got = ("without", "with") if self._cross is None else ("with", "without")
            raise ValueError(f"{self.name}: the layer was built {built} an encoder_sequence, but called {got} one")

    def arguments(self, x: Inputs, encoder_sequence: Inputs = None, **options: Any) -> tuple[Inputs, dict[str, Any]]:
        """Return the inputs of a call as a list, and the options.

        Parameters
        ----------
        x : array_like, Tensor or list
            Decoder's input, or the list of both inputs.
        encoder_sequence : array_like or Tensor, optional
            Encoder's output.
        **options : Any
            Options of the call.

        Returns
        -------
        inputs : array_like, Tensor or list
            The decoder's input x, or [x, encoder_sequence].
        options : dict
            Options by name.
        """
        return (x if encoder_sequence is None else [x, encoder_sequence]), options

    def compute_output_shape(self, input_shape: Shapes, **options: Any) -> Any:
        # the shape of the first input
        return input_shape[0] if isinstance(input_shape, list) else input_shape


def _heads(layer: MultiHeadAttention, which: int, x: Array) -> Array:
    """Return the queries (0), keys (1) or values (2) of an attention, (B, H, T, D), bitwise as the whole layer does."""
    W, b = layer._kernels[which].value, layer._biases[which].value
    rows = F.dense(x, W.reshape(W.shape[0], W.shape[1] * W.shape[2]), b.reshape(b.size))
    return rows.reshape(*x.shape[:2], *W.shape[1:]).swapaxes(1, 2)


def _output(layer: MultiHeadAttention, heads: Array) -> Array:
    """Return the output (B, T, O) of attended heads (B, H, T, D)."""
    W = layer._kernels[3].value
    rows = heads.swapaxes(1, 2).reshape(heads.shape[0], heads.shape[2], W.shape[0] * W.shape[1])
    return F.dense(rows, W.reshape(W.shape[0] * W.shape[1], W.shape[2]), layer._biases[3].value)
