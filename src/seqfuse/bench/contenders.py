"""Who takes part: a contender does a piece of work again and again, and says what came of it in our layout."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import seqfuse as sf
from seqfuse import functional as F
from seqfuse._cells import CELLS
from seqfuse.bench.problem import Problem, Results
from seqfuse.bench.shapes import Work


class Contender(NamedTuple):
    """One way to do the work of a case.

    Attributes
    ----------
    name : as it appears in the table
    run : does the work once and returns what the library returns
    read : turns what `run` returned into arrays in our layout, for validation
    """

    name: str
    run: Callable[[], Any]
    read: Callable[[Any], Results]


NEEDS = {"pytorch": ("torch",), "onnxruntime": ("onnxruntime", "onnx")}  # modules
PEERS = tuple(NEEDS)


def versions(peers: Sequence[str]) -> dict[str, str]:
    """The version of seqfuse, and of each of `peers` that is installed: only those are imported."""
    found = {"seqfuse": sf.__version__}
    for peer in peers:
        if all(importlib.util.find_spec(module) is not None for module in NEEDS[peer]):
            found[peer] = str(importlib.import_module(NEEDS[peer][0]).__version__)
    return found


@contextmanager
def enter(problem: Problem, work: Work, threads: int, peers: Sequence[str]) -> Iterator[list[Contender]]:
    """Ours and those of `peers` that can do the work, set up with so many threads while the context lasts."""
    with sf.num_threads(threads):
        result = [seqfuse(problem, work)]
        foreign = CELLS[problem.cell].foreign  # the peers that have the cell
        if "pytorch" in peers and "pytorch" in foreign:
            from seqfuse.bench import pytorch

            result.append(pytorch.contender(problem, work, threads))
        if "onnxruntime" in peers and "onnx" in foreign and work != "forward+backward":  # it runs models, no training
            from seqfuse.bench import onnx_runtime

            result.append(onnx_runtime.contender(problem, work, threads))
        yield result


def seqfuse(problem: Problem, work: Work) -> Contender:
    """Ours, as a user calls it: weights packed once where they stay, given with every call where they are trained."""
    cell, _, x, W, U, b, dy = problem
    packed = getattr(F, f"pack_{cell}")(W, U, b)
    if work == "forward":
        return Contender("seqfuse", lambda: packed(x), lambda out: {"y": out.y, "h": out.h})
    if work == "step":
        stream = packed.stream(batch=1)
        x_t = x[0]
        return Contender("seqfuse", lambda: stream.step(x_t), lambda h: {"h": h})
    with_tape, backward = getattr(F, f"{cell}_forward"), getattr(F, f"{cell}_backward")

    def train() -> Any:
        out, tape = with_tape(x, W, U, b)
        return out, backward(tape, dy)

    def read(result: Any) -> Results:
        out, grads = result
        return {"y": out.y, "dx": grads.dx, "dW": grads.dW, "dU": grads.dU}

    return Contender("seqfuse", train, read)
