"""Cases of attention for the tests of the reference and of the kernels, and checks of their gradients.

    SETTINGS            pytest.param(settings) for every option at every value of interest, one at a time
    PAIRS               the same for every two options that can be combined; each value of both occurs at least once
    make_attention_case(settings, ...)      an AttentionCase of a given size, sampled from a seed
    assert_gradients(case, module), assert_gradients_along_a_line(case, module)     against central differences
    random_case(seed)   a case of any size, options, dtype and layout, from choose_case(choose) and with_random_layouts
    case.run(module)    (AttentionOutput, tape, AttentionGrads) from `seqfuse.functional` or `seqfuse.reference`
    case.allowed        (B, Hq, Tq, Tk), which query may attend to which key, computed with a loop over query-key pairs

A setting is one option at one value. The options `mask`, `lengths`, `dlse` and the options of the shape are sampled
with the case. A mask is "<kind>:<axes>": the kind is one of MASKS, and the mask has full length along the named axes b,
h, q and k.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from support.cases import assert_gradient, central_differences
from support.pairwise import meetings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from seqfuse._cells import Array

# A bool mask; an additive mask of finite numbers; an additive mask with some -inf.
MASKS = ("bool", "added", "-inf")
SHAPE_OPTIONS = ("Hq", "Hk", "Tq", "Dv")
VALUES = {
    "mask": [f"{kind}:bhqk" for kind in MASKS]
    + ["bool:qk", "added:hqk", "-inf:qk", "bool:bk", "added:bq", "-inf:hk", "bool:k", "added:", "-inf:bhk"],
    "causal": [True, "top_left", "bottom_right"],
    "window": [(2, 1), (None, 0), (0, None), (0, 0), (None, None)],
    "scale": [0.7, -0.4, 0.0],
    "softcap": [1.5],
    "lengths": [True],
    "dropout": [0.3],
    "dlse": [True],
    "Hk": [1],
    "Tq": ["fewer", "more"],
    "Dv": ["narrower"],
}


class Setting(NamedTuple):
    """One option at one value. True means that the value is sampled with the case."""

    option: str
    value: Any = True

    def __str__(self) -> str:
        return self.option if self.value is True and self.option != "causal" else f"{self.option}={self.value}"


def can_be_combined(settings: Iterable[Setting]) -> bool:
    """Return whether a call accepts all these settings.

    If the numbers of queries and keys differ, causal attention and windows need an alignment.
    """
    chosen = {setting.option: setting.value for setting in settings}
    aligned = chosen.get("causal") in ("top_left", "bottom_right")
    return "Tq" not in chosen or aligned or not ("window" in chosen or "causal" in chosen)


_ALL = [Setting(option, value) for option, values in VALUES.items() for value in values]
SETTINGS = [pytest.param((s,), id=str(s)) for s in _ALL]
PAIRS = [
    pytest.param((Setting(*a), Setting(*b)), id=f"{Setting(*a)}-{Setting(*b)}")
    for a, b in meetings(VALUES)
    if can_be_combined((Setting(*a), Setting(*b)))
]


@dataclass(frozen=True)
class AttentionCase:
    """One call of attention, with the gradient of each of its outputs."""

    arguments: dict[str, Array]  # q, k, v; mask
    options: dict[str, Any]  # causal, window, scale, softcap, lengths, dropout, seed
    doutputs: dict[str, Array]  # dy; dlse

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Return the shape (B, Hq, Tq, Tk) of the scores."""
        return (*self.arguments["q"].shape[:3], self.arguments["k"].shape[2])

    @property
    def differentiable(self) -> dict[str, Array]:
        """Return the arguments that have a gradient."""
        return {name: a for name, a in self.arguments.items() if a.dtype != bool}

    @cached_property
    def allowed(self) -> npt.NDArray[np.bool_]:
        """Return which query may attend to which key, (B, Hq, Tq, Tk).

        Each entry is computed from the definition of the options.
        """
        B, _, Tq, Tk = self.shape
        causal, lengths = self.options.get("causal", False), [int(n) for n in self.options.get("lengths", [Tk] * B)]
        left, right = (np.inf if w is None else w for w in self.options.get("window") or (None, None))
        allowed = np.zeros(self.shape, bool)
        for b, i, j in product(range(B), range(Tq), range(Tk)):
            p = i + (lengths[b] - Tq if causal == "bottom_right" else 0)
            allowed[b, :, i, j] = j < lengths[b] and (not causal or j <= p) and p - left <= j <= p + right
        mask = self.arguments.get("mask", np.True_)
        return allowed & (mask if mask.dtype == bool else mask != -np.inf)

    def astype(self, dtype: npt.DTypeLike) -> AttentionCase:
        """Return the case with the same values in another dtype."""
        arguments = {name: a if a.dtype == bool else a.astype(dtype) for name, a in self.arguments.items()}
        return replace(self, arguments=arguments, doutputs={name: a.astype(dtype) for name, a in self.doutputs.items()})

    def with_argument(self, name: str, value: Any) -> AttentionCase:
        """Return the case with one argument replaced."""
        return replace(self, arguments={**self.arguments, name: value})

    def with_options(self, **options: Any) -> AttentionCase:
        """Return the case with some options replaced."""
        return replace(self, options={**self.options, **options})

    def forward(self, module: Any, **changes: Any) -> tuple[Any, Any]:
        """Return the AttentionOutput and the tape."""
        out, tape = module.attention_forward(**{**self.arguments, **self.options, "return_lse": True, **changes})
        return out, tape

    def backward(self, module: Any, tape: Any, **changes: Any) -> Any:
        """Return the gradients, including the gradient of an additive mask."""
        has_dmask = "mask" in self.differentiable
        return module.attention_backward(tape, **{**self.doutputs, "need_dmask": has_dmask, **changes})

    def run(self, module: Any) -> tuple[Any, Any, Any]:
        """Return the AttentionOutput, the tape and the gradients."""
        out, tape = self.forward(module)
        return out, tape, self.backward(module, tape)

    def loss(self, module: Any) -> Any:
        """Return a scalar loss, whose gradients are the gradients that `run` returns.

        Queries without keys do not contribute.
        """
        out, has_keys = self.forward(module)[0], self.allowed.any(axis=-1)
        loss = (out.y * self.doutputs["dy"]).sum()
        return loss + (out.lse[has_keys] * self.doutputs["dlse"][has_keys]).sum() if "dlse" in self.doutputs else loss


