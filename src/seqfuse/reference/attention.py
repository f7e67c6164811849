"""Attention with the whole matrix of scores in memory, forward and backward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse._results import AttentionGrads, AttentionOutput
from seqfuse.reference.attention_mask import BoolArray, attention_mask, dropout_mask, sum_over_keys
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class AttentionTape:
    """Tape of `attention_forward` for `attention_backward`."""

    q: Array  # (B, Hq, Tq, D)
    k: Array  # (B, Hk, Tk, D)
    v: Array  # (B, Hk, Tk, Dv)
    mask_shape: tuple[int, ...] | None  # None without an additive mask
    score_scale: Array  # ()
    allowed: BoolArray  # (B, Hq, Tq, Tk), True where a query may attend to a key
    slope: Array | None  # (B, Hq, Tq, Tk), slope of the softcap; None without softcap
    P: Array  # (B, Hq, Tq, Tk), weights before dropout; 0 for excluded keys
    keep_scale: Array | None  # (B, Hq, Tq, Tk), factors of dropout; None without dropout


def attention(
    q: npt.ArrayLike,
    k: npt.ArrayLike,
    v: npt.ArrayLike,
    *,
    mask: npt.ArrayLike | None = None,
    causal: bool | str = False,
    scale: float | None = None,
    window: Sequence[int | None] | None = None,
    softcap: float | None = None,
    lengths: npt.ArrayLike | None = None,
    dropout: float = 0.0,
    seed: int | None = None,
    return_lse: bool = False,
) -> Any:
    """Compute scaled dot-product attention.

    See `attention_forward` for the equations.

    Parameters
    ----------
    q : array_like, shape (B, Hq, Tq, D)
        Queries.
    k : array_like, shape (B, Hk, Tk, D)
        Keys. Hq must be a multiple of Hk. Query head h attends to key head h // (Hq // Hk).
    v : array_like, shape (B, Hk, Tk, Dv)
        Values.
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
    return_lse : bool, optional
        If True, also return the log-sum-exp of the scores of each query. False by default.

    Returns
    -------
    ndarray or AttentionOutput
        ``y`` (B, Hq, Tq, Dv). With return_lse, a named tuple of ``y`` and ``lse`` (B, Hq, Tq). The result has the
        widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as float32.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Examples
    --------
    >>> import numpy as np
    >>> q, k, v = np.zeros((1, 1, 2, 4)), np.zeros((1, 1, 2, 4)), np.array([[[[1.0], [3.0]]]])
    >>> attention(q, k, v, causal=True)[0, 0]
    array([[1.],
           [2.]])
    """
    return attention_forward(
        q,
        k,
        v,
        mask=mask,
        causal=causal,
        scale=scale,
        window=window,
        softcap=softcap,
        lengths=lengths,
        dropout=dropout,
        seed=seed,
        return_lse=return_lse,
    )[0]


def attention_forward(
    q: npt.ArrayLike,
    k: npt.ArrayLike,
    v: npt.ArrayLike,
    *,
    mask: npt.ArrayLike | None = None,
    causal: bool | str = False,
    scale: float | None = None,
    window: Sequence[int | None] | None = None,
    softcap: float | None = None,
    lengths: npt.ArrayLike | None = None,
    dropout: float = 0.0,
    seed: int | None = None,
    return_lse: bool = False,
) -> tuple[Any, AttentionTape]:
    """Compute scaled dot-product attention and keep the tape for `attention_backward`.

    Parameters
    ----------
    q : array_like, shape (B, Hq, Tq, D)
        Queries.
    k : array_like, shape (B, Hk, Tk, D)
        Keys. Hq must be a multiple of Hk. Query head h attends to key head h // (Hq // Hk).
    v : array_like, shape (B, Hk, Tk, Dv)
        Values.
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
    return_lse : bool, optional
        If True, also return the log-sum-exp of the scores of each query. False by default.

    Returns
    -------
    ndarray or AttentionOutput
        ``y`` (B, Hq, Tq, Dv). With return_lse, a named tuple of ``y`` and ``lse`` (B, Hq, Tq). The result has the
        widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as float32.
    AttentionTape
        Opaque tape for `attention_backward`. Keeps references to q, k and v.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equations, for query i and the keys j that it may attend to, are::

        s[j] = scale * (q[i] . k[j])
        s[j] = softcap * tanh(s[j] / softcap)        with softcap
        s[j] = s[j] + mask[i, j]                     with an additive mask
        P[j] = exp(s[j]) / (sum over j of exp(s[j]))
        y[i] = sum over j of dropout(P)[j] * v[j]
        lse[i] = log(sum over j of exp(s[j]))

    Excluded keys and their values do not affect the result of a query, even if they are NaN. A query that may not
    attend to any key has y = 0 and lse = -inf. The maximum of the scores of each query is subtracted first, so that no
    exponential overflows.

    The sources are Vaswani et al. 2017, arXiv:1706.03762; for grouped heads, Ainslie et al. 2023, arXiv:2305.13245; and
    for the softcap, Gemma 2, arXiv:2408.00118.

    Examples
    --------
    >>> import numpy as np
    >>> out, tape = attention_forward(*np.ones((3, 1, 1, 2, 4)), scale=0.0, return_lse=True)
    >>> bool((out.lse == np.log(2)).all())
    True
    """
    dtype = computed_dtype(q, k, v)
    q, k, v = (np.asarray(a, dtype) for a in (q, k, v))
    (B, Hq, Tq, D), Tk = q.shape, k.shape[2]
    shape = B, Hq, Tq, Tk
    keep_scale = slope = None
    with np.errstate(over="ignore"):  # a mask of -1e300 becomes -inf in float32
        score_scale = np.asarray(1 / math.sqrt(D or 1) if scale is None else scale, dtype)
        if mask is not None:
            mask = np.asarray(mask)
            mask = mask if mask.dtype == bool else mask.astype(dtype)
    allowed = attention_mask(shape, mask, causal, None if window is None else (window[0], window[1]), lengths)

    with np.errstate(over="ignore", invalid="ignore"):  # excluded keys may hold anything; scores may overflow
        s = q @ _repeat_heads(k, Hq).swapaxes(-1, -2) * score_scale
        if softcap is not None:
            cap = dtype.type(softcap)
            tanh = np.tanh(s / cap)
            s, slope = cap * tanh, 1 - tanh * tanh
        if mask is not None and mask.dtype != bool:
            s = s + mask
        s = np.where(allowed, s, -np.inf)
        row_max = np.where(allowed.any(axis=-1), s.max(axis=-1, initial=-np.inf), 0)
        e = np.where(allowed, np.exp(s - row_max[..., None]), 0)
        exp_sum = e.sum(axis=-1)
        P = np.where(allowed, e / exp_sum[..., None], 0)
        if dropout:
            assert seed is not None
            keep_scale = np.where(dropout_mask(shape, dropout, seed), dtype.type(1 / (1 - dropout)), dtype.type(0))
        y = sum_over_keys(P if keep_scale is None else P * keep_scale, _repeat_heads(v, Hq), allowed)
        lse = row_max + np.log(exp_sum, where=allowed.any(axis=-1), out=np.full_like(exp_sum, -np.inf))

    additive = None if mask is None or mask.dtype == bool else mask.shape
    tape = AttentionTape(q, k, v, additive, score_scale, allowed, slope, P, keep_scale)
    return (AttentionOutput(y, lse) if return_lse else y), tape


def attention_backward(
    tape: AttentionTape, dy: npt.ArrayLike, *, dlse: npt.ArrayLike | None = None, need_dmask: bool = False
) -> AttentionGrads:
    """Compute the gradients of `attention_forward`.

    Parameters
    ----------
    tape : AttentionTape
        Tape from `attention_forward`. It is not modified and may be used again.
    dy : array_like, shape (B, Hq, Tq, Dv)
        Gradient of y.
    dlse : array_like, shape (B, Hq, Tq), optional
        Gradient of lse. Zeros by default.
    need_dmask : bool, optional
        If True, also compute the gradient of an additive mask. False by default.

    Returns
    -------
    AttentionGrads
        Named tuple of ``dq``, ``dk``, ``dv`` and ``dmask`` in the shapes of q, k, v and mask. ``dmask`` is None without
        need_dmask.

    Raises
    ------
    ValueError
        If need_dmask is True and there is no additive mask.

    Notes
    -----
    The equations, with the names of `attention_forward`, are::

        dP[j] = (dy[i] . v[j]) * (factor of dropout: 0 or 1 / (1 - dropout))
        ds[j] = P[j] * (dP[j] - sum over k of P[k] dP[k] + dlse[i])
        dmask[i, j] = ds[j]
        da[j] = ds[j] * scale * (1 - tanh^2 of the softcap)
        dq[i] = sum over j of da[j] k[j]
        dk[j] = sum over i of da[j] q[i]
        dv[j] = sum over i of dropout(P)[j] dy[i]

    dk and dv are also summed over the query heads that share a key head, and dmask is summed over the axes along which
    mask was broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> q, k, v = np.zeros((1, 1, 2, 4)), np.zeros((1, 1, 2, 4)), np.array([[[[1.0], [3.0]]]])
    >>> y, tape = attention_forward(q, k, v, causal=True)
    >>> attention_backward(tape, np.ones((1, 1, 2, 1))).dv[0, 0]
    array([[1.5],
           [0.5]])
    """
    if need_dmask and tape.mask_shape is None:
        raise ValueError("attention_backward: need_dmask=True needs an additive mask")
    q, k, v, allowed, P, keep_scale = tape.q, tape.k, tape.v, tape.allowed, tape.P, tape.keep_scale
    Hq, transposed = q.shape[1], allowed.swapaxes(-1, -2)
    dy = np.asarray(dy, q.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        # forward: y = dropout(P) v
        dP = dy @ _repeat_heads(v, Hq).swapaxes(-1, -2)
        dP, kept_P = (dP, P) if keep_scale is None else (dP * keep_scale, P * keep_scale)
        dv = sum_over_keys(kept_P.swapaxes(-1, -2), dy, transposed)
        # forward: P = softmax of s; lse = log(sum of exp(s)), whose gradient is P
        ds = dP - np.where(allowed, P * dP, 0).sum(axis=-1, keepdims=True)
        if dlse is not None:
            ds = ds + np.asarray(dlse, q.dtype)[..., None]
        ds = np.where(allowed, P * ds, 0)
        # forward: s = s + mask
        dmask = _sum_broadcast_axes(tape.mask_shape, ds) if need_dmask and tape.mask_shape is not None else None
        # forward: s = softcap * tanh(s / softcap)
        if tape.slope is not None:
            ds = np.where(allowed, ds * tape.slope, 0)
        # forward: s = q k^T * scale
        dq = sum_over_keys(ds, _repeat_heads(k, Hq), allowed) * tape.score_scale
        dk = sum_over_keys(ds.swapaxes(-1, -2), q, transposed) * tape.score_scale
    return AttentionGrads(dq, _sum_query_heads(dk, k), _sum_query_heads(dv, v), dmask)


def _repeat_heads(a: Array, heads: int) -> Array:
    """Return an array (B, Hk, Tk, N) with its heads repeated to (B, Hq, Tk, N)."""
    return np.repeat(a, heads // a.shape[1], axis=1)


def _sum_query_heads(da: Array, a: Array) -> Array:
    """Return the gradient of `a` (B, Hk, Tk, N) from the gradient of `_repeat_heads(a)`."""
    B, Hk, Tk, N = a.shape
    return np.asarray(da.reshape(B, Hk, da.shape[1] // Hk, Tk, N).sum(axis=2))


def _sum_broadcast_axes(shape: tuple[int, ...], da: Array) -> Array:
    """Return the gradient of an array of shape `shape` from the gradient of the broadcast array."""
    shape4 = (1,) * (da.ndim - len(shape)) + shape
    axes = tuple(axis for axis, (n, size) in enumerate(zip(shape4, da.shape)) if n != size)
    return np.asarray(da.sum(axis=axes, keepdims=True).reshape(shape))
