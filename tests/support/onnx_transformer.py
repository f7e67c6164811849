"""Conversion of ONNX nodes for rotary embeddings and normalization to calls of seqfuse.

    run_node(node, values, module)      run a NodeProto with the values of its inputs by name

`module` is `seqfuse.functional`, `seqfuse.reference`, or any object with their functions. ONNX and seqfuse differ as
follows:

- seqfuse normalizes the last axis, ONNX all axes from `axis` on, which are merged here. Epsilon is always passed,
  because the default is 1e-5 in ONNX. Mean and InvStdDev are computed here.
- The tables of seqfuse are (P, R/2). The tables of ONNX without position_ids are (B, T, R/2), with different angles for
  each row of the batch and each step. They become B*T positions.

All calculations are in float32 or wider, which is what stash_type=1 requires, and are rounded to the dtype of X.
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
    """How to run the nodes of an operator: its attributes with their defaults, and a function."""

    attributes: Attributes
    run: Callable[..., tuple[Array, ...]]  # arguments: module, attributes, and the inputs in the order of ONNX


def run_node(node: Any, values: Mapping[str, Array], module: Any) -> dict[str, Array]:
    """Return the values of the outputs of a node by name. Outputs with an empty name are skipped."""
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
        raise ValueError(f"RotaryEmbedding: {R} features to rotate need {R // 2} angles; got {cos.shape[-1]}")
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
    """Return X as (rows, D), and the axes that were merged into the last one."""
    if attributes["stash_type"] != 1:
        raise NotImplementedError(f"{operator}: stash_type {attributes['stash_type']}")
    axes = tuple(range(attributes["axis"] % X.ndim, X.ndim))
    return X.reshape(-1, math.prod(X.shape[axis] for axis in axes)), axes


def _weights(weights: Array, X: Array, axes: tuple[int, ...]) -> Array:
    """Return weights broadcast to (D,)."""
    return np.broadcast_to(weights, [X.shape[axis] for axis in axes]).reshape(-1)


_NORMALIZATION = {"axis": -1, "epsilon": 1e-5, "stash_type": 1}
OPERATORS = {
    "RotaryEmbedding": Operator({"interleaved": 0, "num_heads": 0, "rotary_embedding_dim": 0}, _rotary_embedding),
    "LayerNormalization": Operator(_NORMALIZATION, _layer_normalization),
    "RMSNormalization": Operator(_NORMALIZATION, _rms_normalization),
}
