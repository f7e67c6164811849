"""Multi-head attention with its projections, forward and backward."""

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

# cos and sin from `rotary_tables`, and "interleaved" if neighboring features are rotated together
Rope: TypeAlias = tuple[npt.ArrayLike, npt.ArrayLike] | tuple[npt.ArrayLike, npt.ArrayLike, str]


@dataclass(frozen=True)
class MultiHeadAttentionTape:
    """Tape of `multi_head_attention_forward` for its backward function."""

    projections: tuple[DenseTape, DenseTape, DenseTape]  # for q, k and v
    rotations: tuple[RotaryTape, RotaryTape] | None  # for q and k; None without rope
    attention: AttentionTape
    output: DenseTape  # for y
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
    """Compute attention with several heads, including the projections.

    See `multi_head_attention_forward` for the equations.

    Parameters
    ----------
    query : array_like, shape (B, Tq, E)
        Inputs of the queries.
    Wq : array_like, shape (E, Hq, D)
        Weights of the queries, in the layout of Keras.
    Wk : array_like, shape (Ek, Hk, D)
        Weights of the keys. Hq must be a multiple of Hk. Query head h attends to key head h // (Hq // Hk).
    Wv : array_like, shape (Ev, Hk, Dv)
        Weights of the values.
    Wo : array_like, shape (Hq, Dv, O)
        Weights of the output.
    bq, bk, bv, bo : array_like, shapes (Hq, D), (Hk, D), (Hk, Dv) and (O,), optional
        Biases. Zeros by default.
    key : array_like, shape (B, Tk, Ek), optional
        Inputs of the keys. `query` by default, which is self-attention.
    value : array_like, shape (B, Tk, Ev), optional
        Inputs of the values. `key` by default.
    rope : tuple, optional
        ``(cos, sin)`` or ``(cos, sin, "interleaved")``: apply `rotary` with these tables to queries and keys. Key j
        uses row j of the tables. The query at position p, as defined for `causal`, uses row p, or row 0 if p is
        negative. No rotation by default.
    mask : array_like, optional
        Array of 2 to 4 axes that broadcasts to (B, Hq, Tq, Tk). A bool mask is True where a query may attend to a key.
        Other masks are added to the scores; -inf excludes a key.
    causal : {False, True, "top_left", "bottom_right"}, optional
        Let the query at position p attend only to the keys j <= p. With "top_left", query i is at position p = i. With
        "bottom_right", the last query is at the last key: p = i + lengths[b] - Tq, or p = i + Tk - Tq without lengths.
        True means "top_left" and requires Tq == Tk. False by default.
    scale : float, optional
        Factor of the scores, a finite number. 1 / sqrt(D) by default.
    window : tuple of (int or None), optional
        ``(left, right)``: let the query at position p attend only to the keys p - left <= j <= p + right. None means no
        limit. No limits by default.
    softcap : float, optional
        Limit the scores to -softcap..softcap with tanh. Must be greater than 0. No limit by default.
    lengths : array_like of int, shape (B,), optional
        Number of valid keys of each row of the batch, in 0..Tk. Row b attends only to the keys j < lengths[b]. All keys
        by default.
    dropout : float, optional
        Probability with which an attention weight is dropped, in [0, 1). 0 by default.
    seed : int, optional
        Seed of the dropout pattern, in [0, 2**64). Required if `dropout` is not 0.

    Returns
    -------
    y : ndarray, shape (B, Tq, O)
        Outputs. A query without keys has y = bo. The result has the widest dtype of the inputs. float16, bfloat16, bool
        and integer arrays count as float32.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

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
    """Compute multi-head attention and keep the tape for `multi_head_attention_backward`.

    Parameters
    ----------
    query : array_like, shape (B, Tq, E)
        Inputs of the queries.
    Wq : array_like, shape (E, Hq, D)
        Weights of the queries, in the layout of Keras.
    Wk : array_like, shape (Ek, Hk, D)
        Weights of the keys. Hq must be a multiple of Hk. Query head h attends to key head h // (Hq // Hk).
    Wv : array_like, shape (Ev, Hk, Dv)
        Weights of the values.
    Wo : array_like, shape (Hq, Dv, O)
        Weights of the output.
    bq, bk, bv, bo : array_like, shapes (Hq, D), (Hk, D), (Hk, Dv) and (O,), optional
        Biases. Zeros by default.
    key : array_like, shape (B, Tk, Ek), optional
        Inputs of the keys. `query` by default, which is self-attention.
    value : array_like, shape (B, Tk, Ev), optional
        Inputs of the values. `key` by default.
    rope : tuple, optional
        ``(cos, sin)`` or ``(cos, sin, "interleaved")``: apply `rotary` with these tables to queries and keys. Key j
        uses row j of the tables. The query at position p, as defined for `causal`, uses row p, or row 0 if p is
        negative. No rotation by default.
    mask : array_like, optional
        Array of 2 to 4 axes that broadcasts to (B, Hq, Tq, Tk). A bool mask is True where a query may attend to a key.
        Other masks are added to the scores; -inf excludes a key.
    causal : {False, True, "top_left", "bottom_right"}, optional
        Let the query at position p attend only to the keys j <= p. With "top_left", query i is at position p = i. With
        "bottom_right", the last query is at the last key: p = i + lengths[b] - Tq, or p = i + Tk - Tq without lengths.
        True means "top_left" and requires Tq == Tk. False by default.
    scale : float, optional
        Factor of the scores, a finite number. 1 / sqrt(D) by default.
    window : tuple of (int or None), optional
        ``(left, right)``: let the query at position p attend only to the keys p - left <= j <= p + right. None means no
        limit. No limits by default.
    softcap : float, optional
        Limit the scores to -softcap..softcap with tanh. Must be greater than 0. No limit by default.
    lengths : array_like of int, shape (B,), optional
        Number of valid keys of each row of the batch, in 0..Tk. Row b attends only to the keys j < lengths[b]. All keys
        by default.
    dropout : float, optional
        Probability with which an attention weight is dropped, in [0, 1). 0 by default.
    seed : int, optional
        Seed of the dropout pattern, in [0, 2**64). Required if `dropout` is not 0.

    Returns
    -------
    y : ndarray, shape (B, Tq, O)
        Outputs. A query without keys has y = bo. The result has the widest dtype of the inputs. float16, bfloat16, bool
        and integer arrays count as float32.
    MultiHeadAttentionTape
        Opaque tape for `multi_head_attention_backward`. Keeps references to the arguments.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equations are::

        q = query Wq + bq;  k = key Wk + bk;  v = value Wv + bv        per head
        q = rotary(q);  k = rotary(k)                                  with rope
        heads = attention(q, k, v)
        y = (heads, side by side) Wo + bo

    The sources are Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2, and, for grouped heads, Ainslie et al. 2023,
    arXiv:2305.13245.

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

    q, q_product = _project(query, Wq, bq, dtype)
    k, k_product = _project(key, Wk, bk, dtype)
    v, v_product = _project(value, Wv, bv, dtype)

    rotations = None
    if rope is not None:
        cos, sin, interleaved = rope[0], rope[1], len(rope) == 3
        positions = _positions(q.shape[2], k.shape[2], causal, lengths)
        q, q_rotation = rotary_forward(q, cos, sin, positions=positions, interleaved=interleaved)
        k, k_rotation = rotary_forward(k, cos, sin, interleaved=interleaved)
        rotations = q_rotation, k_rotation

    heads, attention_tape = attention_forward(
        q, k, v, mask=mask, causal=causal, scale=scale, window=window, softcap=softcap, lengths=lengths,
        dropout=dropout, seed=seed,
    )  # fmt: skip

    Wo = np.asarray(Wo, dtype)
    rows, outputs = Wo.shape[0] * Wo.shape[1], Wo.shape[2]
    side_by_side = heads.swapaxes(1, 2).reshape(heads.shape[0], heads.shape[2], rows)
    y, y_product = dense_forward(side_by_side, Wo.reshape(rows, outputs), bo)
    return y, MultiHeadAttentionTape(
        (q_product, k_product, v_product), rotations, attention_tape, y_product, key_given, value_given
    )


