"""The steps of multi-head attention: projections to heads, rotary embeddings, attention and the output projection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks
from seqfuse._results import MultiHeadAttentionGrads
from seqfuse.functional._attention_tape import AttentionTape
from seqfuse.functional._multi_head_arguments import SYMBOLS, read_arrays, read_rope, shape_of
from seqfuse.functional._product import Product, product_into_heads, product_of_heads
from seqfuse.functional._scores import score_options
from seqfuse.functional.attention import check_need_dmask, write_attention, write_gradients
from seqfuse.functional.rotary import RotaryTape, rotary_backward, rotary_forward

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seqfuse._arrays import Array

_INPUTS = ("query", "key", "value")
_WEIGHTS = ("dWq", "dWk", "dWv", "dWo", "dbq", "dbk", "dbv", "dbo")


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class MultiHeadAttentionTape:
    """Tape of `multi_head_attention_forward` for its backward function: opaque, keeps references to the arguments."""

    _attention: AttentionTape
    _projections: tuple[Product, Product, Product]  # for q, k and v
    _output: Product
    _rotations: tuple[RotaryTape, RotaryTape] | None  # for q and k; None without rope
    _sources: tuple[int, int, int]  # inputs of q, k and v: 0 for query, 1 for key, 2 for value
    _guards: tuple[object, ...]  # see _arrays.guard

    def __repr__(self) -> str:
        B, Hq, Hk, Tq, Tk, D, Dv = self._attention._shape
        dtype = self._attention._q.dtype
        return f"<MultiHeadAttentionTape B={B} Hq={Hq} Hk={Hk} Tq={Tq} Tk={Tk} D={D} Dv={Dv} {dtype}>"


def forward(
    function: str, given: Mapping[str, Any], rope: Any, options: tuple[Any, ...], keep_tape: bool
) -> tuple[Array, MultiHeadAttentionTape | None]:
    """Return y and, with `keep_tape`, the tape."""
    arrays = read_arrays(function, given)
    shape = shape_of(function, arrays)
    dtype = arrays["query"].dtype
    scores = score_options(function, shape, dtype, *options)
    tables = None if rope is None else read_rope(function, rope, shape, dtype, scores)

    kernels, (B, Hq, Hk, Tq, Tk, D, Dv) = _backend.kernels, shape
    key_source = 0 if arrays["key"] is None else 1
    sources = 0, key_source, key_source if arrays["value"] is None else 2
    rows: list[Any] = [None if arrays[name] is None else _arrays.rows(arrays[name]) for name in _INPUTS]
    q_product, k_product, v_product = (
        product_into_heads(rows[source], arrays[f"W{to}"], arrays[f"b{to}"]) for source, to in zip(sources, "qkv")
    )
    # q, k and v are views of the products (B, T, heads, features). Rotary and attention read them without a copy.
    q = q_product.forward(kernels).reshape(B, Tq, Hq, D).swapaxes(1, 2)
    k = k_product.forward(kernels).reshape(B, Tk, Hk, D).swapaxes(1, 2)
    v = v_product.forward(kernels).reshape(B, Tk, Hk, Dv).swapaxes(1, 2)
    rotations = None
    if tables is not None:
        cos, sin, interleaved, positions = tables
        q, q_rotation = rotary_forward(q, cos, sin, positions=positions, interleaved=interleaved)
        k, k_rotation = rotary_forward(k, cos, sin, interleaved=interleaved)
        rotations = q_rotation, k_rotation
    heads = np.empty((B, Tq, Hq, Dv), dtype)
    attention_tape = write_attention(q, k, v, shape, scores, options[0], heads.swapaxes(1, 2), None, keep_tape)
    y_product = product_of_heads(heads, arrays["Wo"], arrays["bo"])
    y = y_product.forward(kernels).reshape(B, Tq, arrays["Wo"].shape[2])
    tape = (
        None
        if attention_tape is None
        else MultiHeadAttentionTape(
            attention_tape,
            (q_product, k_product, v_product),
            y_product,
            rotations,
            sources,
            _arrays.guard(*(arrays[name] for name in (*_INPUTS, "Wq", "Wk", "Wv", "Wo"))),
        )
    )
    return y, tape


def backward(function: str, tape: Any, dy: Any, need_dx: Any, need_dmask: Any, into: Any) -> MultiHeadAttentionGrads:
    """Return the gradients of all inputs and parameters."""
    if not isinstance(tape, MultiHeadAttentionTape):
        forward_name = "multi_head_attention_forward"
        raise TypeError(f"{function}: tape must come from {forward_name}; got {type(tape).__name__}")
    (need_dx,) = _checks.flags(function, ("need_dx",), (need_dx,))
    attention_tape, y_product = tape._attention, tape._output
    need_dmask = check_need_dmask(function, attention_tape, need_dmask)
    kernels, dtype, (B, Hq, Hk, Tq, Tk, D, Dv) = attention_tape._kernels, attention_tape._q.dtype, attention_tape._shape
    gradient = _arrays.numbers(function, "dy", dy, dtype)
    _checks.shape(function, "dy", "(B, Tq, O)", (B, Tq, y_product.W.shape[1]), gradient.shape)
    targets = None if into is None else _targets(function, tape, into)

    dheads = np.empty((B, Tq, Hq, Dv), dtype)
    dWo, dbo = y_product.backward(kernels, _arrays.rows(gradient), dheads.reshape(y_product.x.shape))
    # (B, heads, T, features): views of arrays with the heads side by side, as the products need them
    dq = np.empty((B, Tq, Hq, D), dtype).swapaxes(1, 2)
    dk = np.zeros((B, Tk, Hk, D), dtype).swapaxes(1, 2)
    dv = np.zeros((B, Tk, Hk, Dv), dtype).swapaxes(1, 2)
    dmask = write_gradients(attention_tape, dheads.swapaxes(1, 2), None, dq, dk, dv, need_dmask)
    if tape._rotations is not None:
        dq, dk = (rotary_backward(rotation, d) for rotation, d in zip(tape._rotations, (dq, dk)))

    inputs: list[Any] = [None, None, None]
    weight_grads, bias_grads, buffer = [], [], None
    with np.errstate(over="ignore", invalid="ignore"):  # the kernels do not warn either
        for product, d, source in zip(tape._projections, (dq, dk, dv), tape._sources):
            has_gradient = inputs[source] is not None
            dx = None
            if need_dx:
                dx = buffer if has_gradient and buffer is not None else np.empty(product.x.shape, dtype)
            dW, db = product.backward(kernels, d.swapaxes(1, 2).reshape(product.x.shape[0], product.W.shape[1]), dx)
            weight_grads.append(dW)
            bias_grads.append(db)
            if has_gradient:
                inputs[source] += dx
                buffer = dx
            else:
                inputs[source] = dx
        weights: list[Any] = [*weight_grads, dWo, *bias_grads, dbo]
        if targets is not None:
            # `into` is changed only at the end, so that Ctrl-C between the steps leaves it unchanged.
            for work, d in zip(targets.work, (d for d in weights if d is not None)):
                work += d
            targets.store()
            given = iter(targets.given)
            weights = [None if d is None else next(given) for d in weights]
    dinputs = [None if d is None else d.reshape(B, T, d.shape[1]) for d, T in zip(inputs, (Tq, Tk, Tk))]
    return MultiHeadAttentionGrads._make((*dinputs, *weights, dmask))


def _targets(function: str, tape: MultiHeadAttentionTape, into: Any) -> _arrays.Targets:
    """Check the arrays of `into`, one per gradient of weights and biases that exist.

    They are written after all inputs have been read.
    """
    products = *tape._projections, tape._output
    shapes = [p.shapes[0] for p in products] + [None if p.b is None else p.shapes[1] for p in products]
    _checks.into(function, _WEIGHTS, into, [name for name, shape in zip(_WEIGHTS, shapes) if shape is None])
    present = [(name, array, SYMBOLS[name[1:]], s) for name, array, s in zip(_WEIGHTS, into, shapes) if s is not None]
    names, given, symbols, needed = zip(*present)
    return _arrays.Targets(function, names, given, symbols, needed, tape._attention._q.dtype, ())
