"""A Transformer encoder block in the benchmark: self-attention and a feed-forward, each with its sum and its norm."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from seqfuse import functional as F
from seqfuse import reference
from seqfuse.bench.case import Array, Contender, Op, Results, Work

OPS: tuple[Op, ...] = ("block",)
WORKS: tuple[Work, ...] = ("forward", "forward+backward")
WIDER = 4  # the feed-forward by the model
EPSILON = 1e-5  # of the norms, as PyTorch has it


class BlockShape(NamedTuple):
    """Batch rows, positions, features of the model, heads."""

    B: int
    N: int
    E: int
    H: int


SHAPES = (BlockShape(16, 256, 256, 4),)
QUICK_SHAPES = (BlockShape(2, 20, 32, 4),)


class Problem(NamedTuple):
    """Inputs (B, N, E), the gradient of the output, and weights by the names of functional's arguments, all float32."""

    x: Array
    dy: Array
    heads: Mapping[str, Array]  # of multi_head_attention
    inner: tuple[Array, Array]  # of dense: (E, 4E), (4E,)
    outer: tuple[Array, Array]  # (4E, E), (E,)
    norms: tuple[tuple[Array, Array], tuple[Array, Array]]  # gamma and beta, (E,) each
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def kinked(self) -> bool:
        """No slope jumps."""
        return False

    def calls(self, work: Work) -> int:
        """One is like the other."""
        return 1

    def amount(self, work: Work) -> int:
        """Operations of the products: those of dense come twice again in backward, attention's five behind its two."""
        B, N, E = self.x.shape
        dense, attention = 2 * B * N * (4 + 2 * WIDER) * E * E, 4 * B * N * N * E
        return int(3 * dense + attention * 7 // 2 if work == "forward+backward" else dense + attention)

    def expected(self, work: Work) -> Results:
        """What the work comes to, computed by `seqfuse.reference` in float64."""
        wide = Problem(*(_as_float64(part) for part in self[:6]))
        y, tapes = forward(reference, wide)
        return {"y": y, **backward(reference, wide, tapes)} if work == "forward+backward" else {"y": y}


def _as_float64(part: Any) -> Any:
    if isinstance(part, np.ndarray):
        return part.astype(np.float64)
    if isinstance(part, Mapping):
        return {name: _as_float64(a) for name, a in part.items()}
    return tuple(_as_float64(a) for a in part)


def make(op: Op, shape: BlockShape) -> Problem:
    """A problem with normal numbers, the same each time."""
    B, N, E, H = shape
    random = np.random.default_rng(0)

    def normal(*axes: int, of: int) -> Array:
        return random.standard_normal(axes, np.float32) / np.float32(of**0.5)

    D, W = E // H, WIDER * E
    heads = {name: normal(E, H, D, of=E) for name in ("Wq", "Wk", "Wv")} | {"Wo": normal(H, D, E, of=E)}
    heads |= {name: normal(H, D, of=4) for name in ("bq", "bk", "bv")} | {"bo": normal(E, of=4)}
    inner, outer = (normal(E, W, of=E), normal(W, of=4)), (normal(W, E, of=W), normal(E, of=4))
    norms = tuple((1 + normal(E, of=9), normal(E, of=9)) for _ in range(2))
    return Problem(normal(B, N, E, of=1), normal(B, N, E, of=1), heads, inner, outer, (norms[0], norms[1]))


def forward(module: Any, problem: Problem) -> tuple[Array, tuple[Any, ...]]:
    """y and the tapes, in functions of `functional` or `reference`."""
    x, _, heads, inner, outer, norms = problem[:6]
    a, attention = module.multi_head_attention_forward(x, **heads)
    a += x
    h, norm_1 = module.layer_norm_forward(a, *norms[0], epsilon=EPSILON)
    z, dense_1 = module.dense_forward(h, *inner)
    u, gelu = module.gelu_forward(z)
    f, dense_2 = module.dense_forward(u, *outer)
    f += h
    y, norm_2 = module.layer_norm_forward(f, *norms[1], epsilon=EPSILON)
    return y, (attention, norm_1, dense_1, gelu, dense_2, norm_2)


def backward(module: Any, problem: Problem, tapes: tuple[Any, ...]) -> Results:
    """The gradients, by name, from the last line of `forward` to its first."""
    attention, norm_1, dense_1, gelu, dense_2, norm_2 = tapes
    df, dgamma_2, dbeta_2 = module.layer_norm_backward(norm_2, problem.dy)
    du, dW_2, db_2 = module.dense_backward(dense_2, df)
    dz = module.gelu_backward(gelu, du)
    dh, dW_1, db_1 = module.dense_backward(dense_1, dz)
    dh += df
    da, dgamma_1, dbeta_1 = module.layer_norm_backward(norm_1, dh)
    of_heads = module.multi_head_attention_backward(attention, da)
    dx = of_heads.dquery
    dx += da
    return {
        "dx": dx, "dW_1": dW_1, "db_1": db_1, "dW_2": dW_2, "db_2": db_2, "dgamma_1": dgamma_1, "dbeta_1": dbeta_1,
        "dgamma_2": dgamma_2, "dbeta_2": dbeta_2, "dWq": of_heads.dWq, "dWo": of_heads.dWo, "dbv": of_heads.dbv,
    }  # fmt: skip


def contenders(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Ours, and PyTorch with so many threads."""
    return [seqfuse(problem, work)] + ([pytorch(problem, work, threads)] if "pytorch" in peers else [])


def seqfuse(problem: Problem, work: Work) -> Contender:
    """Ours, composed of functions of `functional`, residual sums in NumPy."""
    if work == "forward":
        return Contender("seqfuse", problem, lambda: forward(F, problem)[0], lambda y: {"y": y})

    def train() -> Any:
        y, tapes = forward(F, problem)
        return {"y": y, **backward(F, problem, tapes)}

    return Contender("seqfuse", problem, train, lambda results: results)


def pytorch(problem: Problem, work: Work, threads: int) -> Contender:
    """`torch.nn.TransformerEncoderLayer` with the same weights; evaluated for forward, which has a path of its own."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(threads)
    E, heads = problem.x.shape[2], problem.heads["Wq"].shape[1]
    options = {"dropout": 0.0, "activation": "gelu", "layer_norm_eps": EPSILON, "batch_first": True}
    layer = torch.nn.TransformerEncoderLayer(E, heads, WIDER * E, **options)
    _load(torch, layer, problem)
    x, dy = torch.from_numpy(problem.x), torch.from_numpy(problem.dy)
    if work == "forward":
        layer.eval()

        def evaluate() -> Any:
            with torch.no_grad():
                return layer(x)

        return Contender("pytorch", problem, evaluate, lambda y: {"y": y.numpy()})
    x.requires_grad_()

    def train() -> Any:
        layer.zero_grad(set_to_none=True)
        x.grad = None
        y = layer(x)
        y.backward(dy)
        return y

    def read(y: Any) -> Results:
        grads = {name: p.grad.numpy() for name, p in layer.named_parameters()}
        D = E // heads
        of_q, _, _ = np.split(grads["self_attn.in_proj_weight"], 3)
        return {
            "y": y.detach().numpy(),
            "dx": x.grad.numpy(),
            "dW_1": grads["linear1.weight"].T,
            "db_1": grads["linear1.bias"],
            "dW_2": grads["linear2.weight"].T,
            "db_2": grads["linear2.bias"],
            "dgamma_1": grads["norm1.weight"],
            "dbeta_1": grads["norm1.bias"],
            "dgamma_2": grads["norm2.weight"],
            "dbeta_2": grads["norm2.bias"],
            "dWq": of_q.T.reshape(E, heads, D),
            "dWo": grads["self_attn.out_proj.weight"].T.reshape(heads, D, E),
            "dbv": grads["self_attn.in_proj_bias"][2 * E :].reshape(heads, D),
        }

    return Contender("pytorch", problem, train, read)


def _load(torch: Any, layer: Any, problem: Problem) -> None:
    """The problem's weights, in PyTorch's shapes."""
    E, heads = problem.x.shape[2], problem.heads
    projections = [heads[f"W{to}"].reshape(E, E).T for to in "qkv"]
    values = {
        "self_attn.in_proj_weight": np.concatenate(projections),
        "self_attn.in_proj_bias": np.concatenate([heads[f"b{to}"].reshape(E) for to in "qkv"]),
        "self_attn.out_proj.weight": heads["Wo"].reshape(E, E).T,
        "self_attn.out_proj.bias": heads["bo"],
        "linear1.weight": problem.inner[0].T,
        "linear1.bias": problem.inner[1],
        "linear2.weight": problem.outer[0].T,
        "linear2.bias": problem.outer[1],
        "norm1.weight": problem.norms[0][0],
        "norm1.bias": problem.norms[0][1],
        "norm2.weight": problem.norms[1][0],
        "norm2.bias": problem.norms[1][1],
    }
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(values[name])))