def multi_head_attention_backward(
    tape: MultiHeadAttentionTape,
    dy: npt.ArrayLike,
    *,
    need_dx: bool = True,
    need_dmask: bool = False,
    into: tuple[Array | None, ...] | None = None,
) -> MultiHeadAttentionGrads:
    """Compute the gradients of `multi_head_attention_forward`.

    Parameters
    ----------
    tape : MultiHeadAttentionTape
        Tape from `multi_head_attention_forward`. It is not modified and may be used again.
    dy : array_like, shape (B, Tq, O)
        Gradient of y.
    need_dx : bool, optional
        If False, dquery, dkey and dvalue are None. True by default.
    need_dmask : bool, optional
        If True, also compute the gradient of an additive mask. False by default.
    into : tuple of ndarray, optional
        ``(dWq, dWk, dWv, dWo, dbq, dbk, dbv, dbo)``: arrays that the gradients are added to and that are returned. Pass
        None for the gradient of a bias that was None. New arrays by default.

    Returns
    -------
    MultiHeadAttentionGrads
        Named tuple of ``dquery``, ``dkey``, ``dvalue``, the gradients of weights and biases in the order of `into`, and
        ``dmask``. If key was None, dquery is the total gradient of query, including the paths through k and v. If value
        was None, dkey includes the path through v.

    Raises
    ------
    ValueError
        If need_dmask is True and there is no additive mask.

    Notes
    -----
    The steps of the forward function are differentiated in reverse order. A row of query that attends to no key, and a
    row of key or value that no query attends to, do not affect the gradients of the weights, even if they contain NaN
    or inf.

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
    y_grads = _product_backward(tape.output, np.asarray(dy, tape.output.x.dtype))
    dheads = y_grads.dx.reshape(B, Tq, Hq, Dv).swapaxes(1, 2)
    # forward: heads = attention(q, k, v)
    dq, dk, dv, dmask = attention_backward(tape.attention, dheads, need_dmask=need_dmask)
    # forward: q = rotary(q);  k = rotary(k)
    if tape.rotations is not None:
        dq, dk = (rotary_backward(rotation, d) for rotation, d in zip(tape.rotations, (dq, dk)))
    # forward: q = query Wq + bq;  k = key Wk + bk;  v = value Wv + bv
    q_grads, k_grads, v_grads = (_project_backward(*arguments) for arguments in zip(tape.projections, (dq, dk, dv)))

    dquery, dkey, dvalue = q_grads.dx, k_grads.dx, v_grads.dx
    if not tape.value_given:  # value was key
        dkey, dvalue = dkey + dvalue, None
    if not tape.key_given:  # key was query
        dquery, dkey = dquery + dkey, None
    if not need_dx:
        dquery = dkey = dvalue = None

    dWo = y_grads.dW.reshape(Hq, Dv, y_grads.dW.shape[1])
    grads = q_grads.dW, k_grads.dW, v_grads.dW, dWo, q_grads.db, k_grads.db, v_grads.db, y_grads.db
    return MultiHeadAttentionGrads._make((dquery, dkey, dvalue, *accumulate(into, grads), dmask))


def _project(
    x: npt.ArrayLike, W: npt.ArrayLike, b: npt.ArrayLike | None, dtype: np.dtype[Any]
) -> tuple[Array, DenseTape]:
    """Return x W + b as (B, heads, T, features), and the tape."""
    x, W = np.asarray(x, dtype), np.asarray(W, dtype)
    (B, T, inputs), (_, heads, features) = x.shape, W.shape
    bias = None if b is None else np.asarray(b, dtype).reshape(heads * features)
    with np.errstate(over="ignore", invalid="ignore"):  # rows that no query attends to may contain anything
        rows, tape = dense_forward(x, W.reshape(inputs, heads * features), bias)
    return rows.reshape(B, T, heads, features).swapaxes(1, 2), tape


def _project_backward(tape: DenseTape, d: Array) -> DenseGrads:
    """Return the gradients of `_project` from d (B, heads, T, features).

    The shapes are dx (B, T, inputs), dW (inputs, heads, features) and db (heads, features).
    """
    B, heads, T, features = d.shape
    dx, dW, db = _product_backward(tape, d.swapaxes(1, 2).reshape(B, T, heads * features))
    return DenseGrads(
        dx, dW.reshape(tape.x.shape[2], heads, features), None if db is None else db.reshape(heads, features)
    )


def _product_backward(tape: DenseTape, dy: Array) -> DenseGrads:
    """Return the gradients of a dense layer, without the rows of x whose row of dy is 0.

    Such a row could contain NaN, and 0 * NaN is NaN.
    """
    x_with_gradient = np.where(dy.any(axis=-1, keepdims=True), tape.x, 0)
    return dense_backward(replace(tape, x=x_with_gradient), dy)


def _positions(Tq: int, Tk: int, causal: bool | str, lengths: npt.ArrayLike | None) -> Array:
    """Return the row of the rotary tables for each query, (Tq,) or (B, Tq)."""
    i = np.arange(Tq)
    if causal != "bottom_right":
        return i
    ends = np.asarray(Tk) if lengths is None else np.asarray(lengths).astype(np.int64)[:, None]
    return np.asarray(np.maximum(i + ends - Tq, 0))
