"""Multi-head attention, forward and backward: four products of `dense` around one `attention`; nothing is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse.functional._multi_head import backward, forward

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._results import MultiHeadAttentionGrads
    from seqfuse.functional._multi_head import MultiHeadAttentionTape


def multi_head_attention(
    query: ArrayLike,
    Wq: ArrayLike,
    Wk: ArrayLike,
    Wv: ArrayLike,
    Wo: ArrayLike,
    bq: ArrayLike | None = None,
    bk: ArrayLike | None = None,
    bv: ArrayLike | None = None,
    bo: ArrayLike | None = None,
    *,
    key: ArrayLike | None = None,
    value: ArrayLike | None = None,
    rope: Sequence[Any] | None = None,
    mask: ArrayLike | None = None,
    causal: bool | str = False,
    scale: float | None = None,
    window: Sequence[int | None] | None = None,
    softcap: float | None = None,
    lengths: ArrayLike | None = None,
    dropout: float = 0.0,
    seed: int | None = None,
) -> Array:
    """Every step of query attends to the steps of key, with several heads at once.

        q = query Wq + bq;    k = key Wk + bk;    v = value Wv + bv        each head with its own columns of W and b
        q, k = turned by rope
        y = (the heads of attention(q, k, v), side by side) Wo + bo

    Parameters
    ----------
    query : (B, Tq, E)
    Wq : (E, Hq, D)        weights, in the shapes of Keras; `multi_head_attention_weights` makes them of PyTorch's
    Wk, Wv : (Ek, Hk, D), (Ev, Hk, Dv)        Hq is a multiple of Hk: query head h attends to key head h // (Hq // Hk)
    Wo : (Hq, Dv, O)
    bq, bk, bv, bo : (Hq, D), (Hk, D), (Hk, Dv), (O,)        biases, zeros by default
    key : (B, Tk, Ek)        query by default: self-attention
    value : (B, Tk, Ev)        key by default
    rope : (cos, sin) or (cos, sin, "interleaved")        tables of `rotary_tables`, by which `rotary` turns keys and
        queries, with "interleaved" neighbours and else halves: key j by row j, query i by row p, its position as
        `causal` has it; one below 0, of a query that attends to nothing, counts as 0
    mask : broadcastable to (B, Hq, Tq, Tk), 2 to 4 axes        as for `attention`, as all that follows
    causal : bool, "top_left" or "bottom_right"        query i attends to keys j <= p alone; its position p is i, but
        for "bottom_right" i + lengths[b] - Tq, without lengths i + Tk - Tq
    scale : float        1 / sqrt(D) by default
    window : (left, right)        keys p - left <= j <= p + right alone
    softcap : float > 0        keeps scores between -softcap and softcap
    lengths : (B,) integers in 0..Tk        keys j < lengths[b] alone
    dropout : float in [0, 1)        the share of the weights of attention that is dropped
    seed : int in [0, 2**64)        of what is dropped; needed where dropout is not 0

    Returns
    -------
    y : (B, Tq, O)        in the widest type of inputs, weights and biases; half, bool and integers count as float32. bo
        where a query has nothing to attend to

    Raises
    ------
    ValueError        a shape or a value disagrees
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2; grouped heads: Ainslie et al. 2023, arXiv:2305.13245; rope: Su
    et al. 2021, arXiv:2104.09864. The bits of a row of y depend on no other row of the batch, and not on the number of
    threads (with dropout, on the row's place in the batch).

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> rng = np.random.default_rng(0)
    >>> x, Wq, Wo = rng.normal(size=(2, 10, 32)), rng.normal(size=(32, 8, 4)), rng.normal(size=(8, 4, 32))
    >>> Wk, Wv = rng.normal(size=(2, 32, 2, 4))  # 2 heads of keys for 8 of queries
    >>> F.multi_head_attention(x, Wq, Wk, Wv, Wo, rope=F.rotary_tables(10, 4), causal=True).shape
    (2, 10, 32)
    """
    given = {
        "query": query, "Wq": Wq, "Wk": Wk, "Wv": Wv, "Wo": Wo, "bq": bq, "bk": bk, "bv": bv, "bo": bo, "key": key,
        "value": value,
    }  # fmt: skip
    options = mask, causal, scale, window, softcap, lengths, dropout, seed
    return forward("multi_head_attention", given, rope, options, False)[0]


def multi_head_attention_forward(
    query: ArrayLike,
    Wq: ArrayLike,
    Wk: ArrayLike,
    Wv: ArrayLike,
    Wo: ArrayLike,
    bq: ArrayLike | None = None,
    bk: ArrayLike | None = None,
    bv: ArrayLike | None = None,
    bo: ArrayLike | None = None,
    *,
    key: ArrayLike | None = None,
    value: ArrayLike | None = None,
    rope: Sequence[Any] | None = None,
    mask: ArrayLike | None = None,
    causal: bool | str = False,
    scale: float | None = None,
    window: Sequence[int | None] | None = None,
    softcap: float | None = None,
    lengths: ArrayLike | None = None,
    dropout: float = 0.0,
    seed: int | None = None,
) -> tuple[Array, MultiHeadAttentionTape]:
    """As `multi_head_attention`, and the tape for `multi_head_attention_backward`.

    Parameters
    ----------
    all : as for `multi_head_attention`

    Returns
    -------
    y : (B, Tq, O)
    MultiHeadAttentionTape        opaque; it refers to inputs, weights and mask, and changing them before backward has
        read it changes the gradients

    Raises
    ------
    ValueError, TypeError        as `multi_head_attention`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.multi_head_attention_forward(np.ones((2, 5, 3)), *np.ones((3, 3, 4, 1)), np.ones((4, 1, 6)))
    >>> tape
    <MultiHeadAttentionTape B=2 Hq=4 Hk=4 Tq=5 Tk=5 D=1 Dv=1 float64>
    """
    given = {
        "query": query, "Wq": Wq, "Wk": Wk, "Wv": Wv, "Wo": Wo, "bq": bq, "bk": bk, "bv": bv, "bo": bo, "key": key,
        "value": value,
    }  # fmt: skip
    options = mask, causal, scale, window, softcap, lengths, dropout, seed
    y, tape = forward("multi_head_attention_forward", given, rope, options, True)
    assert tape is not None
    return y, tape


def multi_head_attention_backward(
    tape: MultiHeadAttentionTape,
    dy: ArrayLike,
    *,
    need_dx: bool = True,
    need_dmask: bool = False,
    into: tuple[Array | None, ...] | None = None,
) -> MultiHeadAttentionGrads:
    """Gradients of `multi_head_attention_forward`: its steps in the opposite order.

        dheads = dy Wo^T;    dq, dk, dv = those of attention, turned back
        dquery, dkey, dvalue = dq Wq^T, dk Wk^T, dv Wv^T
        dWq, dWk, dWv, dWo = query^T dq, key^T dk, value^T dv, heads^T dy
        dbq, dbk, dbv, dbo = the sums of dq, dk, dv, dy over all but their last axes

    A row of query that attends to nothing, and one of key and value that nobody attends to, have no part in the
    gradients, whatever they hold, NaN included.

    Parameters
    ----------
    tape : MultiHeadAttentionTape        from `multi_head_attention_forward`; not changed, it may be read again
    dy : (B, Tq, O)        gradient of y
    need_dx : bool        False: dquery, dkey and dvalue are None and cost nothing
    need_dmask : bool        True: the gradient of a mask of numbers too. It takes O(B Hq Tq Tk) of memory
    into : (dWq, dWk, dWv, dWo, dbq, dbk, dbv, dbo)        arrays that the gradients are added to, and that are
        returned; None for a bias that was None

    Returns
    -------
    MultiHeadAttentionGrads        dquery (B, Tq, E), which holds all that comes back to query: through k and v too
        where key was None. dkey (B, Tk, Ek), likewise where value was None; dvalue (B, Tk, Ev). None for what was None.
        The gradients of weights and biases in their shapes; dmask in the shape of mask, or None

    Raises
    ------
    ValueError        a shape disagrees, arrays of into overlap, or need_dmask without a mask that is added
    TypeError        a kind of number that is not computed with, a wrong type in into

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.multi_head_attention_forward(np.ones((2, 5, 3)), *np.ones((3, 3, 4, 1)), np.ones((4, 1, 6)))
    >>> grads = F.multi_head_attention_backward(tape, np.ones((2, 5, 6)))
    >>> grads.dquery.shape, grads.dkey, grads.dWo[0, 0]
    ((2, 5, 3), None, array([30., 30., 30., 30., 30., 30.]))
    """
    return backward("multi_head_attention_backward", tape, dy, need_dx, need_dmask, into)
