"""The steps of multi-head attention: products into heads, rotary, attention, the product behind it, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks
from seqfuse._results import MultiHeadAttentionGrads
from seqfuse.functional._attention_tape import AttentionTape
from seqfuse.functional._multi_head_arguments import SYMBOLS, read, rope_of, shape_of
from seqfuse.functional._product import Product, into_heads, of_heads
from seqfuse.functional._scores import options_of
from seqfuse.functional.attention import attend, gradients, wants_dmask
from seqfuse.functional.rotary import RotaryTape, rotary_backward, rotary_forward

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seqfuse._arrays import Array

_INPUTS = ("query", "key", "value")
_WEIGHTS = ("dWq", "dWk", "dWv", "dWo", "dbq", "dbk", "dbv", "dbo")


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class MultiHeadAttentionTape:
    """What `multi_head_attention_backward` reads; opaque, refers to the inputs, the weights and the mask."""

    _attention: AttentionTape
    _projections: tuple[Product, Product, Product]  # of q, k and v
    _output: Product
    _turns: tuple[RotaryTape, RotaryTape] | None  # of q and k; None without rope
    _reads: tuple[int, int, int]  # which of query, key and value (0, 1, 2) q, k and v were made of

    def __repr__(self) -> str:
        B, Hq, Hk, Tq, Tk, D, Dv = self._attention._shape
        dtype = self._attention._q.dtype
        return f"<MultiHeadAttentionTape B={B} Hq={Hq} Hk={Hk} Tq={Tq} Tk={Tk} D={D} Dv={Dv} {dtype}>"


def forward(
    function: str, given: Mapping[str, Any], rope: Any, options: tuple[Any, ...], keep: bool
) -> tuple[Array, MultiHeadAttentionTape | None]:
    """y, and with `keep` the tape."""
    arrays = read(function, given)
    shape = shape_of(function, arrays)
    dtype = arrays["query"].dtype
    scores = options_of(function, shape, dtype, *options)
    turning = None if rope is None else rope_of(function, rope, shape, dtype, scores)

    kernels, (B, Hq, Hk, Tq, Tk, D, Dv) = _backend.kernels, shape
    of_key = 0 if arrays["key"] is None else 1
    reads = 0, of_key, of_key if arrays["value"] is None else 2
    rows: list[Any] = [None if arrays[name] is None else _arrays.rows(arrays[name]) for name in _INPUTS]
    of_q, of_k, of_v = (into_heads(rows[at], arrays[f"W{to}"], arrays[f"b{to}"]) for at, to in zip(reads, "qkv"))
    # Rows stay where the product put them, (B, T, heads, features); rotary and attention read them there.
    q = of_q.forward(kernels).reshape(B, Tq, Hq, D).swapaxes(1, 2)
    k = of_k.forward(kernels).reshape(B, Tk, Hk, D).swapaxes(1, 2)
    v = of_v.forward(kernels).reshape(B, Tk, Hk, Dv).swapaxes(1, 2)
    turns = None
    if turning is not None:
        cos, sin, interleaved, positions = turning
        q, of_queries = rotary_forward(q, cos, sin, positions=positions, interleaved=interleaved)
        k, of_keys = rotary_forward(k, cos, sin, interleaved=interleaved)
        turns = of_queries, of_keys
    heads = np.empty((B, Tq, Hq, Dv), dtype)
    attended = attend(q, k, v, shape, scores, options[0], heads.swapaxes(1, 2), None, keep)
    of_y = of_heads(heads, arrays["Wo"], arrays["bo"])
    y = of_y.forward(kernels).reshape(B, Tq, arrays["Wo"].shape[2])
    tape = None if attended is None else MultiHeadAttentionTape(attended, (of_q, of_k, of_v), of_y, turns, reads)
    return y, tape


def backward(function: str, tape: Any, dy: Any, need_dx: Any, need_dmask: Any, into: Any) -> MultiHeadAttentionGrads:
    """All gradients."""
    if not isinstance(tape, MultiHeadAttentionTape):
        made = "multi_head_attention_forward"
        raise TypeError(f"{function}: tape must be what {made} returned; got {type(tape).__name__}")
    (need_dx,) = _checks.flags(function, ("need_dx",), (need_dx,))
    attended, of_y = tape._attention, tape._output
    need_dmask = wants_dmask(function, attended, need_dmask)
    kernels, dtype, (B, Hq, Hk, Tq, Tk, D, Dv) = attended._kernels, attended._q.dtype, attended._shape
    gradient = _arrays.numbers(function, "dy", dy, dtype)
    _checks.shape(function, "dy", "(B, Tq, O)", (B, Tq, of_y.W.shape[1]), gradient.shape)
    targets = None if into is None else _targets(function, tape, into)

    dheads = np.empty((B, Tq, Hq, Dv), dtype)
    dWo, dbo = of_y.backward(kernels, _arrays.rows(gradient), dheads.reshape(of_y.x.shape))
    # (B, heads, T, features), whose rows are heads side by side as the products take them
    dq = np.empty((B, Tq, Hq, D), dtype).swapaxes(1, 2)
    dk = np.zeros((B, Tk, Hk, D), dtype).swapaxes(1, 2)
    dv = np.zeros((B, Tk, Hk, Dv), dtype).swapaxes(1, 2)
    dmask = gradients(attended, dheads.swapaxes(1, 2), None, dq, dk, dv, need_dmask)
    if tape._turns is not None:
        dq, dk = (rotary_backward(turn, d) for turn, d in zip(tape._turns, (dq, dk)))

    inputs: list[Any] = [None, None, None]
    of_weights, of_biases, spare = [], [], None
    with np.errstate(over="ignore", invalid="ignore"):  # sums are as silent as the kernels
        for product, d, at in zip(tape._projections, (dq, dk, dv), tape._reads):
            read_before = inputs[at] is not None
            dx = None
            if need_dx:
                dx = spare if read_before and spare is not None else np.empty(product.x.shape, dtype)
            dW, db = product.backward(kernels, d.swapaxes(1, 2).reshape(product.x.shape[0], product.W.shape[1]), dx)
            of_weights.append(dW)
            of_biases.append(db)
            if read_before:
                inputs[at] += dx
                spare = dx
            else:
                inputs[at] = dx
        weights: list[Any] = [*of_weights, dWo, *of_biases, dbo]
        if targets is not None:
            # Added at the end, so that Ctrl-C between the steps leaves `into` as it was.
            for work, d in zip(targets.work, (d for d in weights if d is not None)):
                work += d
            targets.store()
            left = iter(targets.given)
            weights = [None if d is None else next(left) for d in weights]
    dinputs = [None if d is None else d.reshape(B, T, d.shape[1]) for d, T in zip(inputs, (Tq, Tk, Tk))]
    return MultiHeadAttentionGrads._make((*dinputs, *weights, dmask))


def _targets(function: str, tape: MultiHeadAttentionTape, into: Any) -> _arrays.Targets:
    """The arrays of `into`, as far as there are such weights. They are written when all else has been read."""
    products = *tape._projections, tape._output
    shapes = [p.shapes[0] for p in products] + [None if p.b is None else p.shapes[1] for p in products]
    _checks.into(function, _WEIGHTS, into, [name for name, shape in zip(_WEIGHTS, shapes) if shape is None])
    there = [(name, array, SYMBOLS[name[1:]], s) for name, array, s in zip(_WEIGHTS, into, shapes) if s is not None]
    names, given, symbols, needed = zip(*there)
    return _arrays.Targets(function, names, given, symbols, needed, tape._attention._q.dtype, ())
