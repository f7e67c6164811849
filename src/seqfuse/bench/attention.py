"""Benchmark of self-attention over N positions: full or causal, forward, and forward with backward."""

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
BLOCK = 512  # queries per call of the reference, which keeps all scores: 67 MB per head for N = 16,384


class AttentionShape(NamedTuple):
    """Batch size B, number of heads H, positions N, features per head D."""

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
LONG = AttentionShape(1, 1, 65536, 64)  # the matrix of scores would take 17 GB


def causal(work: Work) -> bool:
    """Return whether position i attends only to positions 0..i."""
    return work.startswith("causal")


def trains(work: Work) -> bool:
    """Return whether gradients are computed."""
    return work.endswith("+backward")


def flops(work: Work, shape: AttentionShape) -> int:
    """Return the floating-point operations of the matrix products; a multiply-add counts as two.

    Forward has two products, q k^T and p v, with 2 B H (D + D) operations per pair of positions. There are N * N pairs,
    or N * (N + 1) / 2 with a causal mask. Backward has five such products: the scores once more, dp, dq, dk and dv.

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
    """Queries, keys, values and the gradient of the output, each float32 (B, H, N, D)."""

    q: Array
    k: Array
    v: Array
    dy: Array
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def kinked(self) -> bool:
        """False: no function in it has a kink."""
        return False

    def calls(self, work: Work) -> int:
        """Return 1: all calls are equal."""
        return 1

    def amount(self, work: Work) -> int:
        """Return the floating-point operations of the matrix products."""
        return flops(work, AttentionShape(*self.q.shape))

    def expected(self, work: Work) -> Results:
        """Return the results, computed by `seqfuse.reference` in float64.

        The reference keeps all scores in memory, so it is called with BLOCK queries at a time. With a causal mask these
        are the last BLOCK positions of the keys that they can attend to.
        """
        q, k, v, dy = (a.astype(np.float64) for a in self[:4])
        aligned: str | bool = "bottom_right" if causal(work) else False
        y, dq, dk, dv = (np.zeros_like(a) for a in (q, q, k, v))
        for begin in range(0, q.shape[2], BLOCK):
            rows = slice(begin, begin + BLOCK)
            keys = slice(0, begin + BLOCK if causal(work) else None)
            arguments = q[:, :, rows], k[:, :, keys], v[:, :, keys]
            if not trains(work):
                y[:, :, rows] = reference.attention(*arguments, causal=aligned)
                continue
            y[:, :, rows], tape = reference.attention_forward(*arguments, causal=aligned)
            grads = reference.attention_backward(tape, dy[:, :, rows])
            dq[:, :, rows] = grads.dq
            dk[:, :, keys] += grads.dk
            dv[:, :, keys] += grads.dv
        return {"y": y, "dq": dq, "dk": dk, "dv": dv} if trains(work) else {"y": y}


def make(op: Op, shape: AttentionShape) -> Problem:
    """Return inputs with standard normal entries. They are the same in every call."""
    random = np.random.default_rng(0)
    q, k, v, dy = (random.standard_normal(tuple(shape), np.float32) for _ in range(4))
    return Problem(q, k, v, dy)


def contenders(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Return seqfuse, and PyTorch if it takes part."""
    return [seqfuse(problem, work)] + ([pytorch(problem, work, threads)] if "pytorch" in peers else [])


def seqfuse(problem: Problem, work: Work) -> Contender:
    """Return the contender of seqfuse."""
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
    """Return the contender that calls PyTorch's `scaled_dot_product_attention`."""
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
