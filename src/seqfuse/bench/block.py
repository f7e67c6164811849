"""Benchmark of a transformer encoder block: self-attention and a feed-forward network, each with residual and norm."""

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
EXPANSION = 4  # features of the feed-forward network relative to those of the model
EPSILON = 1e-5  # of the layer normalization, as in PyTorch


class BlockShape(NamedTuple):
    """Batch size B, positions N, features of the model E, number of heads H."""

    B: int
    N: int
    E: int
    H: int


SHAPES = (BlockShape(16, 256, 256, 4),)
QUICK_SHAPES = (BlockShape(2, 20, 32, 4),)


class Problem(NamedTuple):
    """Inputs and weights, all float32.

    Attributes
    ----------
    x, dy : ndarray, shape (B, N, E)
        Inputs, and the gradient of the output.
    heads : dict of str to ndarray
        Weights of `multi_head_attention`, by the names of its arguments.
    inner, outer : tuple of ndarray
        Weights and biases of the feed-forward network: (E, 4E) and (4E,), (4E, E) and (E,).
    norms : tuple of tuple of ndarray
        gamma and beta (E,) of the two layer normalizations.
    options : dict
        Empty.
    """

    x: Array
    dy: Array
    heads: Mapping[str, Array]
    inner: tuple[Array, Array]
    outer: tuple[Array, Array]
    norms: tuple[tuple[Array, Array], tuple[Array, Array]]
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def kinked(self) -> bool:
        """False: no function in it has a kink."""
        return False

    def calls(self, work: Work) -> int:
        """Return 1: all calls are equal."""
        return 1

    def amount(self, work: Work) -> int:
        """Return the operations of the products. Backward doubles those of dense, and has 5/2 of those of attention."""
        B, N, E = self.x.shape
        dense, attention = 2 * B * N * (4 + 2 * EXPANSION) * E * E, 4 * B * N * N * E
        return int(3 * dense + attention * 7 // 2 if work == "forward+backward" else dense + attention)

    def expected(self, work: Work) -> Results:
        """Return the results, computed by `seqfuse.reference` in float64."""
        float64 = Problem(*(_as_float64(part) for part in self[:6]))
        y, tapes = forward(reference, float64)
        return {"y": y, **backward(reference, float64, tapes)} if work == "forward+backward" else {"y": y}


def _as_float64(part: Any) -> Any:
    """Convert an array, or a dict or tuple of arrays, to float64."""
    if isinstance(part, np.ndarray):
        return part.astype(np.float64)
    if isinstance(part, Mapping):
        return {name: _as_float64(a) for name, a in part.items()}
    return tuple(_as_float64(a) for a in part)


def make(op: Op, shape: BlockShape) -> Problem:
    """Return inputs and weights with normal entries. They are the same in every call."""
    B, N, E, H = shape
    random = np.random.default_rng(0)

    def normal(*axes: int, fan_in: int) -> Array:
        return random.standard_normal(axes, np.float32) / np.float32(fan_in**0.5)

    D, W = E // H, EXPANSION * E
    heads = {name: normal(E, H, D, fan_in=E) for name in ("Wq", "Wk", "Wv")} | {"Wo": normal(H, D, E, fan_in=E)}
    heads |= {name: normal(H, D, fan_in=4) for name in ("bq", "bk", "bv")} | {"bo": normal(E, fan_in=4)}
    inner, outer = (normal(E, W, fan_in=E), normal(W, fan_in=4)), (normal(W, E, fan_in=W), normal(E, fan_in=4))
    norms = tuple((1 + normal(E, fan_in=9), normal(E, fan_in=9)) for _ in range(2))
    return Problem(normal(B, N, E, fan_in=1), normal(B, N, E, fan_in=1), heads, inner, outer, (norms[0], norms[1]))


def forward(module: Any, problem: Problem) -> tuple[Array, tuple[Any, ...]]:
    """Run the block with the functions of a module, `functional` or `reference`. Return y and the tapes."""
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
    """Differentiate the lines of `forward` in reverse order. Return the gradients by name."""
    attention, norm_1, dense_1, gelu, dense_2, norm_2 = tapes
    df, dgamma_2, dbeta_2 = module.layer_norm_backward(norm_2, problem.dy)
    du, dW_2, db_2 = module.dense_backward(dense_2, df)
    dz = module.gelu_backward(gelu, du)
    dh, dW_1, db_1 = module.dense_backward(dense_1, dz)
    dh += df
    da, dgamma_1, dbeta_1 = module.layer_norm_backward(norm_1, dh)
    attention_grads = module.multi_head_attention_backward(attention, da)
    dx = attention_grads.dquery
    dx += da
    return {
        "dx": dx, "dW_1": dW_1, "db_1": db_1, "dW_2": dW_2, "db_2": db_2, "dgamma_1": dgamma_1, "dbeta_1": dbeta_1,
        "dgamma_2": dgamma_2, "dbeta_2": dbeta_2, "dWq": attention_grads.dWq, "dWo": attention_grads.dWo,
        "dbv": attention_grads.dbv,
    }  # fmt: skip


def contenders(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Return seqfuse, and PyTorch if it takes part."""
    return [seqfuse(problem, work)] + ([pytorch(problem, work, threads)] if "pytorch" in peers else [])


def seqfuse(problem: Problem, work: Work) -> Contender:
    """Return the contender of seqfuse: functions of `functional`, and residual sums in NumPy."""
    if work == "forward":
        return Contender("seqfuse", problem, lambda: forward(F, problem)[0], lambda y: {"y": y})

    def train() -> Any:
        y, tapes = forward(F, problem)
        return {"y": y, **backward(F, problem, tapes)}

    return Contender("seqfuse", problem, train, lambda results: results)


def pytorch(problem: Problem, work: Work, threads: int) -> Contender:
    """Return the contender `torch.nn.TransformerEncoderLayer`, with the same weights.

    Forward runs it in evaluation mode, for which PyTorch has a faster implementation.
    """
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(threads)
    E, heads = problem.x.shape[2], problem.heads["Wq"].shape[1]
    options = {"dropout": 0.0, "activation": "gelu", "layer_norm_eps": EPSILON, "batch_first": True}
    layer = torch.nn.TransformerEncoderLayer(E, heads, EXPANSION * E, **options)
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
        dWq, _, _ = np.split(grads["self_attn.in_proj_weight"], 3)
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
            "dWq": dWq.T.reshape(E, heads, D),
            "dWo": grads["self_attn.out_proj.weight"].T.reshape(heads, D, E),
            "dbv": grads["self_attn.in_proj_bias"][2 * E :].reshape(heads, D),
        }

    return Contender("pytorch", problem, train, read)


def _load(torch: Any, layer: Any, problem: Problem) -> None:
    """Copy the weights of the problem into the layer, in PyTorch's shapes."""
    E, heads = problem.x.shape[2], problem.heads
    projections = [heads[f"W{name}"].reshape(E, E).T for name in "qkv"]
    values = {
        "self_attn.in_proj_weight": np.concatenate(projections),
        "self_attn.in_proj_bias": np.concatenate([heads[f"b{name}"].reshape(E) for name in "qkv"]),
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
