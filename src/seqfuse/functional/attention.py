"""Scaled dot-product attention, forward and backward, in memory that grows with the length, not its square."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse._results import AttentionGrads, AttentionOutput
from seqfuse.functional._attention_tape import AttentionTape
from seqfuse.functional._scores import options_of, shape_of

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
    """For each query the mean of the values, weighted by the softmax of its scores with the keys.

        s = q k^T * scale;    s = softcap * tanh(s / softcap);    s = s + mask
        p = softmax of s, over the keys that the query may attend to
        y = dropout(p) v;    lse = log(sum over those keys of exp(s))

    Query head h attends to key head h // (Hq // Hk). Keys that a query may not attend to change nothing of its
    results, whatever they and their values hold, NaN included. A query with nothing to attend to has y = 0 and
    lse = -inf.

    Parameters
    ----------
    q : (B, Hq, Tq, D)        queries; any strides with a contiguous last axis: x.swapaxes(1, 2) of x (B, Tq, Hq, D) is
        read where it lies
    k, v : (B, Hk, Tk, D), (B, Hk, Tk, Dv)        keys and values; Hq is a multiple of Hk
    mask : broadcastable to (B, Hq, Tq, Tk), 2 to 4 axes        bool, True where a query may attend; or real numbers
        that are added to the scores, -inf where it may not
    causal : bool, "top_left" or "bottom_right"        query i attends to keys j <= p alone. Its position p is i for
        True, which needs Tq == Tk, and for "top_left"; for "bottom_right" it is i + lengths[b] - Tq, without lengths
        i + Tk - Tq
    scale : float        finite; 1 / sqrt(D) by default
    window : (left, right)        keys p - left <= j <= p + right alone, integers of at least 0; None: no limit
    softcap : float > 0        keeps scores between -softcap and softcap; None: no limit
    lengths : (B,) integers in 0..Tk        keys j < lengths[b] alone
    dropout : float in [0, 1)        the share of the weights p that is dropped
    seed : int in [0, 2**64)        of what is dropped; needed where dropout is not 0
    return_lse : bool        whether lse is returned too

    Returns
    -------
    y : (B, Hq, Tq, Dv)        in the widest type of q, k and v; half, bool and integers count as float32. With
        return_lse an AttentionOutput: y, and lse (B, Hq, Tq)

    Raises
    ------
    ValueError        a shape or a value disagrees
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Vaswani et al. 2017, arXiv:1706.03762; the softmax that runs over blocks of keys is Milakov and Gimelshein's,
    arXiv:1805.02867, and the backward that makes the scores again Dao et al.'s, arXiv:2205.14135. Grouped heads:
    Ainslie et al. 2023, arXiv:2305.13245; softcap: arXiv:2408.00118. Memory beyond inputs and outputs is
    O(Tq + Tk). The bits of a query's result depend on no other query, head or row of the batch, and not on the number
    of threads. Weight (b, h, i, j) is dropped where word j % 4 of Philox4x32-10 with the key `seed` and the counter
    (j // 4, i, h, b) is below floor(dropout * 2**32).

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
    given = mask, causal, scale, window, softcap, lengths, dropout, seed
    return _forward(function, q, k, v, given, return_lse, False)[0]


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
    """As `attention`, and the tape for `attention_backward`, which refers to q, k, v, y and the mask.

    Parameters
    ----------
    q, k, v, mask, causal, scale, window, softcap, lengths, dropout, seed, return_lse : as for `attention`

    Returns
    -------
    y : (B, Hq, Tq, Dv)        with return_lse an AttentionOutput: y, and lse (B, Hq, Tq)
    AttentionTape        opaque: no scores and no weights, two numbers a query; changing q, k, v, y or the mask before
        backward has read it changes the gradients

    Raises
    ------
    ValueError, TypeError        as `attention`

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
    given = mask, causal, scale, window, softcap, lengths, dropout, seed
    out, tape = _forward(function, q, k, v, given, return_lse, True)
    assert tape is not None
    return out, tape


def _forward(
    function: str, q: Any, k: Any, v: Any, given: tuple[Any, ...], return_lse: bool, keep: bool
) -> tuple[Any, AttentionTape | None]:
    q, k, v, _ = _arrays.widest(function, ("q", "k", "v"), (q, k, v))
    dtype = q.dtype
    shape = shape_of(function, q, k, v)
    options = options_of(function, shape, dtype, *given)
    B, Hq, _, Tq, _, _, Dv = shape
    _checks.sizes(function, "y (B, Hq, Tq, Dv)", B, Hq, Tq, Dv)
    y = np.empty((B, Hq, Tq, Dv), dtype)
    lse = np.empty((B, Hq, Tq), dtype) if return_lse else None
    tape = attend(q, k, v, shape, options, given[0], y, lse, keep)
    return y if lse is None else AttentionOutput(y, lse), tape


def attend(
    q: Array,
    k: Array,
    v: Array,
    shape: Shape,
    options: ScoreOptions,
    mask: Any,
    y: Array,
    lse: Array | None,
    keep: bool,
) -> AttentionTape | None:
    """Write y, an array of any strides with a contiguous last axis, and lse; the tape, with `keep`.

    Everything is checked before; `mask` is what `options` has broadcast.
    """
    kernels = _backend.kernels
    statistics = np.empty((2, *y.shape[:3]), y.dtype) if keep else None
    kernels.attention_forward(q, k, v, options, y, statistics, lse, _threads.current())
    if statistics is None:
        return None
    additive = options.mask is not None and options.mask.dtype != bool
    mask_shape = np.shape(mask) if additive else None
    return AttentionTape(kernels, shape, options, q, k, v, y, statistics, mask_shape)


def attention_backward(
    tape: AttentionTape, dy: ArrayLike, *, dlse: ArrayLike | None = None, need_dmask: bool = False
) -> AttentionGrads:
    """Gradients of `attention_forward`.

        dp = dy v^T through dropout;    ds = p * (dp - sum over keys of p dp + dlse)
        dmask = ds;    da = ds * scale * (1 - tanh^2 of the softcap)
        dq = da k;    dk = da^T q;    dv = dropout(p)^T dy

    dk and dv are summed over the query heads that attend to them, dmask over the axes along which mask was broadcast.

    Parameters
    ----------
    tape : AttentionTape        from `attention_forward`; not changed, it may be read again
    dy : (B, Hq, Tq, Dv)        gradient of y; ignored where a query attends to nothing
    dlse : (B, Hq, Tq)        gradient of lse, zeros by default; ignored where a query attends to nothing
    need_dmask : bool        True: the gradient of a mask of numbers too. It takes O(B Hq Tq Tk) of memory

    Returns
    -------
    AttentionGrads        dq (B, Hq, Tq, D), dk (B, Hk, Tk, D), dv (B, Hk, Tk, Dv), and dmask in the shape of mask, or
        None

    Raises
    ------
    ValueError        a shape disagrees, or need_dmask without a mask that is added
    TypeError        a kind of number that is not computed with

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
        raise TypeError(f"{function}: tape must be what attention_forward returned; got {type(tape).__name__}")
    need_dmask = wants_dmask(function, tape, need_dmask)
    q, k, v, shape = tape._q, tape._k, tape._v, tape._shape
    B, Hq, _, Tq, _, _, Dv = shape
    gradient = _arrays.numbers(function, "dy", dy, q.dtype)
    _checks.shape(function, "dy", "(B, Hq, Tq, Dv)", (B, Hq, Tq, Dv), gradient.shape)
    of_lse = None
    if dlse is not None:
        of_lse = _arrays.numbers(function, "dlse", dlse, q.dtype)
        _checks.shape(function, "dlse", "(B, Hq, Tq)", (B, Hq, Tq), of_lse.shape)
        of_lse = np.ascontiguousarray(of_lse)
    dq, dk, dv = np.empty(q.shape, q.dtype), np.zeros(k.shape, q.dtype), np.zeros(v.shape, q.dtype)
    dmask = gradients(tape, gradient, of_lse, dq, dk, dv, need_dmask)
    return AttentionGrads(dq, dk, dv, dmask)


def wants_dmask(function: str, tape: AttentionTape, need_dmask: Any) -> bool:
    """need_dmask, where the mask of the tape has a gradient and there can be an array for it."""
    (need_dmask,) = _checks.flags(function, ("need_dmask",), (need_dmask,))
    if need_dmask and tape._mask_shape is None:
        what = "none" if tape._options.mask is None else "a bool mask"
        raise ValueError(f"{function}: need_dmask=True needs a mask that is added to the scores; got {what}")
    if need_dmask:
        _checks.sizes(function, "dmask (B, Hq, Tq, Tk)", *tape._shape.scores)
    return bool(need_dmask)


def gradients(
    tape: AttentionTape, dy: Array, dlse: Array | None, dq: Array, dk: Array, dv: Array, need_dmask: bool
) -> Array | None:
    """Write dq, dk and dv, arrays of any strides with a contiguous last axis, dk and dv zeros; dmask, where needed.

    Everything is checked before.
    """
    dmask = np.zeros(tape._shape.scores, dy.dtype) if need_dmask else None
    tape._kernels.attention_backward(tape, dy, dlse, dq, dk, dv, dmask, _threads.current())
    return None if dmask is None or tape._mask_shape is None else _sum_to(tape._mask_shape, dmask)


def _sum_to(shape: tuple[int, ...], dmask: Array) -> Array:
    """The gradient of a mask from that of what it was broadcast to."""
    whole = (1,) * (4 - len(shape)) + shape
    axes = tuple(axis for axis, n in enumerate(whole) if n != dmask.shape[axis])
    return (dmask.sum(axis=axes, keepdims=True) if axes else dmask).reshape(shape)
