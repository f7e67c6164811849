"""Compares two installations bit by bit: the benchmark's shapes and random calls of every kernel.

    python bench/compare_builds.py OLD/bin/python NEW/bin/python [--calls 500] [--isa x86_64_v2]

Each interpreter runs this file by itself and prints a digest of all results of each call. A change of a kernel that
should not change results is shown not to.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

SHAPES = ((10, 32, 1, 64), (100, 1, 128, 256), (200, 8, 64, 128), (100, 32, 128, 256))  # the benchmark's
ACTIVATIONS = ("tanh", "sigmoid", "relu", "linear", "hard_sigmoid", "softsign", "softplus", "elu", ("leaky_relu", 0.1))
GATES = {"rnn": 1, "lstm": 4, "gru": 3, "indrnn": 1, "mingru": 2}


class Drawer:
    """Random arguments of one call."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = (np.float32, np.float64)[seed % 2]

    def array(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * self.rng.standard_normal(shape)).astype(self.dtype)

    def size(self, largest: int) -> int:
        """Small sizes are as likely as large ones."""
        return int(self.rng.integers(1, 1 + self.rng.integers(1, largest + 1)))

    def chance(self, probability: float = 0.5) -> bool:
        return bool(self.rng.random() < probability)

    def choice(self, values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]


def recurrent(draw: Drawer, shape: tuple[int, int, int, int] | None = None, cell: str | None = None) -> Any:
    """Forward, backward, states and gates of a cell, its packed weights and a stream."""
    from seqfuse import functional as F

    plain = shape is not None
    T, B, I, H = shape or (draw.size(140), draw.size(20), draw.size(70), draw.size(140))
    cell = cell or draw.choice(list(GATES))
    G = GATES[cell]
    weights = {"W": draw.array(I, G * H, scale=I**-0.5)}
    if cell != "mingru":
        weights["U"] = draw.array(H, scale=0.5) if cell == "indrnn" else draw.array(H, G * H, scale=H**-0.5)
    if plain or draw.chance(0.8):
        weights["b"] = draw.array(2, G * H) if draw.chance() and not plain else draw.array(G * H)
    options: dict[str, Any] = {}
    call: dict[str, Any] = {}
    if cell == "gru":
        options |= {"reset_after": draw.chance(), "update_gate": draw.choice(("previous", "candidate"))}
    if not plain:
        if draw.chance(0.4):
            options["activation"] = draw.choice(ACTIVATIONS)
        if draw.chance(0.3) and cell in ("lstm", "gru", "mingru"):
            options["recurrent_activation"] = draw.choice(ACTIVATIONS)
        if draw.chance(0.2):
            options["clip"] = 1.5
        if draw.chance(0.3) and cell == "lstm":
            options["peephole"] = draw.array(3, H)
        if draw.chance(0.3):
            call["lengths"] = draw.rng.integers(0, T + 1, B)
        if draw.chance(0.2):
            call["mask"] = draw.rng.random((T, B)) < 0.7
        if draw.chance(0.3):
            call["reverse"] = True
        if draw.chance(0.3) and cell != "mingru":
            call["recurrent_mask"] = (draw.rng.random((B, H)) < 0.8).astype(draw.dtype)
        if draw.chance():
            call["h0"] = draw.array(B, H)
            if cell == "lstm":
                call["c0"] = draw.array(B, H)
    checkpoint = int(draw.choice((1, 7, 64))) if draw.chance(0.2) and not plain else None
    x, dy, dh = draw.array(T, B, I), draw.array(T, B, H), draw.array(B, H)
    out, tape = getattr(F, f"{cell}_forward")(x, **weights, **options, **call, checkpoint=checkpoint)
    grads = getattr(F, f"{cell}_backward")(tape, dy, dh)
    packed = getattr(F, f"pack_{cell}")(**weights, **options)
    stream = packed.stream(B)
    return out, grads, tape.states(), tape.gates(), packed(x, **call), [stream.step(step) for step in x[:3]]


def attention(draw: Drawer) -> Any:
    """Forward, backward, and a cache that is filled in two parts."""
    from seqfuse import functional as F

    B, Hk, D, Dv, T = draw.size(3), draw.size(3), draw.size(70), draw.size(70), draw.size(300)
    Hq = Hk * draw.size(3)
    Tk = T if draw.chance() else draw.size(300)
    q, k, v = draw.array(B, Hq, T, D), draw.array(B, Hk, Tk, D), draw.array(B, Hk, Tk, Dv)
    options: dict[str, Any] = {"causal": draw.choice((False, "top_left", "bottom_right")), "return_lse": True}
    if draw.chance(0.3):
        options["mask"] = draw.rng.random((B, 1, T, Tk)) < 0.8 if draw.chance() else draw.array(T, Tk)
    if draw.chance(0.3) and options["causal"]:
        options["window"] = (int(draw.size(50)), None)
    if draw.chance(0.2):
        options["softcap"] = 3.0
    if draw.chance(0.3):
        options["lengths"] = draw.rng.integers(0, Tk + 1, B)
    if draw.chance(0.3):
        options |= {"dropout": 0.3, "seed": 7}
    out, tape = F.attention_forward(q, k, v, **options)
    need_dmask = "mask" in options and options["mask"].dtype != bool
    grads = F.attention_backward(tape, draw.array(B, Hq, T, Dv), dlse=draw.array(B, Hq, T), need_dmask=need_dmask)
    cache = F.KVCache(B, Hk, D, Dv, dtype=draw.dtype)
    half = Tk // 2
    cache.append(k[:, :, :half], v[:, :, :half])
    cache.append(k[:, :, half:], v[:, :, half:])
    return out, grads, cache.attend(q[:, :, -1:])


