"""The article's three programs with seqfuse and with Keras on every backend that is installed, side by side.

python bench/article_programs.py [--rounds 5] [--programs NAME ...] [--backends NAME ...]

Each run is a process of its own that reads examples/article/NAME.py, with `keras` for `seqfuse` in its imports. In a
round every contender runs the program once, in turn another one first. Then the share of the kernels in a step of
training.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "article"
PROGRAMS = ("simple_rnn", "lstm", "attention")
BACKENDS = ("jax", "torch", "tensorflow")

# What a process runs: the imports, what comes between, and the last statement, which is `fit`, each on its own.
CHILD = """
import ast, json, sys, time
path, old, new = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    body = ast.parse(file.read().replace(f"from {old}.", f"from {new}.")).body
imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
rest = [node for node in body if node not in imports]
names, seconds = {"__name__": "__main__"}, []
for part in (imports, rest[:-1], rest[-1:]):
    code = compile(ast.Module(part, []), path, "exec")
    began = time.perf_counter()
    exec(code, names)
    seconds.append(time.perf_counter() - began)
print("\\n" + json.dumps({"import": seconds[0], "fit": seconds[2]}))
"""
MEASURES = ("import", "fit", "whole process")


class Contender(NamedTuple):
    """One way to run the programs."""

    name: str
    library: str  # in the programs' imports
    backend: str | None = None

    def run(self, program: str) -> dict[str, float]:
        """Seconds of one process, by measure."""
        environment = dict(os.environ)
        if self.backend is not None:
            environment |= {"KERAS_BACKEND": self.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-c", CHILD, str(FOLDER / f"{program}.py"), "seqfuse", self.library]
        began = time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        whole = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"{program} with {self.name} failed:\n{done.stderr}")
        return {**json.loads(done.stdout.splitlines()[-1]), "whole process": whole}


def contenders(backends: list[str]) -> list[Contender]:
    """seqfuse, and Keras on each of those backends that is installed."""
    found = [Contender("seqfuse", "seqfuse")]
    if importlib.util.find_spec("keras") is not None:
        there = [backend for backend in backends if importlib.util.find_spec(backend) is not None]
        found += [Contender(f"Keras, {backend}", "keras", backend) for backend in there]
    return found


def compare(program: str, runs: list[Contender], rounds: int) -> None:
    """Run a program in rounds and print a line for each contender: medians; and how many times as long Keras took."""
    from seqfuse.bench import timing
    from seqfuse.bench.report import duration

    seconds: dict[str, dict[str, list[float]]] = {run.name: {m: [] for m in MEASURES} for run in runs}
    for round_ in range(rounds):
        turn = round_ % len(runs)
        for run in runs[turn:] + runs[:turn]:
            for measure, value in run.run(program).items():
                seconds[run.name][measure].append(value)
    medians = {name: {m: statistics.median(s) for m, s in of.items()} for name, of in seconds.items()}
    for name, of in medians.items():
        print(f"{program:12}{name:20}" + "".join(f"{duration(of[m]):>16}" for m in MEASURES))
    peers = [run.name for run in runs[1:]]
    if peers:
        cells = []
        for m in MEASURES:
            best = min(peers, key=lambda name: medians[name][m])
            ratio = statistics.median(timing.ratios(seconds[best][m], seconds["seqfuse"][m]))
            cells.append(f"{ratio:.1f}x {best.rpartition(' ')[2][:9]}")
        print(f"{'':12}{'fastest Keras':20}" + "".join(f"{cell:>16}" for cell in cells))
    print(flush=True)


# ---- the kernels' share ----------------------------------------------------------------------------------------------

SAMPLES, STEPS, FEATURES, UNITS, BATCH = 1000, 10, 1, 64, 32


def epoch_of(cell: str) -> tuple[Any, Any]:
    """An epoch of `fit`, and the functional calls and updates of as many steps alone, with nothing between them."""
    import numpy as np

    from seqfuse import functional as F
    from seqfuse import layers, optimizers
    from seqfuse.layers.weight import Parameters
    from seqfuse.models import Sequential

    def model() -> Any:
        layer = {"rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}[cell]
        return Sequential([layers.Input((STEPS, FEATURES)), layer(UNITS), layers.Dense(1)])

    rng = np.random.default_rng(0)
    x, y = rng.random((SAMPLES, STEPS, FEATURES)), rng.random((SAMPLES, 1))
    learning = model()
    learning.compile(optimizer="adam", loss="mse")

    forward, backward = getattr(F, f"{cell}_forward"), getattr(F, f"{cell}_backward")
    parameters = Parameters(model().trainable_weights)
    W, U, b, kernel, bias = (weight.value for weight in parameters.weights)
    dW, dU, db, dkernel, dbias = parameters.into
    optimizer = optimizers.Adam()
    optimizer.build(parameters.values.dtype, parameters.segments)
    batches = [x[start : start + BATCH].astype(np.float32) for start in range(0, SAMPLES, BATCH)]
    dys = [np.full((len(batch), 1), 1e-3, np.float32) for batch in batches]

    def kernels() -> None:
        for batch, dy in zip(batches, dys):
            out, of_cell = forward(batch, W, U, b, batch_first=True, return_sequences=False)
            _, of_dense = F.dense_forward(out.h, kernel, bias)
            dh = F.dense_backward(of_dense, dy, into=(dkernel, dbias)).dx
            backward(of_cell, None, dh, need_dx=False, into=(dW, dU, db))
            optimizer.update(parameters.values, parameters.gradients)
            parameters.gradients.fill(0)

    return (lambda: learning.fit(x, y, batch_size=BATCH, verbose=0)), kernels


def share(rounds: int) -> None:
    """Print, for each cell, a step in `fit`, the same of functional calls alone, and the one by the other."""
    from seqfuse.bench import timing
    from seqfuse.bench.report import duration

    steps = -(-SAMPLES // BATCH)
    print(f"a step of training, {SAMPLES} x {STEPS} x {FEATURES}, {UNITS} units, batch {BATCH}")
    print(f"{'':12}{'in fit':>16}{'kernels':>16}{'share':>16}")
    for cell in ("rnn", "lstm", "gru"):
        fit, kernels = epoch_of(cell)
        timed = timing.measure({"fit": fit, "kernels": kernels}, lambda seconds: 1.0, rounds, rest=0.0)
        both = "".join(f"{duration(timed.seconds[name] / steps):>16}" for name in ("fit", "kernels"))
        print(f"{cell:12}{both}{timed.ratios['kernels']:>16.0%}", flush=True)


def main(argv: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="The article's three programs with seqfuse and with Keras.")
    parser.add_argument("--rounds", type=int, default=5, help="of each program (5)")
    parser.add_argument("--programs", nargs="*", default=PROGRAMS, choices=PROGRAMS, metavar="NAME", help="those (all)")
    parser.add_argument("--backends", nargs="*", default=BACKENDS, choices=BACKENDS, metavar="NAME", help="those (all)")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {arguments.rounds}")
    runs = contenders(arguments.backends)
    if arguments.programs:
        print(f"medians of {arguments.rounds} rounds; 2.0x: Keras, on the backend fastest at it, takes twice as long")
        print(f"{'':32}" + "".join(f"{m:>16}" for m in MEASURES))
    for program in arguments.programs:
        compare(program, runs, arguments.rounds)
    share(max(arguments.rounds, 5))


if __name__ == "__main__":
    main()
