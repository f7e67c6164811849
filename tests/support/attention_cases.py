"""Cases of attention that the tests of the reference and of the kernel share, and how to judge their gradients.

    SETTINGS            pytest.param(settings) for every option at every value of interest, one at a time
    PAIRS               the same for every two options that go together, each value of the two once at least
    make_attention_case(settings, ...)      an AttentionCase of a given size, drawn from a seed
    assert_gradients(case, module), assert_gradients_along_a_line(case, module)     against central differences
    random_case(seed)   one of any size, options, type and layout, which draw_case(choose) and with_random_layout choose
    case.run(module)    (AttentionOutput, tape, AttentionGrads) of that module: `seqfuse.functional`, or the reference
    case.allowed            (B, Hq, Tq, Tk), which query may attend to which key, by a loop over pairs

A setting is one option at one value. The options `mask`, `lengths`, `dlse` and those of the shape are drawn with the
case; a mask is "<kind>:<axes>", of a kind in MASKS and of full length along the axes b, h, q and k that are named.
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

# bool; finite numbers that are added; the same with -inf among them.
MASKS = ("bool", "added", "-inf")
OF_THE_SHAPE = ("Hq", "Hk", "Tq", "Dv")
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
    """One option at one value; True where the value is drawn with the case."""

    option: str
    value: Any = True

    def __str__(self) -> str:
        return self.option if self.value is True and self.option != "causal" else f"{self.option}={self.value}"


def go_together(settings: Iterable[Setting]) -> bool:
    """Whether a call may have them all: other numbers of queries than keys need to be told how they are aligned."""
    chosen = {setting.option: setting.value for setting in settings}
    aligned = chosen.get("causal") in ("top_left", "bottom_right")
    return "Tq" not in chosen or aligned or not ("window" in chosen or "causal" in chosen)


_ALL = [Setting(option, value) for option, values in VALUES.items() for value in values]
SETTINGS = [pytest.param((s,), id=str(s)) for s in _ALL]
PAIRS = [
    pytest.param((Setting(*a), Setting(*b)), id=f"{Setting(*a)}-{Setting(*b)}")
    for a, b in meetings(VALUES)
    if go_together((Setting(*a), Setting(*b)))
]


@dataclass(frozen=True)
class AttentionCase:
    """One call of attention, with the gradient of each of its outputs."""

    arguments: dict[str, Array]  # q, k, v; mask
    options: dict[str, Any]  # causal, window, scale, softcap, lengths, dropout, seed
    doutputs: dict[str, Array]  # dy; dlse

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(B, Hq, Tq, Tk)."""
        return (*self.arguments["q"].shape[:3], self.arguments["k"].shape[2])

    @property
    def differentiable(self) -> dict[str, Array]:
        """The arguments that have a gradient."""
        return {name: a for name, a in self.arguments.items() if a.dtype != bool}

    @cached_property
    def allowed(self) -> npt.NDArray[np.bool_]:
        """(B, Hq, Tq, Tk), which query may attend to which key: pair by pair, as the options are explained."""
        B, _, Tq, Tk = self.shape
        causal, lengths = self.options.get("causal", False), [int(n) for n in self.options.get("lengths", [Tk] * B)]
        left, right = (np.inf if w is None else w for w in self.options.get("window") or (None, None))
        may = np.zeros(self.shape, bool)
        for b, i, j in product(range(B), range(Tq), range(Tk)):
            p = i + (lengths[b] - Tq if causal == "bottom_right" else 0)
            may[b, :, i, j] = j < lengths[b] and (not causal or j <= p) and p - left <= j <= p + right
        mask = self.arguments.get("mask", np.True_)
        return may & (mask if mask.dtype == bool else mask != -np.inf)

    def astype(self, dtype: npt.DTypeLike) -> AttentionCase:
        """The same values as numbers of another type."""
        arguments = {name: a if a.dtype == bool else a.astype(dtype) for name, a in self.arguments.items()}
        return replace(self, arguments=arguments, doutputs={name: a.astype(dtype) for name, a in self.doutputs.items()})

    def with_argument(self, name: str, value: Any) -> AttentionCase:
        """The same case but for one argument."""
        return replace(self, arguments={**self.arguments, name: value})

    def with_options(self, **options: Any) -> AttentionCase:
        """The same case but for some options."""
        return replace(self, options={**self.options, **options})

    def forward(self, module: Any, **more: Any) -> tuple[Any, Any]:
        """AttentionOutput and tape."""
        out, tape = module.attention_forward(**{**self.arguments, **self.options, "return_lse": True, **more})
        return out, tape

    def backward(self, module: Any, tape: Any, **more: Any) -> Any:
        """Gradients, that of the mask too where it has one."""
        has_dmask = "mask" in self.differentiable
        return module.attention_backward(tape, **{**self.doutputs, "need_dmask": has_dmask, **more})

    def run(self, module: Any) -> tuple[Any, Any, Any]:
        """AttentionOutput, tape and gradients."""
        out, tape = self.forward(module)
        return out, tape, self.backward(module, tape)

    def loss(self, module: Any) -> Any:
        """The scalar whose gradients are those of `run`; rows with nothing to attend to are not in it."""
        out, some = self.forward(module)[0], self.allowed.any(axis=-1)
        loss = (out.y * self.doutputs["dy"]).sum()
        return loss + (out.lse[some] * self.doutputs["dlse"][some]).sum() if "dlse" in self.doutputs else loss


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
    """Draw a case; Tk is Tq and Dv is D by default. What settings say of the shape comes before what arguments say.

    Lengths are spread evenly from 0 to Tk, both included, in random order. A mask leaves two thirds of the pairs, and
    nothing to attend to where the mask's axes hold but one number for a query that is left out.
    """
    rng = np.random.default_rng([seed, B, Tq, D])
    chosen = {setting.option: setting.value for setting in settings}
    assert go_together(settings)
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
        arguments["mask"] = draw_mask(rng, chosen["mask"], (B, Hq, Tq, Tk))
    if "dlse" not in chosen:
        del doutputs["dlse"]
    options = {name: value for name, value in chosen.items() if name in ("causal", "window", "scale", "softcap")}
    if "lengths" in chosen:
        options["lengths"] = lengths
    if "dropout" in chosen:
        options |= {"dropout": chosen["dropout"], "seed": 2**63 + 11 + seed}
    return AttentionCase(arguments, options, doutputs).astype(dtype)


