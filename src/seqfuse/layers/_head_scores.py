"""Multi-head attention that gives the weights of attention too: its steps one by one, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from seqfuse import functional as F
from seqfuse.layers._base_attention import identity, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array


class HeadScoresTape(NamedTuple):
    """What `backward` reads."""

    products: list[Any]  # tapes of the products of query, key, value and of the output
    y: Any  # of attention
    weights: Any  # of the same with an identity for values, without dropout
    shape: tuple[int, ...]  # (B, H, Tq, Dv)


def forward(
    query: Array, key: Array, value: Array, weights: Sequence[Array], options: dict[str, Any]
) -> tuple[Array, Array, HeadScoresTape]:
    """y, the weights of attention (B, H, Tq, Tk) before dropout, and the tape; `weights`: kernels, then biases."""
    kernels, biases = weights[:4], weights[4:] or (None,) * 4
    heads, products = [], []
    for x, W, b in zip((query, key, value), kernels, biases):
        a, tape = F.dense_forward(x, W.reshape(W.shape[0], -1), None if b is None else b.reshape(-1))
        heads.append(a.reshape(*a.shape[:2], *W.shape[1:]).swapaxes(1, 2))
        products.append(tape)
    q, k, v = heads
    attended, of_y = F.attention_forward(q, k, v, **options)
    whole = {name: option for name, option in options.items() if name not in ("dropout", "seed")}
    scores, of_weights = F.attention_forward(q, k, identity(k), **whole)
    y, tape = F.dense_forward(_side_by_side(attended), kernels[3].reshape(-1, kernels[3].shape[2]), biases[3])
    return y, scores, HeadScoresTape([*products, tape], of_y, of_weights, attended.shape)


def backward(
    tape: HeadScoresTape, dy: Array | None, dscores: Array | None, *, need_dx: bool, into: Sequence[Array | None]
) -> list[Array | None]:
    """dquery, dkey and dvalue; `into`: gradients of kernels, then of biases, to which theirs are added."""
    dheads: list[Any] = [None] * 3
    if dy is not None:
        grads = F.dense_backward(tape.products[3], dy)
        _add(into, 3, grads)
        B, H, Tq, Dv = tape.shape
        of_heads = grads.dx.reshape(B, Tq, H, Dv).swapaxes(1, 2)
        dheads = list(F.attention_backward(tape.y, of_heads)[:3])
    if dscores is not None:
        dq, dk, *_ = F.attention_backward(tape.weights, dscores)
        dheads[:2] = total(dheads[0], dq), total(dheads[1], dk)
    inputs: list[Array | None] = []
    for i, d in enumerate(dheads):
        if d is None:
            inputs.append(None)
            continue
        grads = F.dense_backward(tape.products[i], _side_by_side(d), need_dx=need_dx)
        _add(into, i, grads)
        inputs.append(grads.dx)
    return inputs


def _side_by_side(heads: Array) -> Array:
    """(B, T, H*D), from (B, H, T, D)."""
    B, H, T, D = heads.shape
    return heads.swapaxes(1, 2).reshape(B, T, H * D)


def _add(into: Sequence[Array | None], i: int, grads: Any) -> None:
    for target, d in ((into[i], grads.dW), (into[4 + i], grads.db)):
        if target is not None:
            target += d.reshape(target.shape)
