"""Who takes part: a contender does a piece of work again and again, and says what came of it in our layout."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import seqfuse as sf
from seqfuse import functional as F
from seqfuse._cells import CELLS
from seqfuse.bench.options import variations, with_lengths
from seqfuse.bench.problem import Problem, Results, trained
from seqfuse.bench.shapes import Work


class Contender(NamedTuple):
    """One way to do the work of a case.

    Attributes
    ----------
    name : as it appears in the table; that of a peer begins with the peer's
    problem : what it solves
    run : does the work once and returns what the library returns
    read : turns what `run` returned into arrays in our layout, for validation
    """

    name: str
    problem: Problem
    run: Callable[[], Any]
    read: Callable[[Any], Results]

    @property
    def ours(self) -> bool:
        """Whether it is seqfuse, and not a peer."""
        return not self.name.startswith(PEERS)


NEEDS = {"pytorch": ("torch",), "onnxruntime": ("onnxruntime", "onnx")}  # modules
PEERS = tuple(NEEDS)


def versions(peers: Sequence[str]) -> dict[str, str]:
    """The version of seqfuse, and of each of `peers` that is installed: only those are imported."""
    found = {"seqfuse": sf.__version__}
    for peer in peers:
        if all(importlib.util.find_spec(module) is not None for module in NEEDS[peer]):
            found[peer] = str(importlib.import_module(NEEDS[peer][0]).__version__)
    return found


def beside_peers(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Ours, and those of `peers` that can do the work, set up with so many threads."""
    result = [seqfuse(problem, work)]
    foreign = CELLS[problem.cell].foreign  # the peers that have the cell
    if "pytorch" in peers and "pytorch" in foreign:
        from seqfuse.bench import pytorch

        result.append(pytorch.contender(problem, work, threads))
    if "onnxruntime" in peers and "onnx" in foreign and work != "forward+backward":  # it runs models, no training
        from seqfuse.bench import onnx_runtime

        result.append(onnx_runtime.contender(problem, work, threads))
    return result


def with_padding(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> list[Contender]:
    """Ours with `lengths` and without on one padded batch, and PyTorch's packed sequences and its padded run."""
    real = with_lengths(problem)
    result = [seqfuse(real, work), seqfuse(problem, work)._replace(name="padded")]
    if "pytorch" in peers and "pytorch" in CELLS[problem.cell].foreign:
        from seqfuse.bench import pytorch

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
