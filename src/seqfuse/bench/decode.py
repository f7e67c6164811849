"""Benchmark of decoding: one query per row against a cache of Tk keys and values, limited by reading them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from seqfuse import functional as F
from seqfuse import reference
from seqfuse.bench.case import Array, Contender, Op, Results, Work

OPS: tuple[Op, ...] = ("decode",)
WORKS: tuple[Work, ...] = ("step",)


class DecodeShape(NamedTuple):
    """Batch size B, heads of queries Hq, heads of keys and values Hk, cached keys Tk, features per head D."""

    B: int
    Hq: int
    Hk: int
    Tk: int
    D: int


# Keys and values take 2 MB, which may fit into the cache of a core, to 537 MB, which fit into none.
SHAPES = tuple(DecodeShape(B, Hq, 8, Tk, 64) for Hq in (8, 32) for B in (1, 8) for Tk in (512, 4096, 16384))
QUICK_SHAPES = (DecodeShape(1, 4, 2, 100, 32),)


class Problem(NamedTuple):
    """One query per row, (B, Hq, 1, D), and the cached keys and values, (B, Hk, Tk, D) each, float32."""

    q: Array
    k: Array
    v: Array
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def kinked(self) -> bool:
        """False: no function in it has a kink."""
        return False

    def calls(self, work: Work) -> int:
        """Return 1: a query does not change the cache."""
        return 1

    def amount(self, work: Work) -> int:
        """Return the bytes of keys and values. The queries of a group share them."""
        return self.k.nbytes + self.v.nbytes

    def expected(self, work: Work) -> Results:
        """Return the results, computed by `seqfuse.reference` in float64, row by row to save memory."""
        rows = zip(*(np.split(a, len(a)) for a in (self.q, self.k, self.v)))
        return {"y": np.concatenate([reference.attention(*(a.astype(np.float64) for a in row)) for row in rows])}


def make(op: Op, shape: DecodeShape) -> Problem:
    """Return inputs with standard normal entries. They are the same in every call."""
    B, Hq, Hk, Tk, D = shape
    random = np.random.default_rng(0)
    q, k, v = (random.standard_normal((B, *axes, D), np.float32) for axes in ((Hq, 1), (Hk, Tk), (Hk, Tk)))
    return Problem(q, k, v)


def contenders(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Return seqfuse, and PyTorch if it takes part."""
    return [seqfuse(problem)] + ([pytorch(problem, threads)] if "pytorch" in peers else [])


def seqfuse(problem: Problem) -> Contender:
    """Return the contender of seqfuse, with a filled cache."""
    q, k, v = problem[:3]
    B, heads, Tk, D = k.shape
    cache = F.KVCache(B, heads, D, capacity=Tk)
    cache.append(k, v)
    return Contender("seqfuse", problem, lambda: cache.attend(q), lambda y: {"y": y})


def pytorch(problem: Problem, threads: int) -> Contender:
    """Return the contender that calls PyTorch's `scaled_dot_product_attention` with contiguous keys and values."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(threads)
    q, k, v = (torch.from_numpy(a) for a in problem[:3])
    grouped = q.shape[1] != k.shape[1]

    def step() -> Any:
        with torch.no_grad():
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=grouped)

    return Contender("pytorch", problem, step, lambda y: {"y": y.numpy()})
