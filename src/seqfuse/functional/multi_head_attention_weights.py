"""Weights of PyTorch's multi-head attention in the shapes that `multi_head_attention` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array

_PARTS = ("in_proj_weight[0]", "in_proj_weight[1]", "in_proj_weight[2]")


def multi_head_attention_weights(
    in_proj_weight: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike],
    in_proj_bias: ArrayLike | None,
    out_proj_weight: ArrayLike,
    out_proj_bias: ArrayLike | None,
    heads: int,
) -> dict[str, Array | None]:
    """What `multi_head_attention` takes, from the parameters of a `torch.nn.MultiheadAttention`.

    Parameters
    ----------
    in_proj_weight : (3*E, E)        or a tuple of q_proj_weight (E, E), k_proj_weight (E, kdim) and v_proj_weight
        (E, vdim), as the module has them where kdim or vdim are not E
    in_proj_bias : (3*E,)        None for a module without biases
    out_proj_weight : (E, E)        of `module.out_proj`
    out_proj_bias : (E,)        None for a module without biases
    heads : int        num_heads, a divisor of E

    Returns
    -------
    dict        Wq, Wk, Wv, Wo, bq, bk, bv, bo: new arrays in C order, in the types of what they were made of; None for
        biases that are

    Raises
    ------
    ValueError        a shape or heads disagree
    TypeError        a kind of number that is not computed with

    Notes
    -----
    The module's inputs are (B, T, E) with batch_first=True; without, exchange the first two axes. Its key_padding_mask
    and a bool attn_mask are True where one may *not* attend: pass mask=~attn_mask; for padding behind the real keys
    lengths, for any other mask=~key_padding_mask[:, None, None]. bias_k, bias_v and add_zero_attn have no counterpart.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> weights = F.multi_head_attention_weights(np.ones((24, 8)), np.ones(24), np.ones((8, 8)), np.ones(8), heads=2)
    >>> F.multi_head_attention(np.ones((1, 5, 8)), **weights)[0, 0]
    array([73., 73., 73., 73., 73., 73., 73., 73.])
    """
    function = "multi_head_attention_weights"
    heads = _checks.integer(function, "heads", heads, 1)
    Wo = _read(function, "out_proj_weight", out_proj_weight)
    if Wo.ndim != 2 or Wo.shape[0] != Wo.shape[1]:
        _checks.refuse_shape(function, "out_proj_weight", "(E, E)", None, Wo.shape)
    E = Wo.shape[0]
    if E % heads:
        raise ValueError(f"{function}: heads must divide E = {E}; got {heads}")
    D = E // heads
    if isinstance(in_proj_weight, (tuple, list)) and len(in_proj_weight) == 3:
        parts = [_read(function, name, part) for name, part in zip(_PARTS, in_proj_weight)]
        for name, part, symbols in zip(_PARTS, parts, ("(E, E)", "(E, kdim)", "(E, vdim)")):
            if part.ndim != 2 or part.shape[0] != E or (name == _PARTS[0] and part.shape[1] != E):
                needed = f"{symbols} = {symbols.replace('E', str(E))}"
                _checks.refuse_shape(function, name, needed, None, part.shape)
    else:
        whole = _read(function, "in_proj_weight", in_proj_weight)
        _checks.shape(function, "in_proj_weight", "(3*E, E)", (3 * E, E), whole.shape)
        parts = np.split(whole, 3)
    split: dict[str, Any] = {
        f"W{to}": np.array(part.T.reshape(part.shape[1], heads, D), order="C") for to, part in zip("qkv", parts)
    }
    split["Wo"] = np.array(Wo.T.reshape(heads, D, E), order="C")
    bias = None if in_proj_bias is None else _read(function, "in_proj_bias", in_proj_bias)
    if bias is not None:
        _checks.shape(function, "in_proj_bias", "(3*E,)", (3 * E,), bias.shape)
    for i, to in enumerate("qkv"):
        split[f"b{to}"] = None if bias is None else np.array(bias[i * E : (i + 1) * E].reshape(heads, D))
    bo = None if out_proj_bias is None else _read(function, "out_proj_bias", out_proj_bias)
    if bo is not None:
        _checks.shape(function, "out_proj_bias", "(E,)", (E,), bo.shape)
    split["bo"] = None if bo is None else np.array(bo)
    return split


def _read(function: str, name: str, value: ArrayLike) -> Array:
    array = _arrays.asarray(function, name, value)
    _arrays.compute_dtype(function, name, array.dtype)
    return array
