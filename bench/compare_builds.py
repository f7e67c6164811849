"""Compare the results of two installations bit by bit, for the benchmark's shapes and random calls of every kernel.

    python bench/compare_builds.py OLD/bin/python NEW/bin/python [--calls 500] [--isa x86_64_v2]

Each interpreter runs this file and prints a digest of all results of each call. Use it to check that a change of a
kernel does not change its results.
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


class Sampler:
    """Random arguments of one call. Even seeds use float32, odd seeds float64."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = (np.float32, np.float64)[seed % 2]

    def array(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        """Return a normal array with this standard deviation."""
        return (scale * self.rng.standard_normal(shape)).astype(self.dtype)

    def size(self, max_size: int) -> int:
        """Return a random size; small sizes are more likely than large ones."""
        return int(self.rng.integers(1, 1 + self.rng.integers(1, max_size + 1)))

    def chance(self, probability: float = 0.5) -> bool:
        """Return True with this probability."""
        return bool(self.rng.random() < probability)

    def choice(self, values: Any) -> Any:
        """Return a random element."""
        return values[int(self.rng.integers(len(values)))]


def recurrent(sample: Sampler, shape: tuple[int, int, int, int] | None = None, cell: str | None = None) -> Any:
    """Call a cell: forward, backward, states and gates, packed weights, and a stream."""
    from seqfuse import functional as F

    plain = shape is not None
    T, B, I, H = shape or (sample.size(140), sample.size(20), sample.size(70), sample.size(140))
    cell = cell or sample.choice(list(GATES))
    G = GATES[cell]
    weights = {"W": sample.array(I, G * H, scale=I**-0.5)}
    if cell != "mingru":
        weights["U"] = sample.array(H, scale=0.5) if cell == "indrnn" else sample.array(H, G * H, scale=H**-0.5)
    if plain or sample.chance(0.8):
        weights["b"] = sample.array(2, G * H) if sample.chance() and not plain else sample.array(G * H)
    options: dict[str, Any] = {}
    call: dict[str, Any] = {}
    if cell == "gru":
        options |= {"reset_after": sample.chance(), "update_gate": sample.choice(("previous", "candidate"))}
    if not plain:
        if sample.chance(0.4):
            options["activation"] = sample.choice(ACTIVATIONS)
        if sample.chance(0.3) and cell in ("lstm", "gru", "mingru"):
            options["recurrent_activation"] = sample.choice(ACTIVATIONS)
        if sample.chance(0.2):
            options["clip"] = 1.5
        if sample.chance(0.3) and cell == "lstm":
            options["peephole"] = sample.array(3, H)
        if sample.chance(0.3):
            call["lengths"] = sample.rng.integers(0, T + 1, B)
        if sample.chance(0.2):
            call["mask"] = sample.rng.random((T, B)) < 0.7
        if sample.chance(0.3):
            call["reverse"] = True
        if sample.chance(0.3) and cell != "mingru":
            call["recurrent_mask"] = (sample.rng.random((B, H)) < 0.8).astype(sample.dtype)
        if sample.chance():
            call["h0"] = sample.array(B, H)
            if cell == "lstm":
                call["c0"] = sample.array(B, H)
    checkpoint = int(sample.choice((1, 7, 64))) if sample.chance(0.2) and not plain else None
    x, dy, dh = sample.array(T, B, I), sample.array(T, B, H), sample.array(B, H)
    out, tape = getattr(F, f"{cell}_forward")(x, **weights, **options, **call, checkpoint=checkpoint)
    grads = getattr(F, f"{cell}_backward")(tape, dy, dh)
    packed = getattr(F, f"pack_{cell}")(**weights, **options)
    stream = packed.stream(B)
    return out, grads, tape.states(), tape.gates(), packed(x, **call), [stream.step(step) for step in x[:3]]


def attention(sample: Sampler) -> Any:
    """Call attention: forward, backward, and a cache that is filled in two parts."""
    from seqfuse import functional as F

    B, Hk, D, Dv, T = sample.size(3), sample.size(3), sample.size(70), sample.size(70), sample.size(300)
    Hq = Hk * sample.size(3)
    Tk = T if sample.chance() else sample.size(300)
    q, k, v = sample.array(B, Hq, T, D), sample.array(B, Hk, Tk, D), sample.array(B, Hk, Tk, Dv)
    options: dict[str, Any] = {"causal": sample.choice((False, "top_left", "bottom_right")), "return_lse": True}
    if sample.chance(0.3):
        options["mask"] = sample.rng.random((B, 1, T, Tk)) < 0.8 if sample.chance() else sample.array(T, Tk)
    if sample.chance(0.3) and options["causal"]:
        options["window"] = (int(sample.size(50)), None)
    if sample.chance(0.2):
        options["softcap"] = 3.0
    if sample.chance(0.3):
        options["lengths"] = sample.rng.integers(0, Tk + 1, B)
    if sample.chance(0.3):
        options |= {"dropout": 0.3, "seed": 7}
    out, tape = F.attention_forward(q, k, v, **options)
    need_dmask = "mask" in options and options["mask"].dtype != bool
    grads = F.attention_backward(tape, sample.array(B, Hq, T, Dv), dlse=sample.array(B, Hq, T), need_dmask=need_dmask)
    cache = F.KVCache(B, Hk, D, Dv, dtype=sample.dtype)
    half = Tk // 2
    cache.append(k[:, :, :half], v[:, :, :half])
    cache.append(k[:, :, half:], v[:, :, half:])
    return out, grads, cache.attend(q[:, :, -1:])


def rows(sample: Sampler) -> Any:
    """Call the row-wise operations: dense, softmax, losses, normalization, activations, dropout, embedding, rotary."""
    from seqfuse import functional as F

    N, C, O = sample.size(3000), sample.size(500), sample.size(100)
    x, dy = sample.array(N, C, scale=3), sample.array(N, C)
    results: list[Any] = []
    for forward, backward, more in (
        (F.softmax_forward, F.softmax_backward, {}),
        (F.gelu_forward, F.gelu_backward, {"approximate": sample.chance()}),
        (F.silu_forward, F.silu_backward, {}),
        (F.dropout_forward, F.dropout_backward, {"rate": 0.3, "seed": 5}),
        (F.layer_norm_forward, F.layer_norm_backward, {"gamma": sample.array(C), "beta": sample.array(C)}),
        (F.rms_norm_forward, F.rms_norm_backward, {"gamma": sample.array(C)}),
    ):
        y, tape = forward(x, **more)
        results += [y, backward(tape, dy)]
    y, tape = F.dense_forward(x, sample.array(C, O), sample.array(O))
    results += [y, F.dense_backward(tape, sample.array(N, O))]
    loss, tape = F.softmax_cross_entropy_forward(x, sample.rng.integers(0, C, N))
    results += [loss, F.softmax_cross_entropy_backward(tape, 0.7)]
    y, tape = F.embedding_forward(sample.rng.integers(0, 11, N), sample.array(11, C))
    results += [y, F.embedding_backward(tape, dy)]
    T, D = sample.size(60), 2 * sample.size(20)
    y, tape = F.rotary_forward(sample.array(2, 3, T, D), *F.rotary_tables(T, D, dtype=sample.dtype))
    return [*results, y, F.rotary_backward(tape, sample.array(2, 3, T, D))]


def ctc(sample: Sampler) -> Any:
    """Call the CTC loss and its gradient."""
    from seqfuse import functional as F

    T, B, C, S = sample.size(100), sample.size(8), 1 + sample.size(40), sample.size(20)
    lengths = sample.rng.integers(0, T + 1, B) if sample.chance() else None
    counts = sample.rng.integers(0, S + 1, B)
    logits = sample.array(T, B, C, scale=2)
    losses, tape = F.ctc_loss_forward(
        logits, sample.rng.integers(1, C, (B, S)), lengths=lengths, label_lengths=counts, zero_infinity=sample.chance()
    )
    return losses, F.ctc_loss_backward(tape, sample.array(B))


def optimizer(sample: Sampler) -> Any:
    """Update parameters three times with a random optimizer."""
    from seqfuse import optimizers as O

    kind, options = sample.choice(
        [
            (O.SGD, {}),
            (O.SGD, {"momentum": 0.9, "nesterov": True}),
            (O.RMSprop, {"centered": True, "momentum": 0.5}),
            (O.Adam, {"amsgrad": True}),
            (O.AdamW, {}),
            (O.Adagrad, {}),
        ]
    )
    limit = sample.choice(({}, {"clipnorm": 0.5}, {"clipvalue": 0.3}, {"global_clipnorm": 1.0}, {"use_ema": True}))
    n = 20 + sample.size(50_000)
    rule, parameters = kind(learning_rate=0.01, **options, **limit), sample.array(n)
    rule.build(sample.dtype, [("a", 0, 7), ("b", 7, 20), ("c", 20, n)])
    for _ in range(3):
        rule.update(parameters, sample.array(n))
    return parameters, rule.state


KINDS: tuple[Callable[[Sampler], Any], ...] = (recurrent, recurrent, attention, rows, ctc, optimizer)


def leaves(result: Any) -> Iterator[np.ndarray]:
    """Yield all arrays of a nested result, in order."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from leaves(part)
    elif result is not None:
        yield np.asarray(result)


def digest(result: Any) -> str:
    """Return a hash of shapes, dtypes and bytes of all arrays of a result."""
    hashed = hashlib.sha256()
    for array in leaves(result):
        hashed.update(f"{array.shape} {array.dtype}".encode() + np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()[:32]


def report(calls: int) -> None:
    """Print one line per call: its name and the digest of its results."""
    import seqfuse

    for threads in (1, 2):
        with seqfuse.num_threads(threads):
            for cell in GATES:
                for i, shape in enumerate(SHAPES):
                    for seed in (0, 1):
                        result = recurrent(Sampler(2 * i + seed), shape, cell)
                        print(f"{cell} {shape} {seed} threads={threads}", digest(result), sep="\t")
    for seed in range(calls):
        kind = KINDS[seed // 2 % len(KINDS)]
        with seqfuse.num_threads(1 + seed % 3):
            print(f"{kind.__name__} seed={seed}", digest(kind(Sampler(seed))), sep="\t")


def run(python: str, calls: int, isa: str) -> dict[str, str]:
    """Run this file with an interpreter and its own installation. Return digests by the names of calls."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SEQFUSE_ISA")}
    if isa:
        environment["SEQFUSE_ISA"] = isa
    command = [python, os.path.abspath(__file__), "--report", "--calls", str(calls)]
    lines = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return dict(line.split("\t") for line in lines)


def main() -> int:
    """Print the calls whose results differ. Return 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="interpreters of the old and the new build")
    parser.add_argument("--calls", type=int, default=500, help="random calls (default: 500)")
    parser.add_argument("--isa", default="", help="instruction set of both builds (default: the best of each)")
    parser.add_argument("--report", action="store_true", help="print the digests of this interpreter's build")
    arguments = parser.parse_args()
    if arguments.report:
        report(arguments.calls)
        return 0
    if len(arguments.pythons) != 2:
        parser.error(f"PYTHON: must be given twice, for the old and the new build; got {len(arguments.pythons)}")
    old, new = (run(python, arguments.calls, arguments.isa) for python in arguments.pythons)
    differ = [name for name in old if new.get(name) != old[name]] + [name for name in new if name not in old]
    print(*(f"differs: {name}" for name in differ), f"{len(old)} calls, {len(differ)} differ", sep="\n")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
