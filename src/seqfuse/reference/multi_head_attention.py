"""Attention of several heads, with the products that make queries, keys and values, and the one behind: both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse._results import DenseGrads, MultiHeadAttentionGrads
from seqfuse.reference.accumulate import accumulate
from seqfuse.reference.attention import AttentionTape, attention_backward, attention_forward
from seqfuse.reference.dense import DenseTape, dense_backward, dense_forward
from seqfuse.reference.dtypes import computed_dtype
from seqfuse.reference.rotary import RotaryTape, rotary_backward, rotary_forward

# cos and sin of `rotary_tables`, and "interleaved" where the pairs are neighbours
Rope: TypeAlias = tuple[npt.ArrayLike, npt.ArrayLike] | tuple[npt.ArrayLike, npt.ArrayLike, str]


@dataclass(frozen=True)
class MultiHeadAttentionTape:
    """What `multi_head_attention_backward` reads; opaque, refers to the arguments of the forward."""

    projections: tuple[DenseTape, DenseTape, DenseTape]  # of q, k and v
    turns: tuple[RotaryTape, RotaryTape] | None  # of q and k; None without rope
    attention: AttentionTape
    output: DenseTape  # of y
    key_given: bool
    value_given: bool


def multi_head_attention(
    query: npt.ArrayLike,
    Wq: npt.ArrayLike,
    Wk: npt.ArrayLike,
    Wv: npt.ArrayLike,
    Wo: npt.ArrayLike,
    bq: npt.ArrayLike | None = None,
    bk: npt.ArrayLike | None = None,
    bv: npt.ArrayLike | None = None,
    bo: npt.ArrayLike | None = None,
    *,
    key: npt.ArrayLike | None = None,
    value: npt.ArrayLike | None = None,
    rope: Rope | None = None,
    mask: npt.ArrayLike | None = None,
    causal: bool | str = False,
    scale: float | None = None,
    window: Sequence[int | None] | None = None,
    softcap: float | None = None,
    lengths: npt.ArrayLike | None = None,
    dropout: float = 0.0,
    seed: int | None = None,
) -> Array:
    """Let every step of `query` attend to the steps of `key`, with several heads at once.

        q = query Wq + bq;    k = key Wk + bk;    v = value Wv + bv        each head with its own part of W and b
        q, k = turned by rope
        y = (the heads of attention(q, k, v), side by side) Wo + bo

    Parameters
    ----------
    query : (B, Tq, E)
    Wq : (E, Hq, D)        weights, in the shapes of Keras
    Wk, Wv : (Ek, Hk, D), (Ev, Hk, Dv)        Hq is a multiple of Hk; query head h reads key head h // (Hq // Hk)
    Wo : (Hq, Dv, O)
    bq, bk, bv, bo : (Hq, D), (Hk, D), (Hk, Dv), (O,)        biases; zeros by default
    key : (B, Tk, Ek)        query by default: self-attention
    value : (B, Tk, Ev)        key by default
    rope : (cos, sin) or (cos, sin, "interleaved")        tables of `rotary`: key j is turned by row j, query i by row
        p, its position: i, and for causal="bottom_right" i + lengths[b] - Tq, with Tk where there are no lengths. A
        position below 0 counts as 0: such a query attends to nothing
    mask, causal, scale, window, softcap, lengths, dropout, seed : as for `attention`

    Returns
    -------
    (B, Tq, O)        y; bo where a query has nothing to attend to

    Raises
    ------
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2; grouped heads are Ainslie et al. 2023, arXiv:2305.13245.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 1, 1))
    >>> multi_head_attention(np.array([[[1.0], [3.0]]]), one, one, 10 * one, one, scale=0.0)[0]
    array([[20.],
           [20.]])
    """
    return multi_head_attention_forward(
        query, Wq, Wk, Wv, Wo, bq, bk, bv, bo, key=key, value=value, rope=rope, mask=mask, causal=causal, scale=scale,
        window=window, softcap=softcap, lengths=lengths, dropout=dropout, seed=seed,
    )[0]  # fmt: skip


def multi_head_attention_forward(
    query: npt.ArrayLike,
    Wq: npt.ArrayLike,
    Wk: npt.ArrayLike,
    Wv: npt.ArrayLike,
    Wo: npt.ArrayLike,
    bq: npt.ArrayLike | None = None,
    bk: npt.ArrayLike | None = None,
    bv: npt.ArrayLike | None = None,
    bo: npt.ArrayLike | None = None,
    *,
    key: npt.ArrayLike | None = None,
    value: npt.ArrayLike | None = None,
    rope: Rope | None = None,
    mask: npt.ArrayLike | None = None,
    causal: bool | str = False,
    scale: float | None = None,
    window: Sequence[int | None] | None = None,
    softcap: float | None = None,
    lengths: npt.ArrayLike | None = None,
    dropout: float = 0.0,
    seed: int | None = None,
) -> tuple[Array, MultiHeadAttentionTape]:
    """Run `multi_head_attention` and keep the tape for `multi_head_attention_backward`.

    Parameters, equation and errors are those of `multi_head_attention`.

    Returns
    -------
    (B, Tq, O)        y
    MultiHeadAttentionTape        opaque, for `multi_head_attention_backward`; refers to the arguments

    Examples
    --------
    >>> import numpy as np
    >>> y, tape = multi_head_attention_forward(np.ones((2, 5, 3)), *np.ones((3, 3, 4, 1)), np.ones((4, 1, 6)))
    >>> y.shape
    (2, 5, 6)
    """
    key_given, value_given = key is not None, value is not None
    key = query if key is None else key
    value = key if value is None else value
    dtype = computed_dtype(query, key, value, Wq, Wk, Wv, Wo, bq, bk, bv, bo)

    q, of_q = _project(query, Wq, bq, dtype)
    k, of_k = _project(key, Wk, bk, dtype)
    v, of_v = _project(value, Wv, bv, dtype)

    turns = None
    if rope is not None:
        cos, sin, interleaved = rope[0], rope[1], len(rope) == 3
        positions = _positions(q.shape[2], k.shape[2], causal, lengths)
        q, of_q_turned = rotary_forward(q, cos, sin, positions=positions, interleaved=interleaved)
        k, of_k_turned = rotary_forward(k, cos, sin, interleaved=interleaved)
        turns = of_q_turned, of_k_turned

    heads, of_heads = attention_forward(
        q, k, v, mask=mask, causal=causal, scale=scale, window=window, softcap=softcap, lengths=lengths,
        dropout=dropout, seed=seed,
    )  # fmt: skip

    Wo = np.asarray(Wo, dtype)
    rows, outputs = Wo.shape[0] * Wo.shape[1], Wo.shape[2]
    side_by_side = heads.swapaxes(1, 2).reshape(heads.shape[0], heads.shape[2], rows)
    y, of_y = dense_forward(side_by_side, Wo.reshape(rows, outputs), bo)
    return y, MultiHeadAttentionTape((of_q, of_k, of_v), turns, of_heads, of_y, key_given, value_given)


def multi_head_attention_backward(
    tape: MultiHeadAttentionTape,
    dy: npt.ArrayLike,
    *,
    need_dx: bool = True,
    need_dmask: bool = False,
    into: tuple[Array | None, ...] | None = None,
) -> MultiHeadAttentionGrads:
    """Differentiate `multi_head_attention`: its steps in the opposite order.

    A row of query that attends to nothing, and a row of key or value that nobody attends to, have no part in the
    gradients of the weights, whatever stands in them, NaN and infinities included.

    Parameters
    ----------
    tape : MultiHeadAttentionTape        of `multi_head_attention_forward`; not changed, and may be used again
    dy : (B, Tq, O)        gradient of y
    need_dx : bool        whether `dquery`, `dkey` and `dvalue` are wanted
    need_dmask : bool        whether `dmask` is wanted; the mask must be additive
    into : (dWq, dWk, dWv, dWo, dbq, dbk, dbv, dbo)        arrays that the gradients are added to and that are returned,
        None for a bias that was None; new ones by default

    Returns
    -------
    MultiHeadAttentionGrads        dquery holds the gradient of all that query was read as, and dkey likewise

    Raises
    ------
    ValueError        need_dmask where there is no additive mask

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 1, 1))
    >>> y, tape = multi_head_attention_forward(np.array([[[1.0], [3.0]]]), one, one, 10 * one, one, scale=0.0)
    >>> multi_head_attention_backward(tape, np.ones((1, 2, 1))).dquery[0]
    array([[10.],
           [10.]])
    """
    # forward: y = (heads side by side) Wo + bo
    (B, Hq, Tq, _), Dv = tape.attention.q.shape, tape.attention.v.shape[3]
    of_y = _product_backward(tape.output, np.asarray(dy, tape.output.x.dtype))
    dheads = of_y.dx.reshape(B, Tq, Hq, Dv).swapaxes(1, 2)
    # forward: heads = attention(q, k, v)
    dq, dk, dv, dmask = attention_backward(tape.attention, dheads, need_dmask=need_dmask)
    # forward: q, k = turned by rope
    if tape.turns is not None:
        dq, dk = (rotary_backward(turn, d) for turn, d in zip(tape.turns, (dq, dk)))
    # forward: q = query Wq + bq;  k = key Wk + bk;  v = value Wv + bv
    of_q, of_k, of_v = (_project_backward(*of) for of in zip(tape.projections, (dq, dk, dv)))

    dquery, dkey, dvalue = of_q.dx, of_k.dx, of_v.dx
    if not tape.value_given:  # value was key
        dkey, dvalue = dkey + dvalue, None
    if not tape.key_given:  # key was query
        dquery, dkey = dquery + dkey, None
    if not need_dx:
        dquery = dkey = dvalue = None

    dWo = of_y.dW.reshape(Hq, Dv, of_y.dW.shape[1])
    grads = of_q.dW, of_k.dW, of_v.dW, dWo, of_q.db, of_k.db, of_v.db, of_y.db
    return MultiHeadAttentionGrads._make((dquery, dkey, dvalue, *accumulate(into, grads), dmask))


def _project(
    x: npt.ArrayLike, W: npt.ArrayLike, b: npt.ArrayLike | None, dtype: np.dtype[Any]
) -> tuple[Array, DenseTape]:
    """x W + b as (B, heads, T, features)."""
    x, W = np.asarray(x, dtype), np.asarray(W, dtype)
    (B, T, inputs), (_, heads, features) = x.shape, W.shape
    bias = None if b is None else np.asarray(b, dtype).reshape(heads * features)
    with np.errstate(over="ignore", invalid="ignore"):  # rows that nobody attends to may hold anything
        rows, tape = dense_forward(x, W.reshape(inputs, heads * features), bias)
    return rows.reshape(B, T, heads, features).swapaxes(1, 2), tape


def _project_backward(tape: DenseTape, d: Array) -> DenseGrads:
    """dx (B, T, inputs), dW (inputs, heads, features), db (heads, features) from d (B, heads, T, features)."""
    B, heads, T, features = d.shape
    dx, dW, db = _product_backward(tape, d.swapaxes(1, 2).reshape(B, T, heads * features))
    return DenseGrads(
        dx, dW.reshape(tape.x.shape[2], heads, features), None if db is None else db.reshape(heads, features)
    )


def _product_backward(tape: DenseTape, dy: Array) -> DenseGrads:
    """As `dense_backward`, but rows that nothing comes back to are left out of the sum over rows: 0 * NaN is NaN."""
    reached = np.where(dy.any(axis=-1, keepdims=True), tape.x, 0)
    return dense_backward(replace(tape, x=reached), dy)


def _positions(Tq: int, Tk: int, causal: bool | str, lengths: npt.ArrayLike | None) -> Array:
    """Which row of the tables turns each query, (Tq,) or (B, Tq)."""
    i = np.arange(Tq)
    if causal != "bottom_right":
        return i
    ends = np.asarray(Tk) if lengths is None else np.asarray(lengths).astype(np.int64)[:, None]
    return np.asarray(np.maximum(i + ends - Tq, 0))
