"""Attention without weights of its own but for a scale: what a query finds among the values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse._seeds import SeedGenerator
from seqfuse.layers import activations
from seqfuse.layers._base_attention import BaseAttention, identity, of_steps, total

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.layers._layer import Grads, Into

TANH = activations.functions_for(activations.parse("Attention", "score_mode", "tanh"))


class AttentionTape(NamedTuple):
    """What `Attention.backward` reads."""

    y: Any  # of the functional forward
    weights: Any  # of the same with an identity for values, where the weights were returned
    scores: Any  # of `score`, where they are sums of tanh
    q: Array
    query_mask: Array | None  # (B, Tq, 1)
    inputs: int


class ConcatTape(NamedTuple):
    """What the gradient of concatenated scores is made of."""

    total: Array  # (B, Tq, Tk, D), q + k
    slope: Array  # of tanh there
    sums: Array  # (B, Tq, Tk), of tanh over D


class Attention(BaseAttention):
    """y = softmax(s) value, with scores s = scale * query key^T, or w * sum over d of tanh(scale * (query + key)).

    Parameters
    ----------
    use_scale : bool        True: scale is a weight; False: it is 1, and not 1 / sqrt(D)
    score_mode : "dot" or "concat"        the first or the second of the scores; w is a weight
    dropout : float in [0, 1)        the share of the weights softmax(s) that is dropped in training
    seed : int        of what is dropped
    **kwargs : name, trainable, dtype        as for `Layer`

    Raises
    ------
    ValueError        inputs that are no sequences, or do not fit together

    Notes
    -----
    Called on [query, value] or [query, value, key]: (batch, Tq, D), (batch, T, Dv), (batch, T, D); key is value by
    default. Output (batch, Tq, Dv). Options of a call: use_causal_mask, query i sees keys j <= i alone;
    return_attention_scores, [y, the weights (batch, Tq, T)]. Masks are those of query and value, [(batch, Tq),
    (batch, T)]: keys that are not real are left out, and y is 0 where a query is not. A query with no key left gives 0;
    Keras gives it values that are not real. "concat" takes O(Tq T D) of memory. Luong et al. 2015, arXiv:1508.04025.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Attention
    >>> query, value = np.zeros((1, 2, 3)), np.arange(12.0).reshape(1, 4, 3)
    >>> Attention()([query, value])[0, 0]  # equal scores: the mean of the values
    array([4.5, 5.5, 6.5], dtype=float32)
    >>> Attention()([query, value], use_causal_mask=True)[0]
    array([[0. , 1. , 2. ],
           [1.5, 2.5, 3.5]], dtype=float32)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f'Attention: score_mode must be "dot" or "concat"; got {score_mode!r}')
        self.use_scale, self.score_mode = use_scale, score_mode
        self.dropout = _checks.fraction("Attention", "dropout", dropout)
        self.seed = seed
        self._seeds = SeedGenerator(seed) if dropout else None

    def build(self, input_shape: Any) -> None:
        """Make the weights, where there are such."""
        self.add_weights(input_shape[0])
        super().build(input_shape)
        self._features = None  # another call may have others

    def add_weights(self, query: Any) -> None:
        """Make scale and concat_score_weight, where there are such."""
        self.scale = self.add_weight("scale", (), "ones") if self.use_scale else None
        concat = self.score_mode == "concat"
        self.concat_score_weight = self.add_weight("concat_score_weight", (), "ones") if concat else None

    # ---- the pair ------------------------------------------------------------------------------------------------

    def forward(
        self,
        x: Any,
        training: bool = False,
        mask: Any = None,
        *,
        keep: bool = True,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Any, Any]:
        """y, or [y, weights]."""
        q, v, *others = self.sequences(x)
        k = others[0] if others else v
        query_mask, value_mask = self._masks(mask, q, v)
        if query_mask is not None and not return_attention_scores:
            q = np.where(query_mask, q, 0)  # whatever stands there, its gradients are 0
        options: dict[str, Any] = {"scale": 1.0, "causal": "top_left" if use_causal_mask else False}
        if training and self._seeds is not None:
            options |= {"dropout": self.dropout, "seed": self._seeds.next()}
        if value_mask is not None:
            options["mask"] = value_mask[:, None, None]
        scores = None
        heads = q[:, None], k[:, None]
        if self.score_mode == "concat":
            scores, options["mask"] = self._concat(q, k, value_mask)
            heads = np.zeros((*q.shape[:2], 1), q.dtype)[:, None], np.zeros((*k.shape[:2], 1), q.dtype)[:, None]
        elif self.scale is not None:
            heads = (q * self.scale.value)[:, None], heads[1]
        y, of_y = F.attention_forward(*heads, v[:, None], **options) if keep else (
            F.attention(*heads, v[:, None], **options), None
        )  # fmt: skip
        y = y[:, 0]
        if query_mask is not None:
            y = np.where(query_mask, y, 0)
        if not return_attention_scores:
            return y, AttentionTape(of_y, None, scores, q, query_mask, len(x))
        weights, of_weights = F.attention_forward(*heads, identity(heads[1]), **options)
        return [y, weights[:, 0]], AttentionTape(of_y, of_weights, scores, q, query_mask, len(x))

    def backward(self, tape: AttentionTape, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """[dquery, dvalue] or [dquery, dvalue, dkey]."""
        into = self.targets(into)
        dy, dweights = dy if tape.weights is not None else (dy, None)
        concat = tape.scores is not None
        dq: Any = None
        dk: Any = None
        dv: Any = None
        ds: Any = None
        if dy is not None:
            dy = dy if tape.query_mask is None else np.where(tape.query_mask, dy, 0)
            dq, dk, dv, ds = F.attention_backward(tape.y, dy[:, None], need_dmask=concat)
        if dweights is not None:
            more = F.attention_backward(tape.weights, dweights[:, None], need_dmask=concat)
            dq, dk, ds = total(dq, more.dq), total(dk, more.dk), total(ds, more.dmask)
        if dq is None:
            return [None] * tape.inputs, self.gradients(into)
        if tape.scores is not None:
            dq, dk = self._concat_backward(tape.scores, ds[:, 0], into)
        else:
            dq, dk = dq[:, 0], dk[:, 0]
            if self.scale is not None:  # forward: s = (q * scale) k^T
                into[0][...] += (dq * tape.q).sum()
                dq = dq * self.scale.value
        dv = None if dv is None else dv[:, 0]
        return ([dq, total(dv, dk)] if tape.inputs == 2 else [dq, dv, dk]), self.gradients(into)

    def _masks(self, mask: Any, q: Array, v: Array) -> tuple[Array | None, Array | None]:
        """Those of query, (B, Tq, 1), and of value, (B, T)."""
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or not 2 <= len(mask) <= 3:
            raise ValueError(f"{self.name}: mask must be [query_mask, value_mask]; got {type(mask).__name__}")
        of_query = None if mask[0] is None else of_steps(self.name, mask[0], q.shape)[:, :, None]
        return of_query, None if mask[1] is None else of_steps(self.name, mask[1], v.shape)

    # ---- concatenated scores -------------------------------------------------------------------------------------

    def _concat(self, q: Array, k: Array, value_mask: Array | None) -> tuple[Any, Array]:
        """The scores (B, 1, Tq, Tk), -inf at keys that are not real, as a mask that is added to scores of 0."""
        if value_mask is not None:
            k = np.where(value_mask[:, :, None], k, 0)
        scores, tape = self.score(q[:, :, None] + k[:, None])
        if value_mask is not None:
            scores = np.where(value_mask[:, None], scores, -np.inf)
        return tape, scores[:, None]

    def _concat_backward(self, tape: Any, ds: Array, into: list[Array]) -> tuple[Array, Array]:
        """dq and dk, and the gradients of weights in `into`."""
        da = self.score_backward(tape, ds, into)
        return da.sum(2), da.sum(1)

    def score(self, total: Array) -> tuple[Array, Any]:
        """s = w * sum over d of tanh(scale * total), for total = query + key (B, Tq, Tk, D)."""
        assert self.concat_score_weight is not None
        y, slope = TANH.forward(total if self.scale is None else total * self.scale.value)
        sums = y.sum(-1)
        return sums * self.concat_score_weight.value, ConcatTape(total, slope, sums)

    def score_backward(self, tape: Any, ds: Array, into: list[Array]) -> Array:
        """The gradient of query + key, and those of scale and w in `into`."""
        assert self.concat_score_weight is not None
        into[-1][...] += (ds * tape.sums).sum()
        da = TANH.backward(tape.slope, (ds * self.concat_score_weight.value)[..., None])
        if self.scale is not None:
            into[0][...] += (da * tape.total).sum()
            da = da * self.scale.value
        return da

    # ---- shapes --------------------------------------------------------------------------------------------------

    def check_together(self, shapes: Any, sources: Any = (None,) * 3) -> None:
        """Queries and keys need the same features."""
        super().check_together(shapes, sources)
        query, key = shapes[0][2], shapes[-1][2]
        if query != key and query is not None and key is not None:
            raise ValueError(f"{self.name}: query and key must have the same features; got {query} and {key}")

    def compute_output_shape(
        self, input_shape: Any, return_attention_scores: bool = False, use_causal_mask: bool = False
    ) -> Any:
        """(batch, Tq, Dv), and with return_attention_scores (batch, Tq, T)."""
        (batch, Tq, _), (_, T, Dv) = input_shape[:2]
        return [(batch, Tq, Dv), (batch, Tq, T)] if return_attention_scores else (batch, Tq, Dv)
