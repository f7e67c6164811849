"""Cases of multi-head attention for the tests of the reference and of the kernels.

    SETTINGS            pytest.param(settings) for every option at every value of interest, one at a time
    PAIRS               the same for every two options that can be combined; each value of both occurs at least once
    make_multi_head_case(settings, ...)     a MultiHeadCase of a given size, sampled from a seed
    choose_case(choose), with_random_layouts(case, choose)      a case of any size and options, in any memory layout
    case.run(module)    (Output, tape, MultiHeadAttentionGrads) from `seqfuse.functional` or `seqfuse.reference`

`assert_gradients` and `assert_gradients_along_a_line` of `attention_cases` check the gradients. By default a case is
self-attention with 4 query heads, 2 key heads and all biases. The setting `source` names which of key and value are
passed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from support.attention_cases import MASKS, Setting, random_mask
from support.pairwise import meetings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from seqfuse._cells import Array

BIASES = ("bq", "bk", "bv", "bo")
VALUES: dict[str, list[Any]] = {
    "source": ["key", "key, value", "value"],
    "biases": ["", "bk, bo"],
    "rope": ["halves", "interleaved", "in part"],
    "mask": ["bool:bhqk", "added:hqk", "-inf:bqk", "bool:qk"],
    "causal": [True, "top_left", "bottom_right"],
    "window": [(2, 1)],
    "scale": [0.7],
    "softcap": [1.5],
    "lengths": [True],
    "dropout": [0.3],
    "Hk": ["one", "all"],
    "Dv": ["narrower"],
    "Tq": ["fewer", "more"],
}


def can_be_combined(settings: Iterable[Setting]) -> bool:
    """Return whether a call accepts all these settings.

    The numbers of queries and keys can differ only if key is passed, and then causal attention and windows need an
    alignment.
    """
    chosen = {setting.option: setting.value for setting in settings}
    if "Tq" not in chosen:
        return True
    aligned = chosen.get("causal") in ("top_left", "bottom_right") or not ("window" in chosen or "causal" in chosen)
    return aligned and chosen.get("source", "key") != "value"


_ALL = [Setting(option, value) for option, values in VALUES.items() for value in values]
SETTINGS = [pytest.param((), id="plain"), *(pytest.param((s,), id=str(s)) for s in _ALL)]
PAIRS = [
    pytest.param((Setting(*a), Setting(*b)), id=f"{Setting(*a)}-{Setting(*b)}")
    for a, b in meetings(VALUES)
    if can_be_combined((Setting(*a), Setting(*b)))
]


class Output(NamedTuple):
    """Result of the forward function by name."""

    y: Array


@dataclass(frozen=True)
class MultiHeadCase:
    """One call, with the gradient of y."""

    arguments: dict[str, Any]  # query, Wq, Wk, Wv, Wo; biases, key, value and mask if they are passed
    options: dict[str, Any]  # rope, causal, window, scale, softcap, lengths, dropout, seed
    doutputs: dict[str, Any]  # dy

    @property
    def differentiable(self) -> dict[str, Array]:
        """Return the arguments that have a gradient."""
        return {name: a for name, a in self.arguments.items() if a.dtype != bool}

    @property
    def call(self) -> dict[str, Any]:
        """Return all arguments of the forward function."""
        return {**self.arguments, **self.options}

    def map(self, function: Callable[[Array], Array]) -> MultiHeadCase:
        """Return the case with `function` applied to every array of real numbers."""
        arguments = {name: a if a.dtype == bool else function(a) for name, a in self.arguments.items()}
        options = dict(self.options)
        if "rope" in options:
            cos, sin, *pairs = options["rope"]
            options["rope"] = (function(cos), function(sin), *pairs)
        return MultiHeadCase(arguments, options, {name: function(a) for name, a in self.doutputs.items()})

    def astype(self, dtype: npt.DTypeLike) -> MultiHeadCase:
        """Return the case with the same values in another dtype."""
        return self.map(lambda a: a.astype(dtype))

    def with_argument(self, name: str, value: Any) -> MultiHeadCase:
        """Return the case with one argument replaced."""
        return replace(self, arguments={**self.arguments, name: value})

    def with_options(self, **options: Any) -> MultiHeadCase:
        """Return the case with some options replaced."""
        return replace(self, options={**self.options, **options})

    def rows(self, rows: Any) -> MultiHeadCase:
        """Return the case of some rows of the batch."""
        arguments = {name: a[rows] if name in ("query", "key", "value") else a for name, a in self.arguments.items()}
        if "mask" in arguments and arguments["mask"].ndim == 4 and arguments["mask"].shape[0] > 1:
            arguments["mask"] = arguments["mask"][rows]
        options = {name: a[rows] if name == "lengths" else a for name, a in self.options.items()}
        return MultiHeadCase(arguments, options, {"dy": self.doutputs["dy"][rows]})

    def forward(self, module: Any) -> tuple[Any, Any]:
        """Return the Output and the tape."""
        y, tape = module.multi_head_attention_forward(**self.call)
        return Output(y), tape

    def backward(self, module: Any, tape: Any, **changes: Any) -> Any:
        """Return the gradients, including the gradient of an additive mask."""
        has_dmask = "mask" in self.differentiable
        return module.multi_head_attention_backward(tape, **{**self.doutputs, "need_dmask": has_dmask, **changes})

    def run(self, module: Any) -> tuple[Any, Any, Any]:
        """Return the Output, the tape and the gradients."""
        out, tape = self.forward(module)
        return out, tape, self.backward(module, tape)

    def loss(self, module: Any) -> Any:
        """Return a scalar loss, whose gradients are the gradients that `run` returns."""
        return (module.multi_head_attention(**self.call) * self.doutputs["dy"]).sum()


def make_multi_head_case(
    settings: Iterable[Setting] = (),
    *,
    B: int = 2,
    Tq: int = 4,
    Tk: int | None = None,
    E: int = 5,
    Ek: int = 3,
    Ev: int = 6,
    Hq: int = 4,
    Hk: int = 2,
    D: int = 4,
    Dv: int = 3,
    O: int = 5,
    dtype: npt.DTypeLike = np.float64,
    seed: int = 0,
) -> MultiHeadCase:
    """Sample a case.

    Tk is Tq by default, and if key is not passed. Ek and Ev are E if key and value are not passed. Settings of the
    shape take precedence over arguments of this function. Lengths are spread evenly from 0 to Tk.
    """
    rng = np.random.default_rng([seed, B, Tq, E])
    assert can_be_combined(settings)
    chosen = {setting.option: setting.value for setting in settings}
    source = chosen.get("source", "key" if "Tq" in chosen or Tk is not None else "")
    Tk = Tq if Tk is None or "key" not in source else Tk
    Tq = {"fewer": max(Tq // 2, 1), "more": Tq + 3}.get(chosen.get("Tq", ""), Tq)
    Ek = Ek if "key" in source else E
    Ev = Ev if "value" in source else Ek
    Hk, Dv = {"one": 1, "all": Hq}.get(chosen.get("Hk", ""), Hk), max(Dv - 2, 1) if "Dv" in chosen else Dv

    def draw(*shape: int, terms: int = 1) -> Array:
        return rng.normal(size=shape) / max(terms, 1) ** 0.5

    arguments = {
        "query": draw(B, Tq, E),
        "Wq": draw(E, Hq, D, terms=E),
        "Wk": draw(Ek, Hk, D, terms=Ek),
        "Wv": draw(Ev, Hk, Dv, terms=Ev),
        "Wo": draw(Hq, Dv, O, terms=Hq * Dv),
    }
    biases = {"bq": draw(Hq, D), "bk": draw(Hk, D), "bv": draw(Hk, Dv), "bo": draw(O)}
    inputs = {"key": draw(B, Tk, Ek), "value": draw(B, Tk, Ev)}
    bias_names = chosen.get("biases", ", ".join(BIASES))
    arguments |= {name: b for name, b in biases.items() if name in bias_names}
    arguments |= {name: x for name, x in inputs.items() if name in source}
    doutputs = {"dy": draw(B, Tq, O) / 2}
    lengths = rng.permutation(np.linspace(Tk, 0, B).round().astype(np.int64))
    angles = rng.uniform(-4, 4, size=(max(Tq, Tk) + 2, D // 2))
    if "mask" in chosen:
        arguments["mask"] = random_mask(rng, chosen["mask"], (B, Hq, Tq, Tk))
    options = {name: value for name, value in chosen.items() if name in ("causal", "window", "scale", "softcap")}
    if "lengths" in chosen:
        options["lengths"] = lengths
    if "dropout" in chosen:
        options |= {"dropout": chosen["dropout"], "seed": 2**63 + 11 + seed}
    if "rope" in chosen:
        angles = angles[:, : D // 4] if chosen["rope"] == "in part" else angles
        pairs = ("interleaved",) if chosen["rope"] == "interleaved" else ()
        options["rope"] = (np.cos(angles), np.sin(angles), *pairs)
    return MultiHeadCase(arguments, options, doutputs).astype(dtype)


# ---- random calls ----------------------------------------------------------------------------------------------------

STEPS = [1, 2, 3, 5, 16, 17, 47, 63, 64, 65, 97, 130]
FEATURES = [1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 65]


def choose_case(choose: Callable[[list[Any]], Any]) -> MultiHeadCase:
    """Return a case of any size, options and dtype.

    `choose` returns an entry of a list, in which the first entry is the simplest.
    """
    source = choose(["", "key", "key, value", "value"])
    B, Hk, group, Tq = choose([1, 2, 3, 0]), choose([1, 2, 3]), choose([1, 2, 3]), choose([*STEPS, 0])
    Tk = choose([Tq, Tq, *STEPS, 0]) if "key" in source else Tq
    sizes = {name: choose([*FEATURES, 0]) for name in ("E", "Ek", "Ev", "D", "Dv", "O")}
    if B * Hk * group * Tq * Tk > 50_000:
        B, Hk = 1, 1
    causal = choose([False, *([True] if Tq == Tk else []), "top_left", "bottom_right"])
    aligned = Tq == Tk or isinstance(causal, str)
    windows = [None, 0, 1, 5, 63, 100]
    chosen = {
        "source": source,
        "biases": choose([", ".join(BIASES), "", "bq, bv"]),
        "rope": choose([None, "halves", "interleaved", "in part"]),
        "mask": choose([None, None, *MASKS]),
        "causal": causal,
        "window": choose([None, (choose(windows), choose(windows))]) if aligned else None,
        "scale": choose([None, None, 0.3, -0.2, 0.0]),
        "softcap": choose([None, None, 2.0]),
        "lengths": choose([None, True]),
        "dropout": choose([None, None, 0.1, 0.9]),
    }
    if chosen["mask"]:
        chosen["mask"] += ":" + "".join(choose(["", axis, axis]) for axis in "bhqk")
    settings = [Setting(option, value) for option, value in chosen.items() if value is not None]
    case = make_multi_head_case(settings, B=B, Tq=Tq, Tk=Tk, Hq=Hk * group, Hk=Hk, seed=choose([0, 1, 2, 3]), **sizes)
    if "lengths" in case.options:
        case = case.with_options(lengths=case.options["lengths"].astype(choose([np.int64, np.uint8, np.int32])))
    return case.astype(choose([np.float32, np.float64, np.float16]))


def _every_second_row(array: Array) -> Array:
    return np.repeat(array, 2, 0)[::2]


def _every_second_column(array: Array) -> Array:
    return np.repeat(array, 2, -1)[..., ::2]


def _reversed_columns(array: Array) -> Array:
    return array[..., ::-1].copy()[..., ::-1]


def _first_axes_exchanged(array: Array) -> Array:
    return array.swapaxes(0, 1).copy().swapaxes(0, 1) if array.ndim > 1 else array


def _byte_swapped(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder())


def _read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


# The same values in other memory layouts.
LAYOUTS = [
    _every_second_row,
    _every_second_column,
    _reversed_columns,
    _first_axes_exchanged,
    np.asfortranarray,
    _byte_swapped,
    _read_only,
]


def with_random_layouts(case: MultiHeadCase, choose: Callable[[list[Any]], Any]) -> MultiHeadCase:
    """Return the case with every array in a layout that `choose` selects."""
    return case.map(lambda a: choose([lambda array: array, *LAYOUTS])(a))
