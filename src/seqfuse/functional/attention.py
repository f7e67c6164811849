"""Scaled dot-product attention, forward and backward, with memory linear in the sequence length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse._results import AttentionGrads, AttentionOutput
from seqfuse.functional._attention_tape import AttentionTape
from seqfuse.functional._scores import score_options, shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.functional._scores import ScoreOptions, Shape


def attention(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    causal: bool | str = False,
    scale: float | None = None,
    window: Sequence[int | None] | None = None,
    softcap: float | None = None,
    lengths: ArrayLike | None = None,
    dropout: float = 0.0,
    seed: int | None = None,
    return_lse: bool = False,
) -> Any:
    """Compute scaled dot-product attention.

    The output of a query is the mean of the values, weighted by the softmax of its scores with the keys. See
    `attention_forward` for the equations.

    Parameters
    ----------
    q : array_like, shape (B, Hq, Tq, D)
        Queries. Any strides; no copy if the last axis is contiguous. A view such as ``x.swapaxes(1, 2)`` of an array
        (B, T, H, D) is read in place.
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
    ValueError
        If a shape or a value does not fit. The message names the argument and states what is needed.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    Excluded keys and their values do not affect the result of a query, even if they are NaN. A query that may not
    attend to any key has y = 0 and lse = -inf.

    Memory beyond inputs and outputs is O(Tq + Tk). The bits of the result of a query do not depend on other queries, on
    other heads or rows of the batch, or on the number of threads.

    Dropout drops the weight (b, h, i, j) if word j % 4 of Philox4x32-10 with the key `seed` and the counter (j // 4, i,
    h, b) is below floor(dropout * 2**32). It multiplies the other weights by 1 / (1 - dropout).

    The sources are Vaswani et al. 2017, arXiv:1706.03762; for the softmax over blocks of keys, Milakov and Gimelshein
    2018, arXiv:1805.02867; for the backward function, which recomputes the scores, Dao et al. 2022, arXiv:2205.14135;
    for grouped heads, Ainslie et al. 2023, arXiv:2305.13245; and for the softcap, Gemma 2, arXiv:2408.00118.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> q, k = np.zeros((1, 1, 3, 4)), np.zeros((1, 1, 3, 4))  # equal scores: y is the mean of the values
    >>> v = np.array([1.0, 2.0, 6.0]).reshape(1, 1, 3, 1)
    >>> F.attention(q, k, v).ravel()
    array([3., 3., 3.])
    >>> F.attention(q, k, v, causal=True).ravel()
    array([1. , 1.5, 3. ])
    >>> F.attention(q, k, v, lengths=[2], return_lse=True).lse.round(3)
    array([[[0.693, 0.693, 0.693]]])
    """
    function = "attention"
    (return_lse,) = _checks.flags(function, ("return_lse",), (return_lse,))
    option_values = mask, causal, scale, window, softcap, lengths, dropout, seed
    return _forward(function, q, k, v, option_values, return_lse, False)[0]


def attention_forward(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    causal: bool | str = False,
    scale: float | None = None,
    window: Sequence[int | None] | None = None,
    softcap: float | None = None,
    lengths: ArrayLike | None = None,
    dropout: float = 0.0,
    seed: int | None = None,
    return_lse: bool = False,
) -> tuple[Any, AttentionTape]:
    """Compute scaled dot-product attention and keep the tape for `attention_backward`.

    Parameters
    ----------
    q : array_like, shape (B, Hq, Tq, D)
        Queries. Any strides; no copy if the last axis is contiguous. A view such as ``x.swapaxes(1, 2)`` of an array
        (B, T, H, D) is read in place.
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
        Opaque tape for `attention_backward`. Keeps references to q, k, v, y and mask. Do not modify them before the
        backward function has run. Instead of scores, the tape keeps two numbers per query.

    Raises
    ------
    ValueError
        If a shape or a value does not fit. The message names the argument and states what is needed.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equations, for query i and the keys j that it may attend to, are::

        s[j] = scale * (q[i] . k[j])
        s[j] = softcap * tanh(s[j] / softcap)        with softcap
        s[j] = s[j] + mask[i, j]                     with an additive mask
        p[j] = exp(s[j]) / (sum over j of exp(s[j]))
        y[i] = sum over j of dropout(p)[j] * v[j]
        lse[i] = log(sum over j of exp(s[j]))

    Excluded keys and their values do not affect the result of a query, even if they are NaN. A query that may not
    attend to any key has y = 0 and lse = -inf.

    Memory beyond inputs and outputs is O(Tq + Tk). The bits of the result of a query do not depend on other queries, on
    other heads or rows of the batch, or on the number of threads.

    Dropout drops the weight (b, h, i, j) if word j % 4 of Philox4x32-10 with the key `seed` and the counter (j // 4, i,
    h, b) is below floor(dropout * 2**32). It multiplies the other weights by 1 / (1 - dropout).

    The sources are Vaswani et al. 2017, arXiv:1706.03762; for the softmax over blocks of keys, Milakov and Gimelshein
    2018, arXiv:1805.02867; for the backward function, which recomputes the scores, Dao et al. 2022, arXiv:2205.14135;
    for grouped heads, Ainslie et al. 2023, arXiv:2305.13245; and for the softcap, Gemma 2, arXiv:2408.00118.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.attention_forward(*np.ones((3, 2, 4, 10, 8), np.float32), causal=True)
    >>> tape
    <AttentionTape q=(2, 4, 10, 8) k=(2, 4, 10, 8) v=(2, 4, 10, 8) float32>
    """
    function = "attention_forward"
    (return_lse,) = _checks.flags(function, ("return_lse",), (return_lse,))
    option_values = mask, causal, scale, window, softcap, lengths, dropout, seed
    out, tape = _forward(function, q, k, v, option_values, return_lse, True)
    assert tape is not None
    return out, tape


def _forward(
    function: str, q: Any, k: Any, v: Any, option_values: tuple[Any, ...], return_lse: bool, keep_tape: bool
) -> tuple[Any, AttentionTape | None]:
    """Return the output and, with `keep_tape`, the tape."""
    q, k, v, _ = _arrays.widest(function, ("q", "k", "v"), (q, k, v))
    dtype = q.dtype
    shape = shape_of(function, q, k, v)
    options = score_options(function, shape, dtype, *option_values)
    B, Hq, _, Tq, _, _, Dv = shape
    _checks.sizes(function, "y (B, Hq, Tq, Dv)", B, Hq, Tq, Dv)
    y = np.empty((B, Hq, Tq, Dv), dtype)
    lse = np.empty((B, Hq, Tq), dtype) if return_lse else None
    tape = write_attention(q, k, v, shape, options, option_values[0], y, lse, keep_tape)
    return y if lse is None else AttentionOutput(y, lse), tape


def write_attention(
    q: Array,
    k: Array,
    v: Array,
    shape: Shape,
    options: ScoreOptions,
    mask: Any,
    y: Array,
    lse: Array | None,
    keep_tape: bool,
) -> AttentionTape | None:
    """Write y and lse, and return the tape if `keep_tape` is True.

    The arguments are already checked. `y` may have any strides with a contiguous last axis. `mask` is the mask before
    broadcasting.
    """
    kernels = _backend.kernels
    statistics = np.empty((2, *y.shape[:3]), y.dtype) if keep_tape else None
    kernels.attention_forward(q, k, v, options, y, statistics, lse, _threads.current())
    if statistics is None:
        return None
    additive = options.mask is not None and options.mask.dtype != bool
    mask_shape = np.shape(mask) if additive else None
    guards = _arrays.guard(q, k, v, y, options.mask)
    return AttentionTape(
        kernels, shape, options, q.view(), k.view(), v.view(), y.view(), statistics, mask_shape, guards
    )


def attention_backward(
    tape: AttentionTape, dy: ArrayLike, *, dlse: ArrayLike | None = None, need_dmask: bool = False
) -> AttentionGrads:
    """Compute the gradients of `attention_forward`.

    Parameters
    ----------
    tape : AttentionTape
        Tape from `attention_forward`. It is not modified and may be used again.
    dy : array_like, shape (B, Hq, Tq, Dv)
        Gradient of y. Ignored for queries without keys.
    dlse : array_like, shape (B, Hq, Tq), optional
        Gradient of lse. Ignored for queries without keys. Zeros by default.
    need_dmask : bool, optional
        If True, also compute the gradient of an additive mask, which needs memory O(B Hq Tq Tk). False by default.

    Returns
    -------
    AttentionGrads
        Named tuple of ``dq`` (B, Hq, Tq, D), ``dk`` (B, Hk, Tk, D), ``dv`` (B, Hk, Tk, Dv) and ``dmask``, in the shape
        of mask. ``dmask`` is None without need_dmask.

    Raises
    ------
    ValueError
        If a shape does not fit, or if need_dmask is True and there is no additive mask.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    The equations, with the names of `attention_forward`, are::

        dp[j] = (dy[i] . v[j]) * (factor of dropout: 0 or 1 / (1 - dropout))
        ds[j] = p[j] * (dp[j] - sum over k of p[k] dp[k] + dlse[i])
        dmask[i, j] = ds[j]
        da[j] = ds[j] * scale * (1 - tanh^2 of the softcap)
        dq[i] = sum over j of da[j] k[j]
        dk[j] = sum over i of da[j] q[i]
        dv[j] = sum over i of dropout(p)[j] dy[i]

    dk and dv are also summed over the query heads that share a key head, and dmask is summed over the axes along which
    mask was broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.attention_forward(*np.ones((3, 1, 1, 2, 4)), causal=True)
    >>> F.attention_backward(tape, np.ones((1, 1, 2, 4))).dv[0, 0, :, 0]
    array([1.5, 0.5])
    """
    function = "attention_backward"
    if not isinstance(tape, AttentionTape):
        raise TypeError(f"{function}: tape must come from attention_forward; got {type(tape).__name__}")
    need_dmask = check_need_dmask(function, tape, need_dmask)
    q, k, v, shape = tape._q, tape._k, tape._v, tape._shape
    B, Hq, _, Tq, _, _, Dv = shape
    gradient = _arrays.numbers(function, "dy", dy, q.dtype)
    _checks.shape(function, "dy", "(B, Hq, Tq, Dv)", (B, Hq, Tq, Dv), gradient.shape)
    lse_gradient = None
    if dlse is not None:
        lse_gradient = _arrays.numbers(function, "dlse", dlse, q.dtype)
        _checks.shape(function, "dlse", "(B, Hq, Tq)", (B, Hq, Tq), lse_gradient.shape)
        lse_gradient = np.ascontiguousarray(lse_gradient)
    dq, dk, dv = np.empty(q.shape, q.dtype), np.zeros(k.shape, q.dtype), np.zeros(v.shape, q.dtype)
    dmask = write_gradients(tape, gradient, lse_gradient, dq, dk, dv, need_dmask)
    return AttentionGrads(dq, dk, dv, dmask)


def check_need_dmask(function: str, tape: AttentionTape, need_dmask: Any) -> bool:
    """Return need_dmask as a bool. Refuse True if the mask of the tape has no gradient or dmask would be too large."""
    (need_dmask,) = _checks.flags(function, ("need_dmask",), (need_dmask,))
    if need_dmask and tape._mask_shape is None:
        mask_kind = "none" if tape._options.mask is None else "a bool mask"
        raise ValueError(f"{function}: need_dmask=True needs an additive mask; got {mask_kind}")
    if need_dmask:
        _checks.sizes(function, "dmask (B, Hq, Tq, Tk)", *tape._shape.scores)
    return bool(need_dmask)


def write_gradients(
    tape: AttentionTape, dy: Array, dlse: Array | None, dq: Array, dk: Array, dv: Array, need_dmask: bool
) -> Array | None:
    """Write dq, dk and dv, and return dmask if `need_dmask` is True.

    The arguments are already checked. The arrays may have any strides with a contiguous last axis. dk and dv must be
    zeros.
    """
    dmask = np.zeros(tape._shape.scores, dy.dtype) if need_dmask else None
    tape._kernels.attention_backward(tape, dy, dlse, dq, dk, dv, dmask, _threads.current())
    return None if dmask is None or tape._mask_shape is None else _sum_broadcast_axes(tape._mask_shape, dmask)


def _sum_broadcast_axes(shape: tuple[int, ...], dmask: Array) -> Array:
    """Return the gradient of a mask of shape `shape` from the gradient of the broadcast mask."""
    shape4 = (1,) * (4 - len(shape)) + shape
    axes = tuple(axis for axis, n in enumerate(shape4) if n != dmask.shape[axis])
    return (dmask.sum(axis=axes, keepdims=True) if axes else dmask).reshape(shape)
