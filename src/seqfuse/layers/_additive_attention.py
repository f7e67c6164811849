"""Attention whose scores are a sum of tanh: what came before products were found to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse.layers._attention import TANH, Attention

if TYPE_CHECKING:
    from seqfuse._arrays import Array


class AdditiveAttention(Attention):
    """y = softmax(s) value, with scores s = sum over d of scale[d] * tanh(query[d] + key[d]).

    Parameters
    ----------
    use_scale : bool        True: scale is a weight; False: it is 1
    dropout : float in [0, 1)        the share of the weights softmax(s) that is dropped in training
    seed : int        of what is dropped
    **kwargs : name, trainable, dtype        as for `Layer`

    Notes
    -----
    Weights: scale (D,). Inputs, outputs, options of a call and masks are those of `Attention`. It takes O(Tq T D) of
    memory. Bahdanau et al. 2015, arXiv:1409.0473.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import AdditiveAttention
    >>> query, value = np.zeros((1, 2, 3)), np.arange(12.0).reshape(1, 4, 3)
    >>> y, weights = AdditiveAttention()([query, value], return_attention_scores=True)
    >>> y.shape, weights.shape
    ((1, 2, 3), (1, 2, 4))
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(use_scale, "concat", dropout, seed, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """As for `Layer`."""
        return {name: value for name, value in super().get_config().items() if name != "score_mode"}

    def add_weights(self, query: Any) -> None:
        """Make scale, if there is one, for queries of this shape."""
        self.scale = (
            self.add_weight("scale", (self.require_size(query, -1),), "glorot_uniform") if self.use_scale else None
        )

    def score(self, total: Array) -> tuple[Array, Any]:
        """s (B, Tq, Tk), from query + key (B, Tq, Tk, D)."""
        y, slope = TANH.forward(total)
        return (y if self.scale is None else y * self.scale.value).sum(-1), (y, slope)

    def score_backward(self, tape: Any, ds: Array, into: list[Array]) -> Array:
        """The gradient of query + key, and that of scale in `into`."""
        y, slope = tape
        da = ds[..., None]
        if self.scale is not None:
            into[0][...] += (da * y).sum((0, 1, 2))
            da = da * self.scale.value
        return TANH.backward(slope, da)
