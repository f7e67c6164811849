"""ONNX's other nodes of a transformer as calls of seqfuse: rotary positions and normalisation, in our shapes.

    run_node(node, values, module)      a NodeProto, and the values of its inputs by name

`module` is `seqfuse.functional`, `seqfuse.reference`, or anything with their functions. Where the two meet:

- Ours normalise the last axis, ONNX's all axes from `axis` on, which are made one. Epsilon is always said: its default
  is 1e-5 with ONNX, Keras's with us. Mean and InvStdDev are made here; ours keep them for the backward.
- Our tables of angles are (P, R/2). ONNX's without position_ids, (B, T, R/2), have angles of their own for each batch
  row and step, which become B*T positions.

All in float32 or wider, which is what stash_type=1 asks for, and rounded to the type of X at the end.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from support.onnx_cases import attributes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seqfuse._cells import Array

    Attributes = Mapping[str, Any]


class Operator(NamedTuple):
    """How an operator's nodes are run: the attributes that it may have with their defaults, and a function."""

    attributes: Attributes
    run: Callable[..., tuple[Array, ...]]  # of the module, the attributes, and the inputs in ONNX's order


def run_node(node: Any, values: Mapping[str, Array], module: Any) -> dict[str, Array]:
    """The values of a node's outputs by name; those named '' are left out."""
    if node.op_type not in OPERATORS:
        raise NotImplementedError(node.op_type)
    defaults, run = OPERATORS[node.op_type]
    attributes = attributes_of(node)
    if unknown := set(attributes) - set(defaults):
        raise NotImplementedError(f"{node.op_type}: attributes {sorted(unknown)}")
    inputs = [values[name] if name else None for name in node.input]
    outputs = run(module, {**defaults, **attributes}, *inputs)
    return {name: value for name, value in zip(node.output, outputs) if name}


def _rotary_embedding(
    module: Any, attributes: Attributes, X: Array, cos: Array, sin: Array, position_ids: Array | None = None
) -> tuple[Array]:
    x = X if X.ndim == 4 else X.reshape(*X.shape[:2], attributes["num_heads"], -1).swapaxes(1, 2)
    R = attributes["rotary_embedding_dim"] or x.shape[3]
    if 2 * cos.shape[-1] != R:
        raise ValueError(f"RotaryEmbedding: {R} features to turn need {R // 2} angles; got {cos.shape[-1]}")
    if position_ids is None:
        position_ids = np.arange(math.prod(cos.shape[:2])).reshape(cos.shape[:2])
        cos, sin = (table.reshape(-1, table.shape[2]) for table in (cos, sin))
    y = module.rotary(x, cos, sin, positions=position_ids, interleaved=bool(attributes["interleaved"]))
    return ((y if X.ndim == 4 else y.swapaxes(1, 2).reshape(X.shape)).astype(X.dtype),)


def _layer_normalization(
    module: Any, attributes: Attributes, X: Array, scale: Array, bias: Array | None = None
) -> tuple[Array, Array, Array]:
    rows, axes = _rows("LayerNormalization", attributes, X)
    weights = [None if w is None else _weights(w, X, axes) for w in (scale, bias)]
    y = module.layer_norm(rows, *weights, epsilon=attributes["epsilon"]).reshape(X.shape)
    x = X.astype(y.dtype)
    deviation = np.sqrt(x.var(axis=axes, keepdims=True) + attributes["epsilon"])
    return y.astype(X.dtype), x.mean(axis=axes, keepdims=True), 1 / deviation


def _rms_normalization(module: Any, attributes: Attributes, X: Array, scale: Array) -> tuple[Array]:
    rows, axes = _rows("RMSNormalization", attributes, X)
    return (
        module.rms_norm(rows, _weights(scale, X, axes), epsilon=attributes["epsilon"]).reshape(X.shape).astype(X.dtype),
    )


def _rows(operator: str, attributes: Attributes, X: Array) -> tuple[Array, tuple[int, ...]]:
    """X as (rows, D), and the axes that became the last one."""
    if attributes["stash_type"] != 1:
        raise NotImplementedError(f"{operator}: stash_type {attributes['stash_type']}")
    axes = tuple(range(attributes["axis"] % X.ndim, X.ndim))
    return X.reshape(-1, math.prod(X.shape[axis] for axis in axes)), axes


def _weights(weights: Array, X: Array, axes: tuple[int, ...]) -> Array:
    """(D,)"""
    return np.broadcast_to(weights, [X.shape[axis] for axis in axes]).reshape(-1)


_NORMALIZATION = {"axis": -1, "epsilon": 1e-5, "stash_type": 1}
OPERATORS = {
    "RotaryEmbedding": Operator({"interleaved": 0, "num_heads": 0, "rotary_embedding_dim": 0}, _rotary_embedding),
    "LayerNormalization": Operator(_NORMALIZATION, _layer_normalization),
    "RMSNormalization": Operator(_NORMALIZATION, _rms_normalization),
}
