"""Who runs the recurrent cells: seqfuse, plain, padded or with an option, and the peers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqfuse import functional as F
from seqfuse._cells import CELLS
from seqfuse.bench.case import Contender, Work
from seqfuse.bench.recurrent.options import variations, with_lengths
from seqfuse.bench.recurrent.problem import Problem, trained


def beside_peers(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Ours, and those of `peers` that can do the work, set up with so many threads."""
    result = [seqfuse(problem, work)]
    foreign = CELLS[problem.cell].peer_gates  # the peers that have the cell
    if "pytorch" in peers and "pytorch" in foreign:
        from seqfuse.bench.recurrent import pytorch

        result.append(pytorch.contender(problem, work, threads))
    if "onnxruntime" in peers and "onnx" in foreign and work != "forward+backward":  # it runs models, no training
        from seqfuse.bench.recurrent import onnx_runtime

        result.append(onnx_runtime.contender(problem, work, threads))
    return result


def with_padding(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Ours with `lengths` and without on one padded batch, and PyTorch's packed sequences and its padded run."""
    real = with_lengths(problem)
    result = [seqfuse(real, work), seqfuse(problem, work)._replace(name="padded")]
    if "pytorch" in peers and "pytorch" in CELLS[problem.cell].peer_gates:
        from seqfuse.bench.recurrent import pytorch

        result.append(pytorch.contender(real, work, threads)._replace(name="pytorch packed"))
        result.append(pytorch.contender(problem, work, threads)._replace(name="pytorch padded"))
    return result


def with_options(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Ours, plain and then with each option alone."""
    options = [seqfuse(varied, work)._replace(name=name) for name, varied in variations(problem).items()]
    return [seqfuse(problem, work), *options]


def seqfuse(problem: Problem, work: Work) -> Contender:
    """Ours, as a user calls it: weights packed once where they stay, given with every call where they are trained."""
    cell, weights, x, dy, options = problem.cell, problem.weights, problem.x, problem.dy, problem.options
    if work == "forward+backward":
        with_tape, backward = getattr(F, f"{cell}_forward"), getattr(F, f"{cell}_backward")

        def train() -> Any:
            out, tape = with_tape(x, *weights, **options)
            return out, backward(tape, dy)

        return Contender("seqfuse", problem, train, lambda result: trained(*result))
    packed = getattr(F, f"pack_{cell}")(*weights)
    if work == "forward":
        return Contender("seqfuse", problem, lambda: packed(x, **options), lambda out: {"y": out.y, "h": out.h})
    stream = packed.stream(batch=1)
    x_t = x[0]
    return Contender("seqfuse", problem, lambda: stream.step(x_t), lambda h: {"h": h})
