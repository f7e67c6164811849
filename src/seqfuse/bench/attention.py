"""Attention in the benchmark: self-attention over N positions, whole or causal, forward and with backward."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from seqfuse import functional as F
from seqfuse import reference
from seqfuse.bench.case import Array, Contender, Op, Results, Work

OPS: tuple[Op, ...] = ("attention",)
WORKS: tuple[Work, ...] = ("forward", "causal", "forward+backward", "causal+backward")
BLOCK = 512  # queries that are given to the reference at once: at N = 16,384 their scores take 67 MB a head


class AttentionShape(NamedTuple):
    """Batch rows, heads, positions, features of a head."""

    B: int
    H: int
    N: int
    D: int


SHAPES = (
    AttentionShape(16, 8, 64, 64),
    AttentionShape(8, 8, 256, 64),
    AttentionShape(4, 8, 512, 32),
    AttentionShape(4, 8, 512, 64),
    AttentionShape(2, 8, 512, 128),
    AttentionShape(1, 8, 2048, 64),
    AttentionShape(1, 4, 4096, 64),
    AttentionShape(1, 2, 16384, 64),
)
QUICK_SHAPES = (AttentionShape(2, 2, 64, 32), AttentionShape(1, 2, 200, 64))
LONG = AttentionShape(1, 1, 65536, 64)  # its scores would take 17 GB


def causal(work: Work) -> bool:
    """Whether position i sees those up to i alone."""
    return work.startswith("causal")


def trains(work: Work) -> bool:
    """Whether gradients are wanted."""
    return work.endswith("+backward")


def flops(work: Work, shape: AttentionShape) -> int:
    """Floating-point operations of the products with k, v, dy and ds, a multiply-add counted as two.

    forward: q k^T and p v, 2 B H (D + D) for each of the N N pairs, or of the N (N + 1) / 2 that a causal mask leaves;
    backward: the scores again, dp, dq, dk and dv: five products where forward has two.

    Examples
    --------
    >>> flops("forward", AttentionShape(4, 8, 512, 64))
    2147483648
    """
    B, H, N, D = shape
    pairs = N * (N + 1) // 2 if causal(work) else N * N
    forward = 2 * B * H * pairs * (D + D)
    return forward * 7 // 2 if trains(work) else forward


class Problem(NamedTuple):
    """Queries, keys, values and the gradient of the output, (B, H, N, D) each, float32."""

    q: Array
    k: Array
    v: Array
    dy: Array
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def kinked(self) -> bool:
        """No slope jumps."""
        return False

    def calls(self, work: Work) -> int:
        """One is like the other."""
        return 1

    def amount(self, work: Work) -> int:
        """Operations of the products."""
        return flops(work, AttentionShape(*self.q.shape))

    def expected(self, work: Work) -> Results:
        """What the work comes to, computed by `seqfuse.reference` in float64.

        The reference holds all scores, so it is given some queries at a time; under a causal mask they are the last
        of those that its keys have.
        """
        q, k, v, dy = (a.astype(np.float64) for a in self[:4])
        aligned: str | bool = "bottom_right" if causal(work) else False
        y, dq, dk, dv = (np.zeros_like(a) for a in (q, q, k, v))
        for begin in range(0, q.shape[2], BLOCK):
            rows = slice(begin, begin + BLOCK)
            seen = slice(0, begin + BLOCK if causal(work) else None)
            given = q[:, :, rows], k[:, :, seen], v[:, :, seen]
            if not trains(work):
                y[:, :, rows] = reference.attention(*given, causal=aligned)
                continue
            y[:, :, rows], tape = reference.attention_forward(*given, causal=aligned)
            grads = reference.attention_backward(tape, dy[:, :, rows])
            dq[:, :, rows] = grads.dq
            dk[:, :, seen] += grads.dk
            dv[:, :, seen] += grads.dv
        return {"y": y, "dq": dq, "dk": dk, "dv": dv} if trains(work) else {"y": y}


def make(op: Op, shape: AttentionShape) -> Problem:
    """A problem with normal numbers, the same each time."""
    random = np.random.default_rng(0)
    q, k, v, dy = (random.standard_normal(tuple(shape), np.float32) for _ in range(4))
    return Problem(q, k, v, dy)


def contenders(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Ours, and PyTorch with so many threads."""
    return [seqfuse(problem, work)] + ([pytorch(problem, work, threads)] if "pytorch" in peers else [])


def seqfuse(problem: Problem, work: Work) -> Contender:
    """Ours, as a user calls it."""
    q, k, v, dy = problem[:4]
    if not trains(work):
        return Contender("seqfuse", problem, lambda: F.attention(q, k, v, causal=causal(work)), lambda y: {"y": y})

    def train() -> Any:
        y, tape = F.attention_forward(q, k, v, causal=causal(work))
        return y, F.attention_backward(tape, dy)

    def read(result: Any) -> Results:
        y, grads = result
        return {"y": y, "dq": grads.dq, "dk": grads.dk, "dv": grads.dv}

    return Contender("seqfuse", problem, train, read)


def pytorch(problem: Problem, work: Work, threads: int) -> Contender:
    """The same work of `scaled_dot_product_attention`."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(threads)
    attention = torch.nn.functional.scaled_dot_product_attention
    q, k, v, dy = (torch.from_numpy(a) for a in problem[:4])

    def forward() -> Any:
        with torch.no_grad():
            return attention(q, k, v, is_causal=causal(work))

    def train() -> Any:
        for a in (q, k, v):
            a.grad = None
        y = attention(q, k, v, is_causal=causal(work))
        y.backward(dy)
        return y

    def read(y: Any) -> Results:
        return {"y": y.detach().numpy(), "dq": q.grad.numpy(), "dk": k.grad.numpy(), "dv": v.grad.numpy()}

    if not trains(work):
        return Contender("pytorch", problem, forward, lambda y: {"y": y.numpy()})
    for a in (q, k, v):
        a.requires_grad_()
    return Contender("pytorch", problem, train, read)
