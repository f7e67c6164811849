"""A block of a transformer whose steps see those before them, and what an encoder gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import functional as F
from seqfuse.layers._decoder_cache import DecoderCache
from seqfuse.layers._transformer import TransformerBlock, unmasked

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.layers._layer import Grads, Into
    from seqfuse.layers._multi_head_attention import MultiHeadAttention


class TransformerDecoder(TransformerBlock):
    """a = norm(x + attention(x, x)), c = norm(a + attention(a, encoded)), y = norm(c + g(c W1 + b1) W2 + b2).

    Parameters
    ----------
    **kwargs : all of `TransformerEncoder`

    Raises
    ------
    ValueError        called on an encoder's output when it was built without one, or the other way round

    Notes
    -----
    KerasHub's layer, called as `layer(decoder_sequence, encoder_sequence)`, or without the second: then c = a, without
    weights for it. `forward` takes both as a list. Inputs (batch, T, D), (batch, S, E); output (batch, T, D).
    Options of a call: decoder_padding_mask and encoder_padding_mask, in the place of the masks of the inputs;
    decoder_attention_mask (batch, T, T) and encoder_attention_mask (batch, T, S); use_causal_mask=True, a step sees
    none after it. Masked steps are read as zeros, as in `TransformerEncoder`.

    `start` and `step` decode step by step, with the bits of a call on the whole sequence.

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

    def build(self, input_shape: Any) -> None:
        """Make the parts: three where there is an encoder's output, else two."""
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
        x: Any,
        training: bool = False,
        mask: Any = None,
        *,
        keep: bool = True,
        decoder_padding_mask: Any = None,
        decoder_attention_mask: Any = None,
        encoder_padding_mask: Any = None,
        encoder_attention_mask: Any = None,
        use_causal_mask: bool = True,
    ) -> tuple[Any, Any]:
        """y; x is (batch, T, D), or [that, (batch, S, E)]."""
        x, encoded = self._inputs(x)
        masks = mask if isinstance(mask, (list, tuple)) else [mask, None]
        x, real = self.real(x, masks[0] if decoder_padding_mask is None else decoder_padding_mask)
        a, of_attention = self._attention.forward(
            x, training, keep=keep, value_mask=real, attention_mask=decoder_attention_mask,
            use_causal_mask=use_causal_mask,
        )  # fmt: skip
        of_cross = of_encoder = None
        if self._cross is not None:
            encoded, of_encoder = self.real(encoded, masks[1] if encoder_padding_mask is None else encoder_padding_mask)
            a, of_cross = self._cross.forward(
                a, training, keep=keep, value=encoded, value_mask=of_encoder, attention_mask=encoder_attention_mask
            )
        y, of_feedforward = self._feedforward.forward(a, training, keep=keep)
        return y, (of_attention, of_cross, of_feedforward, real, of_encoder)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx, or [dx, dencoded]."""
        of_attention, of_cross, of_feedforward, real, of_encoder = tape
        into, shares = self.shares(into)
        of: dict[Any, list[Array]] = dict(shares)
        dencoded: Any = None
        (da, _), _ = self._feedforward.backward(of_feedforward, dy, into=of[self._feedforward])
        if self._cross is not None:
            (da, dencoded), _ = self._cross.backward(of_cross, da, into=of[self._cross])
            dencoded = unmasked(dencoded, of_encoder)
        (dx, _), _ = self._attention.backward(of_attention, da, into=of[self._attention])
        dx = unmasked(dx, real)
        return (dx if self._cross is None else [dx, dencoded]), into

    # ---- step by step --------------------------------------------------------------------------------------------

    def start(self, encoder_sequence: Any = None, encoder_padding_mask: Any = None, batch: int = 1) -> DecoderCache:
        """What `step` keeps, before the first step.

        Parameters
        ----------
        encoder_sequence : (batch, S, E)        where the layer was built with one; its keys and values are made here
        encoder_padding_mask : (batch, S), bool        which of its steps are real
        batch : int        rows, where there is no encoder_sequence

        Raises
        ------
        ValueError        the layer is not built yet, or the encoder_sequence is there too much or missing
        """
        if not self.built:
            raise ValueError(f"{self.name}: it must be built before it decodes. Call it first")
        encoded: Any = None
        if encoder_sequence is not None:
            encoded = self.cast(encoder_sequence, "encoder_sequence")
            encoded, encoder_padding_mask = self.real(encoded, encoder_padding_mask)
            batch = len(encoded)
        self._check_cross(encoded)
        heads = self._attention.inside[0]
        cache = DecoderCache(self, batch, heads.num_heads, heads.key_dim, self._dtype)
        if self._cross is not None:
            cross = self._cross.inside[0]
            cache.encode(_heads(cross, 1, encoded), _heads(cross, 2, encoded), encoder_padding_mask)
        return cache

    def step(self, x: Any, cache: DecoderCache) -> Array:
        """y (batch, T, D) for the next T steps x (batch, T, D), which are added to the cache: mostly T = 1.

        Raises
        ------
        ValueError        the cache of another layer, another number of rows than it has, or of features
        """
        x = self.prepare_input(x)
        if cache.layer is not self:
            raise ValueError(f"{self.name}: cache must be what its start gave; got that of {cache.layer.name}")
        if len(x) != cache.batch:
            raise ValueError(f"{self.name}: x must have the rows of its cache, {cache.batch}; got {len(x)}")
        attention: MultiHeadAttention = self._attention.inside[0]

        def to_itself(read: Array) -> Array:
            cache.append(_heads(attention, 1, read), _heads(attention, 2, read))
            return _joined(attention, cache.attend(_heads(attention, 0, read)))

        y = self._attention.step(x, to_itself)
        if self._cross is not None:
            cross: MultiHeadAttention = self._cross.inside[0]
            y = self._cross.step(y, lambda read: _joined(cross, cache.attend_encoded(_heads(cross, 0, read))))
        return self._feedforward.forward(y, keep=False)[0]  # type: ignore[no-any-return]

    # ---- inputs --------------------------------------------------------------------------------------------------

    def _inputs(self, x: Any) -> tuple[Array, Any]:
        """Both, in the type that the layer computes in; the layer is built if need be."""
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
        if (encoded is None) != (self._cross is None):
            built, got = ("without", "with") if self._cross is None else ("with", "without")
            raise ValueError(f"{self.name}: it was built {built} an encoder_sequence, and called {got} one")

    def arguments(self, x: Any, encoder_sequence: Any = None, **options: Any) -> tuple[Any, dict[str, Any]]:
        """The encoder's output is an input, behind x."""
        return (x if encoder_sequence is None else [x, encoder_sequence]), options

    def compute_output_shape(self, input_shape: Any, **options: Any) -> Any:
        """That of the first input."""
        return input_shape[0] if isinstance(input_shape, list) else input_shape


def _heads(layer: MultiHeadAttention, which: int, x: Array) -> Array:
    """(B, H, T, D): the queries (0), keys (1) or values (2) of an attention, as the product of the whole makes them."""
    W, b = layer._kernels[which].value, layer._biases[which].value
    rows = F.dense(x, W.reshape(W.shape[0], W.shape[1] * W.shape[2]), b.reshape(b.size))
    return rows.reshape(*x.shape[:2], *W.shape[1:]).swapaxes(1, 2)


def _joined(layer: MultiHeadAttention, heads: Array) -> Array:
    """(B, T, O): the product behind the heads."""
    W = layer._kernels[3].value
    rows = heads.swapaxes(1, 2).reshape(heads.shape[0], heads.shape[2], W.shape[0] * W.shape[1])
    return F.dense(rows, W.reshape(W.shape[0] * W.shape[1], W.shape[2]), layer._biases[3].value)
