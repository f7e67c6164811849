"""Transformer encoder block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse.layers._transformer import TransformerBlock, zero_padding_backward

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Into, Tape
    from seqfuse.layers._tensor import Shape


class TransformerEncoder(TransformerBlock):
    """Transformer encoder block: self-attention and a feed-forward network.

    With dropout before each sum ::

        a = norm(x + attention(x, x))              normalize_first:  a = x + attention(norm(x))
        y = norm(a + g(a W1 + b1) W2 + b2)                           y = a + g(norm(a) W1 + b1) W2 + b2

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
        Shape of the input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The layer has the arguments and the order of weights of KerasHub's layer. Input and output are (batch, T, D). A call
    accepts the options of `forward`. Masked steps are replaced by zeros, so they do not affect the result.

    References
    ----------
    Vaswani et al. 2017, arXiv:1706.03762. Pre-norm: Xiong et al. 2020, arXiv:2002.04745.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import TransformerEncoder
    >>> layer = TransformerEncoder(intermediate_dim=16, num_heads=2)
    >>> layer(np.ones((3, 5, 8))).shape, len(layer.weights)
    ((3, 5, 8), 16)
    """

    def build(self, input_shape: Shape) -> None:
        self._attention = self.attention_part("self_attention", "self_attention_layer", input_shape, input_shape)
        self._feedforward = self.feedforward_part(input_shape, True)
        super().build(input_shape)

    def forward(
        self,
        x: ArrayLike,
        training: bool = False,
        mask: ArrayLike | None = None,
        *,
        keep: bool = True,
        padding_mask: ArrayLike | None = None,
        attention_mask: ArrayLike | None = None,
    ) -> tuple[Array, Tape]:
        """Return y, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, T, D)
            Input.
        training : bool, optional
            Whether to apply dropout.
        mask : array_like of bool, shape (batch, T), optional
            True at valid steps. None means that all steps are valid.
        keep : bool, optional
            False states that `backward` will not be called.
        padding_mask : array_like of bool, shape (batch, T), optional
            Mask that replaces `mask`.
        attention_mask : array_like of bool, shape (batch, T, T), optional
            True where a step may attend to another.

        Returns
        -------
        y : ndarray, shape (batch, T, D)
            Output.
        tape : object
            First argument of `backward`.
        """
        x, mask = self.zero_padding(self.prepare_input(x), mask if padding_mask is None else padding_mask)
        options: dict[str, Any] = {"keep": keep, "value_mask": mask, "attention_mask": attention_mask}
        a, attention_tape = self._attention.forward(x, training, **options)
        y, feedforward_tape = self._feedforward.forward(a, training, keep=keep)
        return y, (attention_tape, feedforward_tape, mask)

    def backward(self, tape: Tape, dy: ArrayLike, *, need_dx: bool = True, into: Into = None) -> Grads:
        attention_tape, feedforward_tape, mask = tape
        into, ((_, first), (_, second)) = self.sublayer_targets(into)
        (da, _), _ = self._feedforward.backward(feedforward_tape, dy, into=second)
        (dx, _), _ = self._attention.backward(attention_tape, da, into=first)
        return zero_padding_backward(dx, mask), into
