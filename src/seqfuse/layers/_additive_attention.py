"""Additive attention layer (Bahdanau style)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse.layers._attention import TANH, Attention

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import ShapeLike


class AdditiveAttention(Attention):
    """Additive attention (Bahdanau style): y = softmax(s) value.

    The scores are s = sum over d of scale[d] * tanh(query[d] + key[d]).

    Parameters
    ----------
    use_scale : bool, default True
        Whether scale (D,) is a trainable weight. Otherwise it is 1.
    dropout : float, default 0.0
        Fraction of the attention weights that is dropped during training, in [0, 1).
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

    Notes
    -----
    Weights: scale (D,). Inputs, outputs, options of a call and masks are those of `Attention`. The scores need
    O(Tq * T * D) memory.

    References
    ----------
    Bahdanau, Cho and Bengio 2015, arXiv:1409.0473.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import AdditiveAttention
    >>> query, value = np.zeros((1, 2, 3)), np.arange(12.0).reshape(1, 4, 3)
    >>> y, weights = AdditiveAttention()([query, value], return_attention_scores=True)
    >>> y.shape, weights.shape
    ((1, 2, 3), (1, 2, 4))
    """

    def __init__(
        self,
        use_scale: bool = True,
        dropout: float = 0.0,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(
            use_scale,
            "concat",
            dropout,
            seed,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            **keras_options,
        )

    def get_config(self) -> dict[str, Any]:
        return {name: value for name, value in super().get_config().items() if name != "score_mode"}

    def add_weights(self, query: ShapeLike) -> None:
        self.scale = (
            self.add_weight("scale", (self.require_size(query, -1),), "glorot_uniform") if self.use_scale else None
        )

    def score(self, total: Array) -> tuple[Array, Any]:
        # s = sum over d of scale[d] * tanh(total[d])
        y, slope = TANH.forward(total)
        return (y if self.scale is None else y * self.scale.value).sum(-1), (y, slope)

    def score_backward(self, tape: Any, ds: Array, into: list[Array]) -> Array:
        y, slope = tape
        da = ds[..., None]
        if self.scale is not None:
            into[0][...] += (da * y).sum((0, 1, 2))
            da = da * self.scale.value
        return TANH.backward(slope, da)
