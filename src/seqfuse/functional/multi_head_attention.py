"""Multi-head attention, forward and backward: four dense products around one attention, without copies."""

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
    """Compute attention with several heads, including the projections.

    See `multi_head_attention_forward` for the equations.

    Parameters
    ----------
    query : array_like, shape (B, Tq, E)
        Inputs of the queries.
    Wq : array_like, shape (E, Hq, D)
        Weights of the queries, in the layout of Keras. `multi_head_attention_weights_from_torch` converts the weights
        of PyTorch.
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
        ``(cos, sin)`` or ``(cos, sin, "interleaved")``: apply `rotary` with these tables, from `rotary_tables`, to
        queries and keys. Key j uses row j of the tables. The query at position p, as defined for `causal`, uses row p,
        or row 0 if p is negative. With "interleaved", neighboring features are rotated together. No rotation by
        default.
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
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32. A query without keys has y = bo.

    Raises
    ------
    ValueError
        If a shape or a value does not fit. The message names the argument and states what is needed.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The bits of a row of y do not depend on the other rows of the batch or on the number of threads. With dropout they
    depend on the position of the row in the batch.

    The sources are Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2; for grouped heads, Ainslie et al. 2023,
    arXiv:2305.13245; and for rope, Su et al. 2021, arXiv:2104.09864.

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
    arrays = {
        "query": query, "Wq": Wq, "Wk": Wk, "Wv": Wv, "Wo": Wo, "bq": bq, "bk": bk, "bv": bv, "bo": bo, "key": key,
        "value": value,
    }  # fmt: skip
    options = mask, causal, scale, window, softcap, lengths, dropout, seed
    return forward("multi_head_attention", arrays, rope, options, False)[0]


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
    """Compute multi-head attention and keep the tape for `multi_head_attention_backward`.

    Parameters
    ----------
    query : array_like, shape (B, Tq, E)
        Inputs of the queries.
    Wq : array_like, shape (E, Hq, D)
        Weights of the queries, in the layout of Keras. `multi_head_attention_weights_from_torch` converts the weights
        of PyTorch.
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
        ``(cos, sin)`` or ``(cos, sin, "interleaved")``: apply `rotary` with these tables, from `rotary_tables`, to
        queries and keys. Key j uses row j of the tables. The query at position p, as defined for `causal`, uses row p,
        or row 0 if p is negative. With "interleaved", neighboring features are rotated together. No rotation by
        default.
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
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32. A query without keys has y = bo.
    MultiHeadAttentionTape
        Opaque tape for `multi_head_attention_backward`. Keeps references to inputs, weights and mask. Do not modify
        them before the backward function has run.

    Raises
    ------
    ValueError
        If a shape or a value does not fit. The message names the argument and states what is needed.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equations are::

        q = query Wq + bq;  k = key Wk + bk;  v = value Wv + bv        per head
        q = rotary(q);  k = rotary(k)                                  with rope
        heads = attention(q, k, v)
        y = (heads, side by side) Wo + bo

    See `attention_forward` for the equations of attention.

    The bits of a row of y do not depend on the other rows of the batch or on the number of threads. With dropout they
    depend on the position of the row in the batch.

    The sources are Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2; for grouped heads, Ainslie et al. 2023,
    arXiv:2305.13245; and for rope, Su et al. 2021, arXiv:2104.09864.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.multi_head_attention_forward(np.ones((2, 5, 3)), *np.ones((3, 3, 4, 1)), np.ones((4, 1, 6)))
    >>> tape
    <MultiHeadAttentionTape B=2 Hq=4 Hk=4 Tq=5 Tk=5 D=1 Dv=1 float64>
    """
    arrays = {
        "query": query, "Wq": Wq, "Wk": Wk, "Wv": Wv, "Wo": Wo, "bq": bq, "bk": bk, "bv": bv, "bo": bo, "key": key,
        "value": value,
    }  # fmt: skip
    options = mask, causal, scale, window, softcap, lengths, dropout, seed
    y, tape = forward("multi_head_attention_forward", arrays, rope, options, True)
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
    """Compute the gradients of `multi_head_attention_forward`.

    Parameters
    ----------
    tape : MultiHeadAttentionTape
        Tape from `multi_head_attention_forward`. It is not modified and may be used again.
    dy : array_like, shape (B, Tq, O)
        Gradient of y.
    need_dx : bool, optional
        If False, dquery, dkey and dvalue are not computed and are None. True by default.
    need_dmask : bool, optional
        If True, also compute the gradient of an additive mask, which needs memory O(B Hq Tq Tk). False by default.
    into : tuple of ndarray, optional
        ``(dWq, dWk, dWv, dWo, dbq, dbk, dbv, dbo)``: arrays that the gradients are added to and that are returned. Pass
        None for the gradient of a bias that was None. New arrays by default.

    Returns
    -------
    MultiHeadAttentionGrads
        Named tuple of ``dquery`` (B, Tq, E), ``dkey`` (B, Tk, Ek), ``dvalue`` (B, Tk, Ev), the gradients of weights and
        biases in the order of `into`, and ``dmask`` in the shape of mask. The gradient of an argument that was None is
        None. If key was None, dquery is the total gradient of query, including the paths through k and v. If value was
        None, dkey includes the path through v.

    Raises
    ------
    ValueError
        If a shape does not fit, if arrays of `into` overlap, or if need_dmask is True and there is no additive mask.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    The steps of the forward function in reverse order::

        dheads = dy Wo^T
        dq, dk, dv = gradients of attention, with dq and dk rotated back
        dquery = dq Wq^T;  dkey = dk Wk^T;  dvalue = dv Wv^T
        dWq = query^T dq;  dWk = key^T dk;  dWv = value^T dv;  dWo = heads^T dy
        dbq, dbk, dbv, dbo = sums of dq, dk, dv and dy over all rows

    A row of query that attends to no key, and a row of key or value that no query attends to, do not affect the
    gradients, even if they contain NaN.

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
