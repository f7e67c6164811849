"""Conversion of the parameters of `torch.nn.MultiheadAttention`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array

_PARTS = ("in_proj_weight[0]", "in_proj_weight[1]", "in_proj_weight[2]")


def multi_head_attention_weights_from_torch(
    in_proj_weight: ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike],
    in_proj_bias: ArrayLike | None,
    out_proj_weight: ArrayLike,
    out_proj_bias: ArrayLike | None,
    heads: int,
) -> dict[str, Array | None]:
    """Return the arguments of `multi_head_attention` for the parameters of a PyTorch module.

    The module is a ``torch.nn.MultiheadAttention``. Tensors and arrays are accepted.

    Parameters
    ----------
    in_proj_weight : array_like, shape (3*E, E), or tuple of array_like
        The module's in_proj_weight. If kdim or vdim differs from E, the module has three arrays instead: pass
        ``(q_proj_weight, k_proj_weight, v_proj_weight)``, with the shapes (E, E), (E, kdim) and (E, vdim).
    in_proj_bias : array_like, shape (3*E,), or None
        The module's in_proj_bias. None for a module without biases.
    out_proj_weight : array_like, shape (E, E)
        The module's out_proj.weight.
    out_proj_bias : array_like, shape (E,), or None
        The module's out_proj.bias. None for a module without biases.
    heads : int
        The module's num_heads, a divisor of E.

    Returns
    -------
    dict
        New arrays for the arguments Wq, Wk, Wv, Wo, bq, bk, bv and bo, in C order and with the dtypes of the
        parameters. None for a bias that is None.

    Raises
    ------
    ValueError
        If a shape does not fit, or if `heads` does not divide E.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The inputs of the module are (B, T, E) with batch_first=True. Otherwise, exchange the first two axes.

    The key_padding_mask and a bool attn_mask of the module are True where a query may *not* attend. Pass
    ``mask=~attn_mask``. For padding after the valid keys, pass `lengths`; for any other key_padding_mask, pass
    ``mask=~key_padding_mask[:, None, None]``. The options bias_k, bias_v and add_zero_attn of the module are not
    supported.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> weights = F.multi_head_attention_weights_from_torch(
    ...     np.ones((24, 8)), np.ones(24), np.ones((8, 8)), np.ones(8), heads=2
    ... )
    >>> F.multi_head_attention(np.ones((1, 5, 8)), **weights)[0, 0]
    array([73., 73., 73., 73., 73., 73., 73., 73.])
    """
    function = "multi_head_attention_weights_from_torch"
    heads = _checks.integer(function, "heads", heads, 1)
    Wo = _as_array(function, "out_proj_weight", out_proj_weight)
    if Wo.ndim != 2 or Wo.shape[0] != Wo.shape[1]:
        _checks.refuse_shape(function, "out_proj_weight", "(E, E)", None, Wo.shape)
    E = Wo.shape[0]
    if E % heads:
        raise ValueError(f"{function}: heads must divide E = {E}; got {heads}")
    D = E // heads
    if isinstance(in_proj_weight, (tuple, list)) and len(in_proj_weight) == 3:
        parts = [_as_array(function, name, part) for name, part in zip(_PARTS, in_proj_weight)]
        for name, part, symbols in zip(_PARTS, parts, ("(E, E)", "(E, kdim)", "(E, vdim)")):
            if part.ndim != 2 or part.shape[0] != E or (name == _PARTS[0] and part.shape[1] != E):
                needed = f"{symbols} = {symbols.replace('E', str(E))}"
                _checks.refuse_shape(function, name, needed, None, part.shape)
    else:
        stacked = _as_array(function, "in_proj_weight", in_proj_weight)
        _checks.shape(function, "in_proj_weight", "(3*E, E)", (3 * E, E), stacked.shape)
        parts = np.split(stacked, 3)
    weights: dict[str, Any] = {
        f"W{letter}": np.array(part.T.reshape(part.shape[1], heads, D), order="C") for letter, part in zip("qkv", parts)
    }
    weights["Wo"] = np.array(Wo.T.reshape(heads, D, E), order="C")
    bias = None if in_proj_bias is None else _as_array(function, "in_proj_bias", in_proj_bias)
    if bias is not None:
        _checks.shape(function, "in_proj_bias", "(3*E,)", (3 * E,), bias.shape)
    for i, letter in enumerate("qkv"):
        weights[f"b{letter}"] = None if bias is None else np.array(bias[i * E : (i + 1) * E].reshape(heads, D))
    bo = None if out_proj_bias is None else _as_array(function, "out_proj_bias", out_proj_bias)
    if bo is not None:
        _checks.shape(function, "out_proj_bias", "(E,)", (E,), bo.shape)
    weights["bo"] = None if bo is None else np.array(bo)
    return weights


def _as_array(function: str, name: str, value: ArrayLike) -> Array:
    """Return the value as an array of a supported dtype."""
    array = _arrays.asarray(function, name, value)
    _arrays.compute_dtype(function, name, array.dtype)
    return array
