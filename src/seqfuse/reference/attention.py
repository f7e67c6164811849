"""Attention with the whole matrix of scores in memory: forward and backward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse._results import AttentionGrads, AttentionOutput
from seqfuse.reference.attention_pairs import Pairs, attended, kept, sum_over_keys
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class AttentionTape:
    """What `attention_backward` reads; opaque, refers to the arguments of the forward."""

    q: Array  # (B, Hq, Tq, D)
    k: Array  # (B, Hk, Tk, D)
    v: Array  # (B, Hk, Tk, Dv)
    mask_shape: tuple[int, ...] | None  # None where there is no additive mask
    scale: Array  # ()
    may: Pairs  # (B, Hq, Tq, Tk), which query may attend to which key
    slope: Array | None  # (B, Hq, Tq, Tk), of the softcap; None without
    P: Array  # (B, Hq, Tq, Tk), weights before dropout
    factor: Array | None  # (B, Hq, Tq, Tk), what dropout multiplies them by; None without


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
    """Mean of the values, each query's own: weighted by the softmax of how it scores the keys.

        s = q k^T * scale;    s = softcap * tanh(s / softcap);    s = s + mask
        P = softmax of s, over the keys that the query may attend to
        y = dropout(P) v;    lse = log(sum over those keys of exp(s))

    Query head h reads key head h // (Hq // Hk). A key that a query may not attend to changes nothing of its results or
    gradients, and neither does the query change anything of the key's, NaN and infinities included. A query with
    nothing to attend to has y = 0 and lse = -inf.

    Parameters
    ----------
    q : (B, Hq, Tq, D)        queries
    k, v : (B, Hk, Tk, D), (B, Hk, Tk, Dv)        keys and values; Hq is a multiple of Hk
    mask : broadcastable to (B, Hq, Tq, Tk)        bool, True where a query may attend; or numbers that are added to the
        scores, -inf where it may not; cast to the type that is computed in
    causal : bool or str        whether query i attends to keys j <= p alone; its position p is i for True and
        "top_left", i + lengths[b] - Tq for "bottom_right", with Tk where there are no lengths
    scale : float        1 / sqrt(D) by default
    window : (left, right)        keys p - left <= j <= p + right alone; None is no limit
    softcap : float        limits the scores to -softcap .. softcap; None is no limit
    lengths : (B,)        keys j < lengths[b] alone
    dropout : float        the share of the weights that is dropped, in [0, 1)
    seed : int        of the choice, in [0, 2**64); weight (b, h, i, j) takes word j mod 4 of Philox4x32-10's counter
        (j div 4, i, h, b), and is kept where it is at least floor(dropout * 2**32)
    return_lse : bool        whether `lse` is wanted too

    Returns
    -------
    (B, Hq, Tq, Dv)        y; with return_lse an AttentionOutput: y and lse (B, Hq, Tq)

    Raises
    ------
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Vaswani et al. 2017, arXiv:1706.03762; grouped heads are Ainslie et al. 2023, arXiv:2305.13245; the softcap is that
    of Gemma 2, arXiv:2408.00118. The row's maximum is subtracted first, so that no exp overflows.

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
    """Run `attention` and keep the tape for `attention_backward`.

    Parameters, equation and errors are those of `attention`.

    Returns
    -------
    (B, Hq, Tq, Dv)        y; with return_lse an AttentionOutput: y and lse (B, Hq, Tq)
    AttentionTape        opaque, for `attention_backward`; refers to q, k and v

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
    factor = slope = None
    with np.errstate(over="ignore"):  # what float32 has no room for is infinite, a mask of -1e300 among it
        scaled_by = np.asarray(1 / math.sqrt(D or 1) if scale is None else scale, dtype)
        if mask is not None:
            mask = np.asarray(mask)
            mask = mask if mask.dtype == bool else mask.astype(dtype)
    may = attended(shape, mask, causal, None if window is None else (window[0], window[1]), lengths)

    with np.errstate(over="ignore", invalid="ignore"):  # excluded keys may hold anything; scores may overflow
        s = q @ _for_every_head(k, Hq).swapaxes(-1, -2) * scaled_by
        if softcap is not None:
            cap = dtype.type(softcap)
            tanh = np.tanh(s / cap)
            s, slope = cap * tanh, 1 - tanh * tanh
        if mask is not None and mask.dtype != bool:
            s = s + mask
        s = np.where(may, s, -np.inf)
        top = np.where(may.any(axis=-1), s.max(axis=-1, initial=-np.inf), 0)
        e = np.where(may, np.exp(s - top[..., None]), 0)
        total = e.sum(axis=-1)
        P = np.where(may, e / total[..., None], 0)
        if dropout:
            assert seed is not None
            factor = np.where(kept(shape, dropout, seed), dtype.type(1 / (1 - dropout)), dtype.type(0))
        y = sum_over_keys(P if factor is None else P * factor, _for_every_head(v, Hq), may)
        lse = top + np.log(total, where=may.any(axis=-1), out=np.full_like(total, -np.inf))

    additive = None if mask is None or mask.dtype == bool else mask.shape
    tape = AttentionTape(q, k, v, additive, scaled_by, may, slope, P, factor)
    return (AttentionOutput(y, lse) if return_lse else y), tape


def attention_backward(
    tape: AttentionTape, dy: npt.ArrayLike, *, dlse: npt.ArrayLike | None = None, need_dmask: bool = False
) -> AttentionGrads:
    """Differentiate `attention`.

        dP = dropout'(dy v^T);    ds = P * (dP - sum over j of P dP + dlse)
        dmask = ds;    ds = ds * (1 - tanh^2) of the softcap
        dq = ds k * scale;    dk = ds^T q * scale;    dv = dropout(P)^T dy

    dk and dv are summed over the query heads that read them, dmask over the axes that mask was broadcast along.

    Parameters
    ----------
    tape : AttentionTape        of `attention_forward`; not changed, and may be used again
    dy : (B, Hq, Tq, Dv)        gradient of y
    dlse : (B, Hq, Tq)        gradient of lse; zeros by default
    need_dmask : bool        whether `dmask` is wanted; the mask must be additive

    Returns
    -------
    AttentionGrads        dq, dk, dv as q, k, v; dmask as mask was given, None without need_dmask

    Raises
    ------
    ValueError        need_dmask where there is no additive mask

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
        raise ValueError("attention_backward: need_dmask=True needs a mask that is added to the scores")
    q, k, v, may, P, factor = tape.q, tape.k, tape.v, tape.may, tape.P, tape.factor
    Hq, transposed = q.shape[1], may.swapaxes(-1, -2)
    dy = np.asarray(dy, q.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        # forward: y = dropout(P) v
        dP = dy @ _for_every_head(v, Hq).swapaxes(-1, -2)
        dP, dropped = (dP, P) if factor is None else (dP * factor, P * factor)
        dv = sum_over_keys(dropped.swapaxes(-1, -2), dy, transposed)
        # forward: P = softmax of s; lse = log(sum of exp(s)), whose gradient is P
        ds = dP - np.where(may, P * dP, 0).sum(axis=-1, keepdims=True)
        if dlse is not None:
            ds = ds + np.asarray(dlse, q.dtype)[..., None]
        ds = np.where(may, P * ds, 0)
        # forward: s = s + mask
        dmask = _sum_to(tape.mask_shape, ds) if need_dmask and tape.mask_shape is not None else None
        # forward: s = softcap * tanh(s / softcap)
        if tape.slope is not None:
            ds = np.where(may, ds * tape.slope, 0)
        # forward: s = q k^T * scale
        dq = sum_over_keys(ds, _for_every_head(k, Hq), may) * tape.scale
        dk = sum_over_keys(ds.swapaxes(-1, -2), q, transposed) * tape.scale
    return AttentionGrads(dq, _sum_of_group(dk, k), _sum_of_group(dv, v), dmask)


def _for_every_head(a: Array, heads: int) -> Array:
    """(B, Hk, Tk, N) as (B, Hq, Tk, N): each head as often as query heads read it."""
    return np.repeat(a, heads // a.shape[1], axis=1)


def _sum_of_group(da: Array, a: Array) -> Array:
    """The gradient of a (B, Hk, Tk, N) from that of `_for_every_head`."""
    B, Hk, Tk, N = a.shape
    return np.asarray(da.reshape(B, Hk, da.shape[1] // Hk, Tk, N).sum(axis=2))


def _sum_to(shape: tuple[int, ...], da: Array) -> Array:
    """The gradient of an array of that shape from that of what it was broadcast to."""
    shape4 = (1,) * (da.ndim - len(shape)) + shape
    axes = tuple(axis for axis, (n, whole) in enumerate(zip(shape4, da.shape)) if n != whole)
    return np.asarray(da.sum(axis=axes, keepdims=True).reshape(shape))
