"""Contender PyTorch: nn.RNN, nn.LSTM and nn.GRU, or their cell modules for a single step."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from seqfuse.bench.case import Contender, Results, Work
from seqfuse.bench.recurrent.problem import Problem, from_peer, to_peer


def contender(problem: Problem, work: Work, threads: int) -> Contender:
    """Return the contender with the same weights. With `lengths` it uses packed sequences; packing is timed too."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(threads)
    kind = problem.cell.upper() + ("Cell" if work == "step" else "")
    module = getattr(torch.nn, kind)(problem.shape.I, problem.shape.H)
    _load(torch, module, problem, "" if work == "step" else "_l0")
    if work == "step":
        return _step(torch, module, problem)
    run_sequences = _sequence_function(torch, module, problem)
    return (
        _forward(torch, run_sequences, problem) if work == "forward" else _train(torch, module, run_sequences, problem)
    )


def _load(torch: Any, module: Any, problem: Problem, suffix: str) -> None:
    """Copy the weights of the problem into the module."""
    b = problem.b if problem.b.ndim == 2 else np.stack([problem.b, np.zeros_like(problem.b)])
    assert problem.U is not None  # only minGRU has no U, and PyTorch has no minGRU
    values = {"weight_ih": problem.W, "weight_hh": problem.U, "bias_ih": b[0], "bias_hh": b[1]}
    with torch.no_grad():
        for name, value in values.items():
            transposed = np.ascontiguousarray(to_peer("pytorch", problem.cell, value).T)
            getattr(module, name + suffix).copy_(torch.from_numpy(transposed))


def _sequence_function(torch: Any, module: Any, problem: Problem) -> Any:
    """Return a function from x (T, B, I) to y (T, B, H) and the final state."""
    if "lengths" not in problem.options:
        return module
    rnn = torch.nn.utils.rnn
    lengths = torch.from_numpy(problem.options["lengths"])

    def run_sequences(x: Any) -> Any:
        y, state = module(rnn.pack_padded_sequence(x, lengths, enforce_sorted=False))
        return rnn.pad_packed_sequence(y, total_length=problem.shape.T)[0], state

    return run_sequences


def _forward(torch: Any, run_sequences: Any, problem: Problem) -> Contender:
    """Return the contender for forward."""
    x = torch.from_numpy(problem.x)

    def run() -> Any:
        with torch.no_grad():
            return run_sequences(x)

    def read(result: Any) -> Results:
        y, state = result
        h = state[0] if problem.cell == "lstm" else state
        return {"y": y.numpy(), "h": h[0].numpy()}

    return Contender("pytorch", problem, run, read)


def _train(torch: Any, module: Any, run_sequences: Any, problem: Problem) -> Contender:
    """Return the contender for forward and backward."""
    x = torch.from_numpy(problem.x).requires_grad_()
    dy = torch.from_numpy(problem.dy)

    def run() -> Any:
        module.zero_grad(set_to_none=True)
        x.grad = None
        y, _ = run_sequences(x)
        y.backward(dy)
        return y

    def read(y: Any) -> Results:
        weights = module.weight_ih_l0, module.weight_hh_l0
        dW, dU = (from_peer("pytorch", problem.cell, w.grad.numpy().T) for w in weights)
        return {"y": y.detach().numpy(), "dx": x.grad.numpy(), "dW": dW, "dU": dU}

    return Contender("pytorch", problem, run, read)


def _step(torch: Any, module: Any, problem: Problem) -> Contender:
    """Return the contender for single steps, each starting from the state of the last."""
    x_t = torch.from_numpy(problem.x[0])
    state: Any = None

    def run() -> Any:
        nonlocal state
        with torch.no_grad():
            state = module(x_t, state)
        return state

    def read(result: Any) -> Results:
        h = result[0] if problem.cell == "lstm" else result
        return {"h": h.numpy()}

    return Contender("pytorch", problem, run, read)
