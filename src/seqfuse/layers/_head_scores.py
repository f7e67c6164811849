"""Multi-head attention that also returns the attention weights, composed of dense layers and attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from seqfuse import functional as F
from seqfuse.layers._base_attention import add_gradients, identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array


class HeadScoresTape(NamedTuple):
    """Tape of `forward`."""

    products: list[Any]  # tapes of the products with the kernels of query, key, value and output
    y: Any  # tape of the attention
    weights: Any  # tape of the attention with identity matrices as values, without dropout
    shape: tuple[int, ...]  # (B, H, Tq, Dv)


def forward(
    query: Array, key: Array, value: Array, weights: Sequence[Array], options: dict[str, Any]
) -> tuple[Array, Array, HeadScoresTape]:
    """Return y, the attention weights (B, H, Tq, Tk) before dropout, and the tape.

    `weights` contains the four kernels, then the four biases if there are any.
    """
    kernels, biases = weights[:4], weights[4:] or (None,) * 4
    heads, products = [], []
    for x, W, b in zip((query, key, value), kernels, biases):
        a, tape = F.dense_forward(x, W.reshape(W.shape[0], -1), None if b is None else b.reshape(-1))
        heads.append(a.reshape(*a.shape[:2], *W.shape[1:]).swapaxes(1, 2))
        products.append(tape)
    q, k, v = heads
    attended, y_tape = F.attention_forward(q, k, v, **options)
    without_dropout = {name: option for name, option in options.items() if name not in ("dropout", "seed")}
    scores, weights_tape = F.attention_forward(q, k, identity(k), **without_dropout)
    y, tape = F.dense_forward(_concatenate_heads(attended), kernels[3].reshape(-1, kernels[3].shape[2]), biases[3])
    return y, scores, HeadScoresTape([*products, tape], y_tape, weights_tape, attended.shape)


def backward(
    tape: HeadScoresTape, dy: Array | None, dscores: Array | None, *, need_dx: bool, into: Sequence[Array | None]
) -> list[Array | None]:
    """Return dquery, dkey and dvalue; accumulate the gradients of kernels, then of biases, into `into`."""
    dheads: list[Any] = [None] * 3
    if dy is not None:
        grads = F.dense_backward(tape.products[3], dy)
        _accumulate(into, 3, grads)
        B, H, Tq, Dv = tape.shape
        dattended = grads.dx.reshape(B, Tq, H, Dv).swapaxes(1, 2)
        dheads = list(F.attention_backward(tape.y, dattended)[:3])
    if dscores is not None:
        dq, dk, *_ = F.attention_backward(tape.weights, dscores)
        dheads[:2] = add_gradients(dheads[0], dq), add_gradients(dheads[1], dk)
    inputs: list[Array | None] = []
    for i, d in enumerate(dheads):
        if d is None:
            inputs.append(None)
            continue
        grads = F.dense_backward(tape.products[i], _concatenate_heads(d), need_dx=need_dx)
        _accumulate(into, i, grads)
        inputs.append(grads.dx)
    return inputs


def _concatenate_heads(heads: Array) -> Array:
    """Return heads (B, H, T, D) as (B, T, H*D)."""
    B, H, T, D = heads.shape
    return heads.swapaxes(1, 2).reshape(B, T, H * D)


def _accumulate(into: Sequence[Array | None], i: int, grads: Any) -> None:
    """Add the gradients of kernel and bias i to the arrays of `into`."""
    for target, d in ((into[i], grads.dW), (into[4 + i], grads.db)):
        if target is not None:
            target += d.reshape(target.shape)
