"""Cases that the tests of the reference and of the kernels share: random calls of every cell, and how to judge results.

    VARIANTS            pytest.param(cell, options) for every cell with every combination of its options
    CALLS               names of the ways to call: "plain", "lengths", "mask", "reverse", "batch_first", "all"
    BIASES              "none", "one" (G*H,), "two" (2, G*H)
    make_case(...)      a Case: arguments, options and gradients of the outputs, drawn from a seed
    case.run(module)    (output, tape, grads) of `<cell>_forward` and `<cell>_backward` of that module
    case.loss(module)   the scalar whose gradients these are: sum of output * gradient of output
    central_differences(f, x)               gradient of f() with respect to the array x, which f reads
    assert_gradient(name, actual, numeric)  compares with central differences
    assert_accurate(name, actual, reference, truth)  the accuracy rule
    assert_same_bits(actual, expected)      for results that may not differ at all

`module` is `seqfuse.reference`, `seqfuse.functional`, or anything with their functions. A case is drawn in float64
and then rounded to its dtype, so that `case.astype(dtype)` of a float32 case has the very same values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from seqfuse._cells import variants

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from seqfuse._cells import Array, Cell

VARIANTS = [pytest.param(c, o, id="-".join([c.name, *(f"{k}={v}" for k, v in o.items())])) for c, o in variants()]
CALLS = ("plain", "lengths", "mask", "reverse", "batch_first", "all")
BIASES = ("none", "one", "two")


@dataclass(frozen=True)
class Case:
    """One call of a cell, with the gradient of each of its outputs."""

    cell: Cell
    options: dict[str, Any]  # of the cell
    call: dict[str, Any]  # lengths, mask, reverse, batch_first
    arguments: dict[str, Array]  # x, W, U, b, h0, c0, as far as given
    doutputs: dict[str, Array]  # dy, dh, dc
    real: npt.NDArray[np.bool_]  # (T, B)

    def astype(self, dtype: npt.DTypeLike) -> Case:
        """The same values as numbers of another type."""
        arguments = {name: a.astype(dtype) for name, a in self.arguments.items()}
        return replace(self, arguments=arguments, doutputs={name: a.astype(dtype) for name, a in self.doutputs.items()})

    def with_argument(self, name: str, value: Any) -> Case:
        """The same case but for one argument."""
        return replace(self, arguments={**self.arguments, name: value})

    def forward(self, module: Any, **more: Any) -> tuple[Any, Any]:
        """Output and tape."""
        out, tape = getattr(module, f"{self.cell.name}_forward")(
            **self.arguments, **self.options, **{**self.call, **more}
        )
        return out, tape

    def backward(self, module: Any, tape: Any, **more: Any) -> Any:
        """Gradients."""
        return getattr(module, f"{self.cell.name}_backward")(tape, **{**self.doutputs, **more})

    def run(self, module: Any) -> tuple[Any, Any, Any]:
        """Output, tape and gradients."""
        out, tape = self.forward(module)
        return out, tape, self.backward(module, tape)

    def loss(self, module: Any) -> Any:
        """The scalar whose gradients are those of `run`."""
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
) -> Case:
    """Draw a case; `call` is one of CALLS, `bias` one of BIASES, `states` whether initial states are given.

    Lengths are spread evenly from 0 to T, both included, in random order; "all" is every way of calling at once.
    """
    rng = np.random.default_rng([seed, T, B, I, H])
    batch_first = call in ("batch_first", "all")
    time = (B, T) if batch_first else (T, B)
    GH = len(cell.gates) * H
    arguments = {
        "x": rng.normal(size=(*time, I)),
        "W": rng.normal(size=(I, GH)) / max(I, 1) ** 0.5,
        "U": rng.normal(size=(H, GH)) / H**0.5,
    }
    if bias != "none":
        arguments["b"] = rng.normal(size={"one": (GH,), "two": (2, GH)}[bias]) / 2
    if states:
        arguments |= {f"{state}0": rng.normal(size=(B, H)) / 2 for state in cell.states}
    doutputs = {"dy": rng.normal(size=(*time, H))} | {f"d{state}": rng.normal(size=(B, H)) for state in cell.states}

    real = np.ones((T, B), dtype=bool)
    call_options: dict[str, Any] = {}
    if call in ("lengths", "all"):
        call_options["lengths"] = lengths = rng.permutation(np.linspace(T, 0, B).round().astype(np.int64))
        real &= np.arange(T)[:, None] < lengths
    if call in ("mask", "all"):
        mask = rng.random(size=(T, B)) < 0.6
        call_options["mask"] = mask.T if batch_first else mask
        real &= mask
    if call in ("reverse", "all"):
        call_options["reverse"] = True
    if batch_first:
        call_options["batch_first"] = True
    return Case(cell, dict(options or {}), call_options, arguments, doutputs, real).astype(dtype)


def central_differences(f: Callable[[], Any], x: Array) -> Array:
    """Gradient of the scalar f() with respect to x, an array that f reads and that is changed in place meanwhile.

    The step eps**(1/3) balances the rounding of f against the third derivative that the difference leaves out.
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
    """A gradient agrees with central differences.

    Rule: with step = eps**(1/3), rounding leaves eps / step and the third derivative step**2 of the function's and
    the gradient's size, that is eps**(2/3) = 4e-11 in float64 both; a factor of 25 is left for the sums behind a loss.
    """
    assert actual.shape == numeric.shape, f"{name} has shape {actual.shape}, not {numeric.shape}"
    limit = 25 * float(np.finfo(numeric.dtype).eps) ** (2 / 3) * max(1.0, float(np.abs(numeric).max(initial=0)))
    worst = float(np.abs(actual - numeric).max(initial=0))
    assert worst <= limit, f"{name} is {worst:.2g} away from central differences; allowed are {limit:.2g}"


def assert_accurate(name: str, actual: Any, reference: Any, truth: Any) -> None:
    """The accuracy rule: at most twice the error of the reference in the same precision, plus 1 ulp.

    `truth` is the reference in a wider type. Both errors are taken in max norm and in root mean square; the ulp
    is that of the largest magnitude of the truth.
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
    """Every array of a named tuple, or those named in `of`, has the expected type, shape and bits, also of zeros."""
    for name, a, e in zip(type(expected)._fields, actual, expected, strict=True):
        if of is not None and name not in of:
            continue
        assert (a is None) == (e is None), name
        if e is not None:
            assert (a.dtype, a.shape) == (e.dtype, e.shape), name
            np.testing.assert_array_equal(a.view(f"u{a.itemsize}"), e.view(f"u{e.itemsize}"), err_msg=name)
