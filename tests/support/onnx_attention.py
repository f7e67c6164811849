"""ONNX's node Attention (opset 23 to 25) as a call of seqfuse: its attributes and inputs in our options.

    run_node(node, values, module)          a NodeProto, and the values of its inputs by name
    call(attributes, inputs, module)        the same, taken apart: attributes and inputs by ONNX's names

`module` is `seqfuse.functional`, `seqfuse.reference`, or anything with their function `attention`, which is given the
options that the node asks for and no other. Where the two meet:

- A query's position is i + past with past keys, i + nonpad_kv_seqlen[b] - Tq with those, else i. The last two are our
  "bottom_right" with lengths and our "top_left"; past keys are "bottom_right" when there are as many new keys as
  queries. Otherwise, and for a window without causal that is not aligned top left, the positions become a mask.
- softmax_precision: float64 where it says so, never less than float32. What is narrower is rounded at the end.
- qk_matmul_output is a matrix that attention never holds. It is made here from the definitions; the weights, which are
  y where the values are the columns of a unit matrix, by `attention`.
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
DOUBLE = 11  # a softmax_precision, of TensorProto.DataType
WEIGHTS = 3  # a qk_matmul_output_mode: after the softmax; 0 to 2 are scores before it


class Outputs(NamedTuple):
    """What a node gives.

    Attributes
    ----------
    Y : (B, Hq, Tq, Dv), or (B, Tq, Hq*Dv) where Q has three axes
    present_key, present_value : (B, Hk, Tk, D), (B, Hk, Tk, Dv), those of the past and the new ones
    qk_matmul_output : (B, Hq, Tq, Tk), what qk_matmul_output_mode says; None where it is not wanted
    """

    Y: Array
    present_key: Array
    present_value: Array
    qk_matmul_output: Array | None


def run_node(node: Any, values: Mapping[str, Array], module: Any) -> dict[str, Array]:
    """The values of a node's outputs by name; inputs and outputs named '' are left out."""
    if node.op_type != "Attention":
        raise NotImplementedError(node.op_type)
    inputs = {slot: values[name] for slot, name in zip(INPUTS, node.input) if name}
    outputs = call(attributes_of(node), inputs, module, scores=len(node.output) > 3 and bool(node.output[3]))
    return {name: value for name, value in zip(node.output, outputs) if name and value is not None}


def call(attributes: Mapping[str, Any], inputs: Mapping[str, Array], module: Any, *, scores: bool = False) -> Outputs:
    """Run `Attention`; `scores` says whether qk_matmul_output is wanted."""
    if unknown := set(attributes) - ATTRIBUTES:
        raise NotImplementedError(f"Attention: attributes {sorted(unknown)}")
    if "nonpad_kv_seqlen" in inputs and "past_key" in inputs:
        raise NotImplementedError("Attention: nonpad_kv_seqlen with past_key")
    heads = [attributes.get(name) for name in ("q_num_heads", "kv_num_heads", "kv_num_heads")]
    q, k, v = (_apart(inputs[name], n) for name, n in zip("QKV", heads))
    if "past_key" in inputs:
        k, v = (np.concatenate([inputs[past], new], axis=2) for past, new in (("past_key", k), ("past_value", v)))
    options = attention_options(attributes, inputs, q.shape[2], k.shape[2])
    wide = [a.astype(np.float64) if attributes.get("softmax_precision") == DOUBLE else a for a in (q, k, v)]
    y, qk = module.attention(*wide, **options), None
    if inputs["Q"].ndim == 3:
        y = y.swapaxes(1, 2).reshape(*inputs["Q"].shape[:2], -1)
    if scores and attributes.get("qk_matmul_output_mode", 0) == WEIGHTS:
        unit = np.eye(k.shape[2], dtype=y.dtype)
        qk = module.attention(*wide[:2], np.broadcast_to(unit, (*k.shape[:2], *unit.shape)), **options)
    elif scores:
        qk = _scores(attributes, inputs, *(a.astype(y.dtype) for a in wide[:2]))
    return Outputs(y.astype(q.dtype), k, v, None if qk is None else qk.astype(q.dtype))


def attention_options(attributes: Mapping[str, Any], inputs: Mapping[str, Array], Tq: int, Tk: int) -> dict[str, Any]:
    """Our options, for Tq queries and Tk keys, those of the past among them."""
    causal, left, right = _limits(attributes)
    cached = bool({"past_key", "nonpad_kv_seqlen"} & set(inputs))
    aligned = "past_key" not in inputs or Tk - inputs["past_key"].shape[2] == Tq
    mask = _mask(inputs, Tk)
    options: dict[str, Any] = {}
    if aligned if causal else not cached and Tq == Tk:  # our options say it
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
    """is_causal, and our window."""
    sides = (attributes.get(f"{side}_window_size", -1) for side in ("left", "right"))
    return bool(attributes.get("is_causal", 0)), *(None if n < 0 else n for n in sides)


def _apart(x: Array, heads: int | None) -> Array:
    """(B, H, T, D) of (B, T, H*D); with four axes it is that already."""
    if x.ndim == 4:
        return x
    assert heads is not None
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _mask(inputs: Mapping[str, Array], Tk: int) -> Array | None:
    """attn_mask with at least two axes, keys that it is too short for excluded; None where there is none."""
    if "attn_mask" not in inputs:
        return None
    mask = np.atleast_2d(inputs["attn_mask"])
    widths = [(0, 0)] * (mask.ndim - 1) + [(0, Tk - mask.shape[-1])]
    return np.pad(mask, widths, constant_values=_excluded(mask.dtype))


def _visible(attributes: Mapping[str, Any], inputs: Mapping[str, Array], Tq: int, Tk: int) -> Array:
    """(B, 1, Tq, Tk), or 1 for B: keys that is_causal, the window and nonpad_kv_seqlen leave to each query, no mask."""
    keys, positions = np.arange(Tk), np.arange(Tq)[:, None]
    lengths = inputs.get("nonpad_kv_seqlen", np.array(Tk)).reshape(-1, 1, 1, 1)
    if "nonpad_kv_seqlen" in inputs:
        positions = positions + lengths - Tq
    elif "past_key" in inputs:
        positions = positions + inputs["past_key"].shape[2]
    ahead, visible = keys - positions, keys < lengths
    causal, left, right = _limits(attributes)
    visible = visible & (ahead <= 0) if causal else visible
    visible = visible & (ahead >= -left) if left is not None else visible
    return visible & (ahead <= right) if right is not None else visible


def _restrict(mask: Array, visible: Array) -> Array:
    return np.where(visible, mask, _excluded(mask.dtype))


def _excluded(dtype: np.dtype[Any]) -> Any:
    return dtype.type(False if dtype.kind == "b" else -np.inf)


def _scores(attributes: Mapping[str, Any], inputs: Mapping[str, Array], q: Array, k: Array) -> Array:
    """(B, Hq, Tq, Tk) before the softmax, at the place that qk_matmul_output_mode names."""
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
