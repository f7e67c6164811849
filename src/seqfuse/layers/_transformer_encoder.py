"""A block of a transformer that reads a whole sequence at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse.layers._transformer import TransformerBlock, unmasked

if TYPE_CHECKING:
    from seqfuse.layers._layer import Grads, Into


class TransformerEncoder(TransformerBlock):
    """a = norm(x + attention(x, x)), y = norm(a + g(a W1 + b1) W2 + b2), with dropout before each sum.

    Parameters
    ----------
    intermediate_dim : int        features of g(a W1 + b1)
    num_heads : int        heads of D / num_heads features each, rounded down
    dropout : float in [0, 1)        of the weights of attention, and of what is added
    activation : str, tuple or None        g: see `Activation`
    layer_norm_epsilon : float
    kernel_initializer, bias_initializer : str, Initializer or callable
    normalize_first : bool        True: a = x + attention(norm(x)), y = a + g(norm(a) W1 + b1) W2 + b2
    **kwargs : name, trainable, dtype        as for `Layer`

    Notes
    -----
    KerasHub's layer, made of `MultiHeadAttention`, `LayerNormalization`, `Dense` and `Dropout`, with the order of its
    weights. Input and output (batch, T, D). Options of a call: padding_mask (batch, T), in the place of the mask of x;
    attention_mask (batch, T, T), True where a step may attend to another. Steps that the mask leaves out are read as
    zeros, so that what stands there reaches nothing. Vaswani et al. 2017, arXiv:1706.03762; normalize_first: Xiong et
    al. 2020, arXiv:2002.04745.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import TransformerEncoder
    >>> layer = TransformerEncoder(intermediate_dim=16, num_heads=2)
    >>> layer(np.ones((3, 5, 8))).shape, len(layer.weights)
    ((3, 5, 8), 16)
    """

    def build(self, input_shape: Any) -> None:
        """Make both parts."""
        self._attention = self.attention_part("self_attention", "self_attention_layer", input_shape, input_shape)
        self._feedforward = self.feedforward_part(input_shape, True)
        super().build(input_shape)

    def forward(
        self,
        x: Any,
        training: bool = False,
        mask: Any = None,
        *,
        keep: bool = True,
        padding_mask: Any = None,
        attention_mask: Any = None,
    ) -> tuple[Any, Any]:
        """y."""
        x, mask = self.real(self.prepare_input(x), mask if padding_mask is None else padding_mask)
        options = {"keep": keep, "value_mask": mask, "attention_mask": attention_mask}
        a, of_attention = self._attention.forward(x, training, **options)
        y, of_feedforward = self._feedforward.forward(a, training, keep=keep)
        return y, (of_attention, of_feedforward, mask)

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """dx, back through both parts."""
        of_attention, of_feedforward, mask = tape
        into, ((_, first), (_, second)) = self.shares(into)
        (da, _), _ = self._feedforward.backward(of_feedforward, dy, into=second)
        (dx, _), _ = self._attention.backward(of_attention, da, into=first)
        return unmasked(dx, mask), into