def rows(draw: Drawer) -> Any:
    """What goes over rows: dense, softmax, losses, normalization, pointwise functions, dropout, embedding, rotary."""
    from seqfuse import functional as F

    N, C, O = draw.size(3000), draw.size(500), draw.size(100)
    x, dy = draw.array(N, C, scale=3), draw.array(N, C)
    results: list[Any] = []
    for forward, backward, more in (
        (F.softmax_forward, F.softmax_backward, {}),
        (F.gelu_forward, F.gelu_backward, {"approximate": draw.chance()}),
        (F.silu_forward, F.silu_backward, {}),
        (F.dropout_forward, F.dropout_backward, {"rate": 0.3, "seed": 5}),
        (F.layer_norm_forward, F.layer_norm_backward, {"gamma": draw.array(C), "beta": draw.array(C)}),
        (F.rms_norm_forward, F.rms_norm_backward, {"gamma": draw.array(C)}),
    ):
        y, tape = forward(x, **more)
        results += [y, backward(tape, dy)]
    y, tape = F.dense_forward(x, draw.array(C, O), draw.array(O))
    results += [y, F.dense_backward(tape, draw.array(N, O))]
    loss, tape = F.softmax_cross_entropy_forward(x, draw.rng.integers(0, C, N))
    results += [loss, F.softmax_cross_entropy_backward(tape, 0.7)]
    y, tape = F.embedding_forward(draw.rng.integers(0, 11, N), draw.array(11, C))
    results += [y, F.embedding_backward(tape, dy)]
    T, D = draw.size(60), 2 * draw.size(20)
    y, tape = F.rotary_forward(draw.array(2, 3, T, D), *F.rotary_tables(T, D, dtype=draw.dtype))
    return [*results, y, F.rotary_backward(tape, draw.array(2, 3, T, D))]


def ctc(draw: Drawer) -> Any:
    """The CTC loss and its gradient."""
    from seqfuse import functional as F

    T, B, C, S = draw.size(100), draw.size(8), 1 + draw.size(40), draw.size(20)
    lengths = draw.rng.integers(0, T + 1, B) if draw.chance() else None
    counts = draw.rng.integers(0, S + 1, B)
    logits = draw.array(T, B, C, scale=2)
    losses, tape = F.ctc_loss_forward(
        logits, draw.rng.integers(1, C, (B, S)), lengths=lengths, label_lengths=counts, zero_infinity=draw.chance()
    )
    return losses, F.ctc_loss_backward(tape, draw.array(B))


def optimizer(draw: Drawer) -> Any:
    """Three updates by one of the rules."""
    from seqfuse import optimizers as O

    kind, options = draw.choice(
        [
            (O.SGD, {}),
            (O.SGD, {"momentum": 0.9, "nesterov": True}),
            (O.RMSprop, {"centered": True, "momentum": 0.5}),
            (O.Adam, {"amsgrad": True}),
            (O.AdamW, {}),
            (O.Adagrad, {}),
        ]
    )
    limit = draw.choice(({}, {"clipnorm": 0.5}, {"clipvalue": 0.3}, {"global_clipnorm": 1.0}, {"use_ema": True}))
    n = 20 + draw.size(50_000)
    rule, parameters = kind(learning_rate=0.01, **options, **limit), draw.array(n)
    rule.build(draw.dtype, [("a", 0, 7), ("b", 7, 20), ("c", 20, n)])
    for _ in range(3):
        rule.update(parameters, draw.array(n))
    return parameters, rule.state


KINDS: tuple[Callable[[Drawer], Any], ...] = (recurrent, recurrent, attention, rows, ctc, optimizer)


def leaves(result: Any) -> Iterator[np.ndarray]:
    """All arrays of a result, in order."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from leaves(part)
    elif result is not None:
        yield np.asarray(result)


def digest(result: Any) -> str:
    hashed = hashlib.sha256()
    for array in leaves(result):
        hashed.update(f"{array.shape} {array.dtype}".encode() + np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()[:32]


def report(calls: int) -> None:
    """Print a line per call: its name and the digest of its results."""
    import seqfuse

    for threads in (1, 2):
        with seqfuse.num_threads(threads):
            for cell in GATES:
                for i, shape in enumerate(SHAPES):
                    for seed in (0, 1):
                        result = recurrent(Drawer(2 * i + seed), shape, cell)
                        print(f"{cell} {shape} {seed} threads={threads}", digest(result), sep="\t")
    for seed in range(calls):
        kind = KINDS[seed // 2 % len(KINDS)]
        with seqfuse.num_threads(1 + seed % 3):
            print(f"{kind.__name__} seed={seed}", digest(kind(Drawer(seed))), sep="\t")


def run(python: str, calls: int, isa: str) -> dict[str, str]:
    """The lines of an interpreter, from its installation and no other."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SEQFUSE_ISA")}
    if isa:
        environment["SEQFUSE_ISA"] = isa
    command = [python, os.path.abspath(__file__), "--report", "--calls", str(calls)]
    lines = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return dict(line.split("\t") for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="the interpreters of the old and the new build")
    parser.add_argument("--calls", type=int, default=500, help="random calls (default: 500)")
    parser.add_argument("--isa", default="", help="instruction set of both (default: the best of each)")
    parser.add_argument("--report", action="store_true", help="print the digests of this interpreter's build")
    arguments = parser.parse_args()
    if arguments.report:
        report(arguments.calls)
        return 0
    if len(arguments.pythons) != 2:
        parser.error("two interpreters are needed")
    old, new = (run(python, arguments.calls, arguments.isa) for python in arguments.pythons)
    differ = [name for name in old if new.get(name) != old[name]] + [name for name in new if name not in old]
    print(*(f"differs: {name}" for name in differ), f"{len(old)} calls, {len(differ)} differ", sep="\n")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
