"""Time the article's three programs with seqfuse and with Keras on every installed backend.

    python bench/article_programs.py [--rounds 5] [--programs NAME ...] [--backends NAME ...]

Each run is a new process that executes examples/article/NAME.py, for Keras with `keras` instead of `seqfuse` in the
imports. In every round each contender runs the program once, in rotating order. A second table shows which fraction of
a training step the kernels take.
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

# Program of a process: it runs the imports, the statements between, and the last statement, `fit`, and times each part.
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
PARTS = ("import", "fit", "whole process")


class Contender(NamedTuple):
    """One way to run the programs."""

    name: str
    library: str  # name in the imports
    backend: str | None = None

    def run(self, program: str) -> dict[str, float]:
        """Run a program in a new process. Return seconds by part."""
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
    """Return seqfuse, and Keras on each of the backends that is installed."""
    found = [Contender("seqfuse", "seqfuse")]
    if importlib.util.find_spec("keras") is not None:
        installed = [backend for backend in backends if importlib.util.find_spec(backend) is not None]
        found += [Contender(f"Keras, {backend}", "keras", backend) for backend in installed]
    return found


def compare(program: str, runs: list[Contender], rounds: int) -> None:
    """Run a program in rounds. Print median times per contender, and the ratio of the fastest Keras to seqfuse."""
    from seqfuse.bench import timing
    from seqfuse.bench.report import duration

    seconds: dict[str, dict[str, list[float]]] = {run.name: {part: [] for part in PARTS} for run in runs}
    for round_ in range(rounds):
        first = round_ % len(runs)
        for run in runs[first:] + runs[:first]:
            for part, value in run.run(program).items():
                seconds[run.name][part].append(value)
    medians = {name: {part: statistics.median(s) for part, s in times.items()} for name, times in seconds.items()}
    for name, times in medians.items():
        print(f"{program:12}{name:20}" + "".join(f"{duration(times[part]):>16}" for part in PARTS))
    peers = [run.name for run in runs[1:]]
    if peers:
        cells = []
        for part in PARTS:
            best = min(peers, key=lambda name: medians[name][part])
            ratio = statistics.median(timing.ratios(seconds[best][part], seconds["seqfuse"][part]))
            cells.append(f"{ratio:.1f}x {best.rpartition(' ')[2][:9]}")
        print(f"{'':12}{'fastest Keras':20}" + "".join(f"{cell:>16}" for cell in cells))
    print(flush=True)


# ---- fraction of the kernels -----------------------------------------------------------------------------------------

SAMPLES, STEPS, FEATURES, UNITS, BATCH = 1000, 10, 1, 64, 32


def epoch_functions(cell: str) -> tuple[Any, Any]:
    """Return two functions: one epoch of `fit`, and only its kernel calls and optimizer updates."""
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
    trained_model = model()
    trained_model.compile(optimizer="adam", loss="mse")

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
            out, cell_tape = forward(batch, W, U, b, batch_first=True, return_sequences=False)
            _, dense_tape = F.dense_forward(out.h, kernel, bias)
            dh = F.dense_backward(dense_tape, dy, into=(dkernel, dbias)).dx
            backward(cell_tape, None, dh, need_dx=False, into=(dW, dU, db))
            optimizer.update(parameters.values, parameters.gradients)
            parameters.gradients.fill(0)

    return (lambda: trained_model.fit(x, y, batch_size=BATCH, verbose=0)), kernels


def compare_step(rounds: int) -> None:
    """Print, for each cell, the time of a training step in `fit`, of its kernels alone, and their fraction."""
    from seqfuse.bench import timing
    from seqfuse.bench.report import duration

    steps = -(-SAMPLES // BATCH)
    print(f"Time of one training step, {SAMPLES} x {STEPS} x {FEATURES}, {UNITS} units, batch size {BATCH}")
    print(f"{'':12}{'in fit':>16}{'kernels':>16}{'fraction':>16}")
    for cell in ("rnn", "lstm", "gru"):
        fit, kernels = epoch_functions(cell)
        timed = timing.measure({"fit": fit, "kernels": kernels}, lambda seconds: 1.0, rounds, rest=0.0)
        both = "".join(f"{duration(timed.seconds[name] / steps):>16}" for name in ("fit", "kernels"))
        print(f"{cell:12}{both}{timed.ratios['kernels']:>16.0%}", flush=True)


def main(argv: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Time the article's three programs with seqfuse and with Keras.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds per program (5)")
    parser.add_argument(
        "--programs", nargs="*", default=PROGRAMS, choices=PROGRAMS, metavar="NAME", help="programs (all)"
    )
    parser.add_argument(
        "--backends", nargs="*", default=BACKENDS, choices=BACKENDS, metavar="NAME", help="backends (all)"
    )
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {arguments.rounds}")
    runs = contenders(arguments.backends)
    if arguments.programs:
        print(f"Medians of {arguments.rounds} rounds. 2.0x: the fastest Keras backend takes twice as long as seqfuse.")
        print(f"{'':32}" + "".join(f"{part:>16}" for part in PARTS))
    for program in arguments.programs:
        compare(program, runs, arguments.rounds)
    compare_step(max(arguments.rounds, 5))


if __name__ == "__main__":
    main()