def draw_mask(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
    """A mask "<kind>:<axes>"; leading axes that are not named are left out, as long as two remain."""
    kind, axes = name.split(":")
    shape = tuple(n if axis in axes else 1 for axis, n in zip("bhqk", shape))
    shape = shape[min((i for i, axis in enumerate("bhqk") if axis in axes), default=2) :]
    shape = (1,) * (2 - len(shape)) + shape
    excluded = rng.random(size=shape) < 1 / 3
    if kind == "bool":
        return np.asarray(~excluded)
    return np.asarray(np.where(excluded & (kind == "-inf"), -np.inf, rng.normal(size=shape)))


# ---- any call --------------------------------------------------------------------------------------------------------

# Packets of 4, 8 and 16, blocks of queries and blocks of 64 keys: less one, whole, and one more.
SIZES = [1, 2, 3, 5, 7, 15, 16, 17, 31, 47, 48, 49, 63, 64, 65, 96, 97, 127, 128, 129, 130, 193]
FEATURES = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65]
WINDOWS = [None, 0, 1, 5, 47, 63, 64, 100]


def _heads_last(array: Array) -> Array:
    return array.swapaxes(1, 2).copy().swapaxes(1, 2) if array.ndim == 4 else array


def _backwards(array: Array) -> Array:
    return array[..., ::-1, ::-1].copy()[..., ::-1, ::-1]


# The same numbers: in C order; as (B, T, H, D) in memory; with gaps; backwards; in Fortran's order; in other bytes.
LAYOUTS: list[Callable[[Array], Array]] = [
    lambda array: array,
    _heads_last,
    lambda array: np.repeat(array, 2, -2)[..., ::2, :],
    lambda array: np.repeat(array, 2, -1)[..., ::2],
    _backwards,
    np.asfortranarray,
    lambda array: array.astype(array.dtype.newbyteorder()),
]


def draw_case(choose: Callable[[list[Any]], Any]) -> AttentionCase:
    """A call of any size, options and type; `choose` takes one of a list, of which the first is the simplest."""
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


def with_random_layout(case: AttentionCase, choose: Callable[[list[Any]], Any]) -> AttentionCase:
    """The case with every array somewhere else in memory."""
    arguments = {name: choose(LAYOUTS)(a) for name, a in case.arguments.items()}
    return replace(case, arguments=arguments, doutputs={n: choose(LAYOUTS)(d) for n, d in case.doutputs.items()})


def random_case(seed: int) -> AttentionCase:
    """The case and the layouts that a seed chooses."""
    rng = np.random.default_rng(seed)

    def choose(options: list[Any]) -> Any:
        return options[rng.integers(len(options))]

    return with_random_layout(draw_case(choose), choose)


# ---- gradients -------------------------------------------------------------------------------------------------------


def _slope(case: AttentionCase, module: Any, name: str, way: Array, direction: Any) -> Array:
    """Central differences with respect to `way`, which is 0, along directions of the argument's finite entries."""
    start = case.arguments[name]
    there = lambda: np.where(np.isfinite(start), start + way * direction, start)  # noqa: E731
    return central_differences(lambda: case.with_argument(name, there()).loss(module), way)


def assert_gradients(case: AttentionCase, module: Any) -> None:
    """Each gradient of a case agrees with central differences; excluded entries of a mask have none."""
    grads = case.run(module)[2]
    for name, array in case.differentiable.items():
        numeric = _slope(case, module, name, np.zeros(array.shape, array.dtype), 1)
        assert_gradient(f"d{name}", getattr(grads, f"d{name}"), numeric)


def assert_gradients_along_a_line(case: AttentionCase, module: Any) -> None:
    """Each gradient of a case agrees with the central difference along a random direction of its argument.

    A wrong entry shows as it would in `assert_gradients`, for two losses an argument instead of two an entry.
    """
    rng = np.random.default_rng(0)
    grads = case.run(module)[2]
    for name, array in case.differentiable.items():
        direction = rng.normal(size=array.shape)
        direction /= np.linalg.norm(direction) or 1
        numeric = _slope(case, module, name, np.zeros((), array.dtype), direction)
        assert_gradient(f"d{name} along a line", np.sum(getattr(grads, f"d{name}") * direction), numeric)
