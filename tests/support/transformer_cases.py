"""Random calls of the pairs that a Transformer block needs besides attention, and what they give by name.

    PAIRS                       pytest.param(way) for every pair in every way of calling it
    Way.case(...)               a Case: arguments, options and the gradient of y, drawn from a seed
    case.run(module)            {"y": ..., "dx": ..., "dgamma": ...} of `<pair>_forward` and `<pair>_backward`

`module` is `seqfuse.reference` or `seqfuse.functional`. A case is drawn in float64 and then rounded to its dtype, so
that `case.astype(dtype)` of a float32 case has the very same values. Every pair works along the last axis of x, or
element by element, so that the rows of x are on their own: y and dx of some rows are those rows of y and dx.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest


@dataclass(frozen=True)
class Case:
    """One call of a pair, with the gradient of y."""

    pair: str
    x: Any  # (..., D)
    dy: Any
    weights: dict[str, Any]  # those that have a gradient too
    tables: dict[str, Any]  # numbers that have none
    options: dict[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        """Everything that the forward takes, by name."""
        return {"x": self.x, **self.weights, **self.tables, **self.options}

    def astype(self, dtype: Any) -> Case:
        """The same values as numbers of another type."""
        return self.map(lambda a: a.astype(dtype))

    def map(self, of: Any) -> Case:
        """The same case with `of` every array of real numbers."""
        weights, tables = ({name: of(a) for name, a in part.items()} for part in (self.weights, self.tables))
        return replace(self, x=of(self.x), dy=of(self.dy), weights=weights, tables=tables)

    def rows(self, rows: Any) -> Case:
        """The case of some rows of the first axis."""
        options = dict(self.options)
        if np.ndim(options.get("positions", ())) == 2:
            options["positions"] = options["positions"][rows]
        return replace(self, x=self.x[rows], dy=self.dy[rows], options=options)

    def forward(self, module: Any) -> tuple[Any, Any]:
        """y and the tape."""
        y, tape = getattr(module, f"{self.pair}_forward")(**self.arguments)
        return y, tape

    def backward(self, module: Any, tape: Any, **more: Any) -> dict[str, Any]:
        """The gradients by name."""
        grads = getattr(module, f"{self.pair}_backward")(tape, self.dy, **more)
        return grads._asdict() if hasattr(grads, "_asdict") else {"dx": grads}

    def run(self, module: Any) -> dict[str, Any]:
        """y and the gradients by name, without those that are None."""
        y, tape = self.forward(module)
        return {name: a for name, a in {"y": y, **self.backward(module, tape)}.items() if a is not None}

    def loss(self, module: Any) -> Any:
        """The scalar whose gradients those of `run` are."""
        return (getattr(module, self.pair)(**self.arguments) * self.dy).sum()


@dataclass(frozen=True)
class Way:
    """One way of calling a pair."""

    pair: str
    weights: tuple[str, ...] = ()  # (D,)
    options: dict[str, Any] = field(default_factory=dict)
    positions: str = ""  # rotary: "" none, "T", "B, T"

    def __str__(self) -> str:
        given = [*self.weights, *(f"{name}={value}" for name, value in self.options.items())]
        return "-".join([self.pair, *given, *([f"positions ({self.positions})"] if self.positions else [])])

    def case(
        self,
        leading: tuple[int, ...] = (4, 3, 2),
        D: int = 19,
        *,
        dtype: Any = np.float64,
        seed: int = 0,
        scale: float = 1,
    ) -> Case:
        """Draw a case. x of rotary is (B, H, T, D) and its first 2 * (3 * D // 8) features are turned."""
        rng = np.random.default_rng([D, seed])
        x, dy = scale * rng.normal(size=(*leading, D)), rng.normal(size=(*leading, D))
        weights = {name: rng.normal(size=D) for name in self.weights}
        tables: dict[str, Any] = {}
        options = dict(self.options)
        if self.pair == "rotary":
            B, _, T = leading
            angle = rng.uniform(-4, 4, size=(T + 2, 3 * D // 8))
            tables = {"cos": np.cos(angle), "sin": np.sin(angle)}
            if self.positions:
                options["positions"] = rng.integers(T + 2, size=(T,) if self.positions == "T" else (B, T))
        return Case(self.pair, x, dy, weights, tables, options).astype(dtype)


WAYS = [
    Way("gelu"),
    Way("gelu", options={"approximate": True}),
    Way("silu"),
    Way("softmax"),
    Way("layer_norm", ("gamma", "beta")),
    Way("layer_norm", ("gamma",), {"epsilon": 0.1}),
    Way("layer_norm", ("beta",)),
    Way("layer_norm"),
    Way("rms_norm", ("gamma",)),
    Way("rms_norm", options={"epsilon": 0.1}),
    Way("rotary"),
    Way("rotary", options={"interleaved": True}),
    Way("rotary", positions="T"),
    Way("rotary", options={"interleaved": True}, positions="B, T"),
]
PAIRS = [pytest.param(way, id=str(way)) for way in WAYS]
