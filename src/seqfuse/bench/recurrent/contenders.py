"""Contenders for the recurrent cells: seqfuse without options, with padding or with one option, and the peers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqfuse import functional as F
from seqfuse._cells import CELLS
from seqfuse.bench.case import Contender, Work
from seqfuse.bench.recurrent.options import variations, with_lengths
from seqfuse.bench.recurrent.problem import Problem, training_results


def with_peers(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Return seqfuse, and those of `peers` that support this cell and kind of call."""
    result = [seqfuse(problem, work)]
    peer_gates = CELLS[problem.cell].peer_gates  # frameworks that have the cell
    if "pytorch" in peers and "pytorch" in peer_gates:
        from seqfuse.bench.recurrent import pytorch

        result.append(pytorch.contender(problem, work, threads))
    if "onnxruntime" in peers and "onnx" in peer_gates and work != "forward+backward":  # inference only
        from seqfuse.bench.recurrent import onnx_runtime

        result.append(onnx_runtime.contender(problem, work, threads))
    return result


def with_padding(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Return seqfuse with and without `lengths` for a padded batch, and PyTorch with and without packed sequences."""
    padded = with_lengths(problem)
    result = [seqfuse(padded, work), seqfuse(problem, work)._replace(name="padded")]
    if "pytorch" in peers and "pytorch" in CELLS[problem.cell].peer_gates:
        from seqfuse.bench.recurrent import pytorch

        result.append(pytorch.contender(padded, work, threads)._replace(name="pytorch packed"))
        result.append(pytorch.contender(problem, work, threads)._replace(name="pytorch padded"))
    return result


def with_options(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Return seqfuse without options, then with each option alone."""
    options = [seqfuse(varied, work)._replace(name=name) for name, varied in variations(problem).items()]
    return [seqfuse(problem, work), *options]


def seqfuse(problem: Problem, work: Work) -> Contender:
    """Return the contender of seqfuse. For inference the weights are packed once; in training every call gets them."""
    cell, weights, x, dy, options = problem.cell, problem.weights, problem.x, problem.dy, problem.options
    if work == "forward+backward":
        with_tape, backward = getattr(F, f"{cell}_forward"), getattr(F, f"{cell}_backward")

        def train() -> Any:
            out, tape = with_tape(x, *weights, **options)
            return out, backward(tape, dy)

        return Contender("seqfuse", problem, train, lambda result: training_results(*result))
    packed = getattr(F, f"pack_{cell}")(*weights)
    if work == "forward":
        return Contender("seqfuse", problem, lambda: packed(x, **options), lambda out: {"y": out.y, "h": out.h})
    stream = packed.stream(batch=1)
    x_t = x[0]
    return Contender("seqfuse", problem, lambda: stream.step(x_t), lambda h: {"h": h})
