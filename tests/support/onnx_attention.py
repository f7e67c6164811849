"""Conversion of nodes of the ONNX operator Attention (opset 23 to 25) to calls of seqfuse.

    run_node(node, values, module)          run a NodeProto with the values of its inputs by name
    call(attributes, inputs, module)        the same with attributes and inputs by their ONNX names

`module` is `seqfuse.functional`, `seqfuse.reference`, or any object with their function `attention`. The function
receives only the options that the node needs. ONNX and seqfuse differ as follows:

- The position of a query is i + past with past keys, i + nonpad_kv_seqlen[b] - Tq with nonpad_kv_seqlen, and i
  otherwise. The last two are "bottom_right" with lengths and "top_left". Past keys are "bottom_right" if there are as
  many new keys as queries. In all other cases, and for a window without causal that is not aligned top left, a mask is
  used.
- softmax_precision: float64 if it is DOUBLE, otherwise at least float32. Narrower types are rounded at the end.
- attention never stores qk_matmul_output. Scores are computed here from the definition. Weights are the result of
  `attention` with the identity matrix as values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from support.onnx_cases import attributes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seqfuse._cells import Array

INPUTS = ("Q", "K", "V", "attn_mask", "past_key", "past_value", "nonpad_kv_seqlen")
ATTRIBUTES = {
    "is_causal", "kv_num_heads", "left_window_size", "q_num_heads", "qk_matmul_output_mode", "right_window_size",
    "scale", "softcap", "softmax_precision",
}  # fmt: skip
DOUBLE = 11  # TensorProto.DOUBLE, a value of softmax_precision
WEIGHTS = 3  # value of qk_matmul_output_mode: after the softmax. 0 to 2 are scores before it


class Outputs(NamedTuple):
    """Outputs of a node.

    Attributes
    ----------
    Y : ndarray, shape (B, Hq, Tq, Dv) or (B, Tq, Hq*Dv)
        Result, with as many axes as Q.
    present_key, present_value : ndarray, shapes (B, Hk, Tk, D) and (B, Hk, Tk, Dv)
        Past and new keys and values.
    qk_matmul_output : ndarray, shape (B, Hq, Tq, Tk), or None
        Scores or weights, as qk_matmul_output_mode specifies. None if not requested.
    """

    Y: Array
    present_key: Array
    present_value: Array
    qk_matmul_output: Array | None


def run_node(node: Any, values: Mapping[str, Array], module: Any) -> dict[str, Array]:
    """Return the values of the outputs of a node by name. Inputs and outputs with an empty name are skipped."""
    if node.op_type != "Attention":
        raise NotImplementedError(node.op_type)
    inputs = {slot: values[name] for slot, name in zip(INPUTS, node.input) if name}
    outputs = call(attributes_of(node), inputs, module, scores=len(node.output) > 3 and bool(node.output[3]))
    return {name: value for name, value in zip(node.output, outputs) if name and value is not None}


def call(attributes: Mapping[str, Any], inputs: Mapping[str, Array], module: Any, *, scores: bool = False) -> Outputs:
    """Run an Attention node. `scores` requests qk_matmul_output."""
    if unknown := set(attributes) - ATTRIBUTES:
        raise NotImplementedError(f"Attention: attributes {sorted(unknown)}")
    if "nonpad_kv_seqlen" in inputs and "past_key" in inputs:
        raise NotImplementedError("Attention: nonpad_kv_seqlen with past_key")
    heads = [attributes.get(name) for name in ("q_num_heads", "kv_num_heads", "kv_num_heads")]
    q, k, v = (_split_heads(inputs[name], n) for name, n in zip("QKV", heads))
    if "past_key" in inputs:
        k, v = (np.concatenate([inputs[past], new], axis=2) for past, new in (("past_key", k), ("past_value", v)))
    options = seqfuse_options(attributes, inputs, q.shape[2], k.shape[2])
    converted = [a.astype(np.float64) if attributes.get("softmax_precision") == DOUBLE else a for a in (q, k, v)]
    y, scores_matrix = module.attention(*converted, **options), None
    if inputs["Q"].ndim == 3:
        y = y.swapaxes(1, 2).reshape(*inputs["Q"].shape[:2], -1)
    if scores and attributes.get("qk_matmul_output_mode", 0) == WEIGHTS:
        unit = np.eye(k.shape[2], dtype=y.dtype)
        scores_matrix = module.attention(*converted[:2], np.broadcast_to(unit, (*k.shape[:2], *unit.shape)), **options)
    elif scores:
        scores_matrix = _scores(attributes, inputs, *(a.astype(y.dtype) for a in converted[:2]))
    return Outputs(y.astype(q.dtype), k, v, None if scores_matrix is None else scores_matrix.astype(q.dtype))


def seqfuse_options(attributes: Mapping[str, Any], inputs: Mapping[str, Array], Tq: int, Tk: int) -> dict[str, Any]:
    """Return the options of `attention` for Tq queries and Tk keys, including past keys."""
    causal, left, right = _limits(attributes)
    cached = bool({"past_key", "nonpad_kv_seqlen"} & set(inputs))
    aligned = "past_key" not in inputs or Tk - inputs["past_key"].shape[2] == Tq
    mask = _mask(inputs, Tk)
    options: dict[str, Any] = {}
    if aligned if causal else not cached and Tq == Tk:  # the options of seqfuse suffice
        if causal:
            options["causal"] = "bottom_right" if cached else "top_left"
        if (left, right) != (None, None):
            options["window"] = left, right
    elif causal or (left, right) != (None, None):
        visible = _visible(attributes, inputs, Tq, Tk)
        mask = visible if mask is None else _restrict(mask, visible)
    if mask is not None:
        options["mask"] = mask
    if "nonpad_kv_seqlen" in inputs:
        options["lengths"] = inputs["nonpad_kv_seqlen"]
    if "scale" in attributes:
        options["scale"] = attributes["scale"]
    if attributes.get("softcap", 0):
        options["softcap"] = attributes["softcap"]
    return options


def _limits(attributes: Mapping[str, Any]) -> tuple[bool, int | None, int | None]:
    """Return is_causal and the window of seqfuse."""
    sides = (attributes.get(f"{side}_window_size", -1) for side in ("left", "right"))
    return bool(attributes.get("is_causal", 0)), *(None if n < 0 else n for n in sides)


def _split_heads(x: Array, heads: int | None) -> Array:
    """Return an array (B, T, H*D) as (B, H, T, D). An array with four axes is returned unchanged."""
    if x.ndim == 4:
        return x
    assert heads is not None
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _mask(inputs: Mapping[str, Array], Tk: int) -> Array | None:
    """Return attn_mask with at least two axes, or None if there is none.

    Keys after the end of a short mask are excluded.
    """
    if "attn_mask" not in inputs:
        return None
    mask = np.atleast_2d(inputs["attn_mask"])
    widths = [(0, 0)] * (mask.ndim - 1) + [(0, Tk - mask.shape[-1])]
    return np.pad(mask, widths, constant_values=_excluded(mask.dtype))


def _visible(attributes: Mapping[str, Any], inputs: Mapping[str, Array], Tq: int, Tk: int) -> Array:
    """Return the keys that each query may attend to without the mask, (B, 1, Tq, Tk) or (1, 1, Tq, Tk).

    They follow from is_causal, the window and nonpad_kv_seqlen.
    """
    keys, positions = np.arange(Tk), np.arange(Tq)[:, None]
    lengths = inputs.get("nonpad_kv_seqlen", np.array(Tk)).reshape(-1, 1, 1, 1)
    if "nonpad_kv_seqlen" in inputs:
        positions = positions + lengths - Tq
    elif "past_key" in inputs:
        positions = positions + inputs["past_key"].shape[2]
    distance, visible = keys - positions, keys < lengths
    causal, left, right = _limits(attributes)
    visible = visible & (distance <= 0) if causal else visible
    visible = visible & (distance >= -left) if left is not None else visible
    return visible & (distance <= right) if right is not None else visible


def _restrict(mask: Array, visible: Array) -> Array:
    """Return the mask with invisible keys excluded."""
    return np.where(visible, mask, _excluded(mask.dtype))


def _excluded(dtype: np.dtype[Any]) -> Any:
    """Return the value that excludes a key in a mask of this dtype."""
    return dtype.type(False if dtype.kind == "b" else -np.inf)


def _scores(attributes: Mapping[str, Any], inputs: Mapping[str, Array], q: Array, k: Array) -> Array:
    """Return the scores (B, Hq, Tq, Tk) before the softmax, at the stage that qk_matmul_output_mode names."""
    mode = attributes.get("qk_matmul_output_mode", 0)
    s = q @ np.repeat(k, q.shape[1] // k.shape[1], axis=1).swapaxes(-1, -2)
    s *= attributes.get("scale", 1 / math.sqrt(q.shape[3]))
    if mode > 0 and attributes.get("softcap", 0):
        s = attributes["softcap"] * np.tanh(s / attributes["softcap"])
    if mode > 1:
        mask = _mask(inputs, k.shape[2])
        if mask is not None:
            s = np.where(mask, s, -np.inf) if mask.dtype == bool else s + mask.astype(s.dtype)
        s = _restrict(s, _visible(attributes, inputs, q.shape[2], k.shape[2]))
    return s