def make_attention_case(
    settings: Iterable[Setting] = (),
    *,
    B: int = 2,
    Hq: int = 4,
    Hk: int = 2,
    Tq: int = 5,
    Tk: int | None = None,
    D: int = 3,
    Dv: int | None = None,
    dtype: npt.DTypeLike = np.float64,
    seed: int = 0,
) -> AttentionCase:
    """Sample a case.

    Tk is Tq and Dv is D by default. Settings of the shape take precedence over arguments of this function.

    Lengths are spread evenly from 0 to Tk, both included, in random order. A mask allows two thirds of its entries. If
    the mask has only one entry per query, an excluded query has no keys.
    """
    rng = np.random.default_rng([seed, B, Tq, D])
    chosen = {setting.option: setting.value for setting in settings}
    assert can_be_combined(settings)
    Tk = Tq if Tk is None else Tk
    Dv = D if Dv is None else Dv
    Hk = chosen.get("Hk", Hk)
    Tq = {"fewer": max(Tq // 2, 1), "more": Tq + 3}.get(chosen.get("Tq", ""), Tq)
    Dv = max(Dv - 1, 1) if "Dv" in chosen else Dv
    shapes = {"q": (B, Hq, Tq, D), "k": (B, Hk, Tk, D), "v": (B, Hk, Tk, Dv)}
    arguments = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    doutputs = {"dy": rng.normal(size=(B, Hq, Tq, Dv)) / 2, "dlse": rng.normal(size=(B, Hq, Tq)) / 2}
    lengths = rng.permutation(np.linspace(Tk, 0, B).round().astype(np.int64))
    if "mask" in chosen:
        arguments["mask"] = random_mask(rng, chosen["mask"], (B, Hq, Tq, Tk))
    if "dlse" not in chosen:
        del doutputs["dlse"]
    options = {name: value for name, value in chosen.items() if name in ("causal", "window", "scale", "softcap")}
    if "lengths" in chosen:
        options["lengths"] = lengths
    if "dropout" in chosen:
        options |= {"dropout": chosen["dropout"], "seed": 2**63 + 11 + seed}
    return AttentionCase(arguments, options, doutputs).astype(dtype)


def random_mask(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
    """Return a random mask "<kind>:<axes>".

    Leading axes that are not named are omitted, but at least two axes remain.
    """
    kind, axes = name.split(":")
    shape = tuple(n if axis in axes else 1 for axis, n in zip("bhqk", shape))
    shape = shape[min((i for i, axis in enumerate("bhqk") if axis in axes), default=2) :]
    shape = (1,) * (2 - len(shape)) + shape
    excluded = rng.random(size=shape) < 1 / 3
    if kind == "bool":
        return np.asarray(~excluded)
    return np.asarray(np.where(excluded & (kind == "-inf"), -np.inf, rng.normal(size=shape)))


# ---- random calls ----------------------------------------------------------------------------------------------------

# Packets of 4, 8 and 16, blocks of queries and blocks of 64 keys: one less, full, and one more.
SIZES = [1, 2, 3, 5, 7, 15, 16, 17, 31, 47, 48, 49, 63, 64, 65, 96, 97, 127, 128, 129, 130, 193]
FEATURES = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65]
WINDOWS = [None, 0, 1, 5, 47, 63, 64, 100]


def _heads_last(array: Array) -> Array:
    """Return the array with the memory layout (B, T, H, D)."""
    return array.swapaxes(1, 2).copy().swapaxes(1, 2) if array.ndim == 4 else array


def _reversed_layout(array: Array) -> Array:
    """Return the array with negative strides along its last two axes."""
    return array[..., ::-1, ::-1].copy()[..., ::-1, ::-1]


# The same values: in C order; as (B, T, H, D) in memory; with gaps along two axes; with negative strides; in Fortran
# order; with swapped bytes.
LAYOUTS: list[Callable[[Array], Array]] = [
    lambda array: array,
    _heads_last,
    lambda array: np.repeat(array, 2, -2)[..., ::2, :],
    lambda array: np.repeat(array, 2, -1)[..., ::2],
    _reversed_layout,
    np.asfortranarray,
    lambda array: array.astype(array.dtype.newbyteorder()),
]


def choose_case(choose: Callable[[list[Any]], Any]) -> AttentionCase:
    """Return a case of any size, options and dtype.

    `choose` returns an entry of a list, in which the first entry is the simplest.
    """
    seed, B, Hk, group = choose(list(range(8))), choose([1, 2, 3, 0]), choose([1, 2, 3]), choose([1, 2, 3])
    Tq, D, Dv = choose(SIZES + [0]), choose(FEATURES + [0]), choose([None, *FEATURES, 0])
    Tk = choose([Tq, Tq, *SIZES, 0])
    if B * Hk * group * Tq * Tk > 100_000:
        B, Hk = 1, 1
    causal = choose([False, *([True] if Tq == Tk else []), "top_left", "bottom_right"])
    aligned = Tq == Tk or isinstance(causal, str)
    chosen = {
        "mask": choose([None, None, *MASKS]),
        "causal": causal,
        "window": choose([None, (choose(WINDOWS), choose(WINDOWS))]) if aligned else None,
        "scale": choose([None, None, 0.3, -0.2, 0.0]),
        "softcap": choose([None, None, 2.0]),
        "lengths": choose([None, True]),
        "dropout": choose([None, None, 0.1, 0.9]),
        "dlse": choose([None, True]),
    }
    if chosen["mask"]:
        chosen["mask"] += ":" + "".join(choose(["", axis, axis]) for axis in "bhqk")
    settings = [Setting(option, value) for option, value in chosen.items() if value is not None]
    case = make_attention_case(settings, B=B, Hq=Hk * group, Hk=Hk, Tq=Tq, Tk=Tk, D=D, Dv=Dv, seed=seed)
    if "lengths" in case.options:
        case.options["lengths"] = case.options["lengths"].astype(choose([np.int64, np.uint8, np.int32, np.uint64]))
    if "mask" in case.arguments and choose([False, True]):
        mask = case.arguments["mask"]
        case = case.with_argument("mask", mask.reshape((1,) * (4 - mask.ndim) + mask.shape))
    return case.astype(choose([np.float32, np.float64, np.float16]))


def with_random_layouts(case: AttentionCase, choose: Callable[[list[Any]], Any]) -> AttentionCase:
    """Return the case with every array in a layout that `choose` selects."""
    arguments = {name: choose(LAYOUTS)(a) for name, a in case.arguments.items()}
    return replace(case, arguments=arguments, doutputs={n: choose(LAYOUTS)(d) for n, d in case.doutputs.items()})


def random_case(seed: int) -> AttentionCase:
    """Return the case and the layouts that a seed selects."""
    rng = np.random.default_rng(seed)

    def choose(options: list[Any]) -> Any:
        return options[rng.integers(len(options))]

    return with_random_layouts(choose_case(choose), choose)


# ---- gradients -------------------------------------------------------------------------------------------------------


def _numeric_gradient(case: AttentionCase, module: Any, name: str, offset: Array, direction: Any) -> Array:
    """Return central differences of the loss with respect to `offset`, which is 0.

    The finite entries of the argument are moved by offset * direction.
    """
    array_value = case.arguments[name]
    moved = lambda: np.where(np.isfinite(array_value), array_value + offset * direction, array_value)  # noqa: E731
    return central_differences(lambda: case.with_argument(name, moved()).loss(module), offset)


def assert_gradients(case: AttentionCase, module: Any) -> None:
    """Check each gradient of a case against central differences.

    Excluded entries of a mask have no gradient.
    """
    grads = case.run(module)[2]
    for name, array in case.differentiable.items():
        numeric = _numeric_gradient(case, module, name, np.zeros(array.shape, array.dtype), 1)
        assert_gradient(f"d{name}", getattr(grads, f"d{name}"), numeric)


def assert_gradients_along_a_line(case: AttentionCase, module: Any) -> None:
    """Check each gradient of a case against the central difference along a random direction of its argument.

    A wrong entry is found as in `assert_gradients`, with two losses per argument instead of two per entry.
    """
    rng = np.random.default_rng(0)
    grads = case.run(module)[2]
    for name, array in case.differentiable.items():
        direction = rng.normal(size=array.shape)
        direction /= np.linalg.norm(direction) or 1
        numeric = _numeric_gradient(case, module, name, np.zeros((), array.dtype), direction)
        assert_gradient(f"d{name} along a line", np.sum(getattr(grads, f"d{name}") * direction), numeric)
