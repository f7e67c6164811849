"""Random calls of every cell, and assertions about results, for the tests of the reference and of the kernels.

    VARIANTS            pytest.param(cell, options) for every cell with every combination of its options
    CALLS               names of the ways to call: "plain", "lengths", "mask", "reverse", "batch_first", "all"
    BIASES              "none", "one" (G*H,), "two" (2, G*H)
    OPTIONS             pytest.param(cell, settings) for every cell with every option that it has, one at a time
    EVERY_ACTIVATION    the same for every activation of an LSTM and a minGRU
    PAIRS               pytest.param(cell, settings) for every cell with every two settings of different options
    make_case(...)      a Case: arguments, options and gradients of the outputs, drawn from a seed
    make_smooth_case(...)   one that central differences can judge: nothing in it is near a kink
    case.run(module)    (output, tape, grads) of `<cell>_forward` and `<cell>_backward` of that module
    case.loss(module)   the scalar whose gradients these are: sum of output * gradient of output
    central_differences(f, x)               gradient of f() with respect to the array x, which f reads
    assert_gradient(name, actual, numeric)  compares with central differences
    assert_gradients_along_a_line(case, module)     the same for all gradients of a case, in one random direction each
    assert_accurate(name, actual, reference, truth)  the accuracy rule
    assert_same_bits(actual, expected)      for results that may not differ at all

`module` is `seqfuse.reference`, `seqfuse.functional`, or anything with their functions. A case is drawn in float64
and then rounded to its dtype, so that `case.astype(dtype)` of a float32 case has the very same values.

A setting is one option at one value; `settings` are any number of them:

    @pytest.mark.parametrize(("cell", "settings"), PAIRS)
    def test_something(cell, settings):
        case = make_case(cell, settings=settings)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from seqfuse import reference
from seqfuse._activations import parse
from seqfuse._cells import CELLS, variants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from seqfuse._cells import Array, Cell

VARIANTS = [pytest.param(c, o, id="-".join([c.name, *(f"{k}={v}" for k, v in o.items())])) for c, o in variants()]
CALLS = ("plain", "lengths", "mask", "reverse", "batch_first", "all")
BIASES = ("none", "one", "two")

FUNCTIONS = (
    "tanh",
    "sigmoid",
    "relu",
    "linear",
    "hard_sigmoid",
    ("hard_sigmoid", 0.3, 0.4),
    "softsign",
    "softplus",
    "elu",
    ("elu", 0.7),
    "leaky_relu",
    ("leaky_relu", 0.1),
)
BOUNDED = ("tanh", "sigmoid", "hard_sigmoid", "softsign")


def activation_name(function: Any) -> str:
    """Return the name of an activation without its constants."""
    return function if isinstance(function, str) else function[0]


class Setting(NamedTuple):
    """One option at a value other than its default. True means that the value is sampled with the case."""

    option: str
    value: Any = True

    def __str__(self) -> str:
        if isinstance(self.value, tuple):
            name, *constants = self.value
            return f"{self.option}={name}({','.join(map(str, constants))})"
        return self.option if self.value is True else f"{self.option}={self.value}"


def cell_settings(cell: Cell, functions: Iterable[Any] = FUNCTIONS) -> list[Setting]:
    """Return every setting of every option of the cell, with the given activations."""
    settings = [Setting(a, f) for a, default in cell.activations.items() for f in functions if f != default.name]
    settings += [Setting(name, 0.7 if name == "clip" else True) for name in cell.accepts]
    settings += [Setting(name, value) for name, values in cell.options.items() for value in values[1:]]
    return [
        *settings,
        Setting("checkpoint", 2),
        *(Setting(way) for way in ("lengths", "mask", "reverse", "batch_first")),
    ]


def _params(of: Callable[[Cell], list[tuple[Setting, ...]]]) -> list[Any]:
    return [pytest.param(c, s, id="-".join([c.name, *map(str, s)])) for c in CELLS.values() for s in of(c)]


# All cells evaluate activations in the same code, so two are enough for most tests: a bounded one with constants and an
# unbounded one. EVERY_ACTIVATION contains all of them for two cells that have both kinds of activation.
REPRESENTATIVES = (("hard_sigmoid", 0.3, 0.4), ("elu", 0.7))
OPTIONS = _params(lambda cell: [(setting,) for setting in cell_settings(cell, REPRESENTATIVES)])
PAIRS = _params(
    lambda cell: [(a, b) for a, b in combinations(cell_settings(cell, REPRESENTATIVES), 2) if a.option != b.option]
)
EVERY_ACTIVATION = _params(
    lambda cell: [(s,) for s in cell_settings(cell) if s.option in cell.activations and cell.name in ("lstm", "mingru")]
)


@dataclass(frozen=True)
class Case:
    """One call of a cell, with the gradient of each output."""

    cell: Cell
    options: dict[
        str, Any
    ]  # options that are not arrays: reset_after, update_gate, activation, recurrent_activation, clip
    call: dict[str, Any]  # lengths, mask, reverse, batch_first
    arguments: dict[str, Array]  # x, W, U, b, h0, c0, peephole, recurrent_mask, if they are passed
    doutputs: dict[str, Array]  # dy, dh, dc
    real: npt.NDArray[np.bool_]  # (T, B)
    keeping: dict[str, Any] = field(default_factory=dict)  # options of the forward function: checkpoint

    @property
    def differentiable(self) -> dict[str, Array]:
        """Return the arguments that have a gradient."""
        return {name: a for name, a in self.arguments.items() if name != "recurrent_mask"}

    def astype(self, dtype: npt.DTypeLike) -> Case:
        """Return the case with the same values in another dtype."""
        arguments = {name: a.astype(dtype) for name, a in self.arguments.items()}
        return replace(self, arguments=arguments, doutputs={name: a.astype(dtype) for name, a in self.doutputs.items()})

    def with_argument(self, name: str, value: Any) -> Case:
        """Return the case with one argument replaced."""
        return replace(self, arguments={**self.arguments, name: value})

    def forward(self, module: Any, **more: Any) -> tuple[Any, Any]:
        """Return the output and the tape."""
        out, tape = getattr(module, f"{self.cell.name}_forward")(
            **{**self.arguments, **self.options, **self.call, **self.keeping, **more}
        )
        return out, tape

    def backward(self, module: Any, tape: Any, **more: Any) -> Any:
        """Return the gradients."""
        return getattr(module, f"{self.cell.name}_backward")(tape, **{**self.doutputs, **more})

    def run(self, module: Any) -> tuple[Any, Any, Any]:
        """Return the output, the tape and the gradients."""
        out, tape = self.forward(module)
        return out, tape, self.backward(module, tape)

    def loss(self, module: Any) -> Any:
        """Return a scalar loss. Its gradients are the gradients that `run` returns."""
        out = self.forward(module)[0]
        return sum((getattr(out, name[1:]) * d).sum() for name, d in self.doutputs.items())


def make_case(
    cell: Cell,
    options: dict[str, Any] | None = None,
    *,
    T: int = 5,
    B: int = 3,
    I: int = 4,
    H: int = 6,
    dtype: npt.DTypeLike = np.float64,
    seed: int = 0,
    call: str = "plain",
    bias: str = "two",
    states: bool = True,
    settings: Iterable[Setting] = (),
    scale: float = 1,
) -> Case:
    """Sample a case. `call` is one of CALLS, `bias` one of BIASES. `states` is True for initial states.

    Lengths are spread evenly from 0 to T, both included, in random order; "all" combines all kinds of
    call. A recurrent mask consists of 0 and 4/3, as of dropout with rate 0.25. Settings change no other values, except
    that weights and biases are halved if gates are not bounded, because products of such gates grow very fast with T.
    """
    rng = np.random.default_rng([seed, T, B, I, H])
    chosen = {setting.option: setting.value for setting in settings}
    ways = {"lengths", "mask", "reverse", "batch_first"} if call == "all" else {call, *chosen}
    batch_first = "batch_first" in ways
    time = (B, T) if batch_first else (T, B)
    GH = len(cell.gates) * H
    arguments = {
        "x": rng.normal(size=(*time, I)),
        "W": rng.normal(size=(I, GH)) / max(I, 1) ** 0.5,
    }
    if cell.recurrence == "full":
        arguments["U"] = rng.normal(size=(H, GH)) / H**0.5
    if cell.recurrence == "diagonal":
        arguments["U"] = rng.uniform(-1, 1, size=H)
    if bias != "none":
        arguments["b"] = rng.normal(size={"one": (GH,), "two": (2, GH)}[bias]) / 2
    if states:
        arguments |= {f"{state}0": rng.normal(size=(B, H)) / 2 for state in cell.states}
    doutputs = {"dy": rng.normal(size=(*time, H))} | {f"d{state}": rng.normal(size=(B, H)) for state in cell.states}

    lengths = rng.permutation(np.linspace(T, 0, B).round().astype(np.int64))
    mask = rng.random(size=(T, B)) < 0.6
    real = np.ones((T, B), dtype=bool)
    call_options: dict[str, Any] = {}
    if "lengths" in ways:
        call_options["lengths"] = lengths
        real &= np.arange(T)[:, None] < lengths
    if "mask" in ways:
        call_options["mask"] = mask.T if batch_first else mask
        real &= mask
    if "reverse" in ways:
        call_options["reverse"] = True
    if batch_first:
        call_options["batch_first"] = True

    if "peephole" in chosen:
        arguments["peephole"] = rng.normal(size=(3, H)) / 2
    arguments = {name: scale * a for name, a in arguments.items()}
    if "recurrent_mask" in chosen:
        arguments["recurrent_mask"] = (rng.random(size=(B, H)) < 0.75) / 0.75
    if activation_name(chosen.get("recurrent_activation", "sigmoid")) not in BOUNDED:
        arguments |= {name: arguments[name] / 2 for name in ("W", "U", "b", "peephole") if name in arguments}
    cell_options = (*cell.activations, *cell.options, "clip")
    all_options = {**(options or {}), **{name: value for name, value in chosen.items() if name in cell_options}}
    keeping = {name: value for name, value in chosen.items() if name == "checkpoint"}
    return Case(cell, all_options, call_options, arguments, doutputs, real, keeping).astype(dtype)


def make_smooth_case(cell: Cell, options: dict[str, Any] | None = None, *, seed: int = 0, **how: Any) -> Case:
    """Return the case of the first seed, from `seed` on, in which no value is within 1e-4 of a kink.

    Central differences change an argument by 6e-6 in float64, and the values computed from it by a similar amount.
    """
    for later in range(seed, seed + 1000):
        case = make_case(cell, options, seed=later, **how)
        if distance_from_kinks(case) >= 1e-4:
            return case
    raise AssertionError("no seed keeps away from the kinks: make the case smaller, or give it inputs or a bias")


def distance_from_kinks(case: Case) -> float:
    """Return the smallest distance of a pre-activation, or of the LSTM's c, from a kink of the activations.

    A jump of the second derivative, as that of softsign and elu at 0, counts as a kink.
    """
    kinks = {case.options["clip"], -case.options["clip"]} if "clip" in case.options else set()
    for name, default in case.cell.activations.items():
        f = parse(case.cell.name, name, case.options.get(name, default))
        if f.name == "hard_sigmoid":
            kinks |= {-f.beta / f.alpha, (1 - f.beta) / f.alpha}
        elif f.name in ("relu", "leaky_relu", "elu", "softsign"):
            kinks.add(0.0)
    tape, gates = case.forward(reference)[1], len(case.cell.gates)
    seen = [a for step in tape.steps for a in step.saved[gates : 2 * gates]]
    seen += [c[step.t, step.rows] for step in tape.steps for c in tape.history[1:]]
    return min((float(np.abs(a - kink).min(initial=np.inf)) for a in seen for kink in kinks), default=np.inf)


def central_differences(f: Callable[[], Any], x: Array) -> Array:
    """Return the gradient of the scalar f() with respect to x by central differences.

    f reads the array x, which is modified in place and restored.

    The step eps**(1/3) balances the rounding errors of f and the error from its third derivative.
    """
    gradient = np.empty_like(x)
    step = float(np.finfo(x.dtype).eps) ** (1 / 3)
    for index in np.ndindex(x.shape):
        old = x[index]
        x[index] = above = old + step
        f_above = f()
        x[index] = below = old - step
        f_below = f()
        x[index] = old
        gradient[index] = (f_above - f_below) / (above - below)
    return gradient


def assert_gradient(name: str, actual: Any, numeric: Any) -> None:
    """Check a gradient against central differences.

    With step = eps**(1/3), the errors from rounding, eps / step, and from the third derivative, step**2, are both of
    the relative size eps**(2/3) = 4e-11 in float64. The tolerance has a factor of 25 for the sums in the loss.
    """
    assert actual.shape == numeric.shape, f"{name} has shape {actual.shape}, not {numeric.shape}"
    limit = 25 * float(np.finfo(numeric.dtype).eps) ** (2 / 3) * max(1.0, float(np.abs(numeric).max(initial=0)))
    worst = float(np.abs(actual - numeric).max(initial=0))
    assert worst <= limit, f"{name} is {worst:.2g} away from central differences; allowed are {limit:.2g}"


def assert_gradients_along_a_line(case: Case, module: Any) -> None:
    """Check each gradient against the central difference along a random direction of its argument.

    A wrong entry is found as in `assert_gradient`, with two losses per argument instead of two per entry.
    """
    rng = np.random.default_rng(0)
    grads = case.run(module)[2]
    for name, array in case.differentiable.items():
        direction = rng.normal(size=array.shape)
        direction /= np.linalg.norm(direction) or 1
        along = np.sum(getattr(grads, f"d{name}") * direction)
        assert_gradient(f"d{name} along a line", along, _slope_along(case, module, name, direction))


def _slope_along(case: Case, module: Any, name: str, direction: Array) -> Array:
    start = case.arguments[name]
    way = np.zeros((), start.dtype)
    return central_differences(lambda: case.with_argument(name, start + way * direction).loss(module), way)


def assert_accurate(name: str, actual: Any, reference: Any, truth: Any) -> None:
    """Check that the error is at most twice that of the reference in the same precision, plus 1 ulp.

    `truth` is the reference in a wider dtype. Errors are compared in maximum and in root mean square. The ulp is that
    of the largest magnitude in `truth`.
    """
    assert actual.dtype == reference.dtype, f"{name} is {actual.dtype}, not {reference.dtype}"
    assert actual.shape == reference.shape == truth.shape, f"{name} has shape {actual.shape}, not {truth.shape}"
    if truth.size == 0:
        return
    ulp = float(np.spacing(np.abs(truth).max().astype(actual.dtype)))
    error, allowed = np.abs(actual - truth), np.abs(reference - truth)
    for norm, of in (("max", np.max), ("rms", lambda e: np.sqrt(np.mean(e * e)))):
        got, limit = float(of(error)), 2 * float(of(allowed)) + ulp
        assert got <= limit, f"{name} has {norm} error {got:.3g} ({got / ulp:.2f} ulp); allowed are {limit:.3g}"


def assert_same_bits(actual: Any, expected: Any, *, of: tuple[str, ...] | None = None) -> None:
    """Check dtype, shape and bits of every array of a named tuple, or of those named in `of`. Signs of zeros count."""
    for name, a, e in zip(type(expected)._fields, actual, expected, strict=True):
        if of is not None and name not in of:
            continue
        assert (a is None) == (e is None), name
        if e is not None:
            assert (a.dtype, a.shape) == (e.dtype, e.shape), name
            np.testing.assert_array_equal(a.view(f"u{a.itemsize}"), e.view(f"u{e.itemsize}"), err_msg=name)
