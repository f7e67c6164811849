"""Random calls of the operations that work on each row of x: GELU, SiLU, softmax, normalizations and rotary.

    OPERATIONS                  pytest.param(variant) for every operation with every choice of options
    variant.case(...)           a Case: arguments, options and the gradient of y, sampled from a seed
    case.run(module)            {"y": ..., "dx": ..., "dgamma": ...}, from the forward and the backward function

`module` is `seqfuse.reference` or `seqfuse.functional`. A case is sampled in float64 and then rounded to its dtype, so
`case.astype(dtype)` of a float32 case has the same values. A row is the last axis of x. Each row of y and dx depends
only on the same row of x and dy.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest


@dataclass(frozen=True)
class Case:
    """One call of an operation, with the gradient of y."""

    operation: str
    x: Any  # (..., D)
    dy: Any
    weights: dict[str, Any]  # arguments that have a gradient
    tables: dict[str, Any]  # arguments without a gradient: cos and sin
    options: dict[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        """All arguments of the forward function by name."""
        return {"x": self.x, **self.weights, **self.tables, **self.options}

    def astype(self, dtype: Any) -> Case:
        """Return the case with the same values in another dtype."""
        return self.map(lambda a: a.astype(dtype))

    def map(self, function: Any) -> Case:
        """Return the case with `function` applied to every array of real numbers."""
        weights, tables = ({name: function(a) for name, a in part.items()} for part in (self.weights, self.tables))
        return replace(self, x=function(self.x), dy=function(self.dy), weights=weights, tables=tables)

    def rows(self, rows: Any) -> Case:
        """Return the case of some rows of the first axis."""
        options = dict(self.options)
        if np.ndim(options.get("positions", ())) == 2:
            options["positions"] = options["positions"][rows]
        return replace(self, x=self.x[rows], dy=self.dy[rows], options=options)

    def forward(self, module: Any) -> tuple[Any, Any]:
        """Return y and the tape."""
        y, tape = getattr(module, f"{self.operation}_forward")(**self.arguments)
        return y, tape

    def backward(self, module: Any, tape: Any, **options: Any) -> dict[str, Any]:
        """Return the gradients by name."""
        grads = getattr(module, f"{self.operation}_backward")(tape, self.dy, **options)
        return grads._asdict() if hasattr(grads, "_asdict") else {"dx": grads}

    def run(self, module: Any) -> dict[str, Any]:
        """Return y and the gradients by name, without those that are None."""
        y, tape = self.forward(module)
        return {name: a for name, a in {"y": y, **self.backward(module, tape)}.items() if a is not None}

    def loss(self, module: Any) -> Any:
        """Return a scalar loss. Its gradients are the gradients that `run` returns."""
        return (getattr(module, self.operation)(**self.arguments) * self.dy).sum()


@dataclass(frozen=True)
class OperationVariant:
    """One operation with one choice of options."""

    operation: str
    weights: tuple[str, ...] = ()  # (D,)
    options: dict[str, Any] = field(default_factory=dict)
    positions: str = ""  # shape of positions for rotary: "" for none, "T" or "B, T"

    def __str__(self) -> str:
        arguments = [*self.weights, *(f"{name}={value}" for name, value in self.options.items())]
        return "-".join([self.operation, *arguments, *([f"positions ({self.positions})"] if self.positions else [])])

    def case(
        self,
        leading: tuple[int, ...] = (4, 3, 2),
        D: int = 19,
        *,
        dtype: Any = np.float64,
        seed: int = 0,
        scale: float = 1,
    ) -> Case:
        """Sample a case.

        For rotary, x is (B, H, T, D), and its first 2 * (3 * D // 8) features are rotated.
        """
        rng = np.random.default_rng([D, seed])
        x, dy = scale * rng.normal(size=(*leading, D)), rng.normal(size=(*leading, D))
        weights = {name: rng.normal(size=D) for name in self.weights}
        tables: dict[str, Any] = {}
        options = dict(self.options)
        if self.operation == "rotary":
            B, _, T = leading
            angle = rng.uniform(-4, 4, size=(T + 2, 3 * D // 8))
            tables = {"cos": np.cos(angle), "sin": np.sin(angle)}
            if self.positions:
                options["positions"] = rng.integers(T + 2, size=(T,) if self.positions == "T" else (B, T))
        return Case(self.operation, x, dy, weights, tables, options).astype(dtype)


OPERATION_VARIANTS = [
    OperationVariant("gelu"),
    OperationVariant("gelu", options={"approximate": True}),
    OperationVariant("silu"),
    OperationVariant("softmax"),
    OperationVariant("layer_norm", ("gamma", "beta")),
    OperationVariant("layer_norm", ("gamma",), {"epsilon": 0.1}),
    OperationVariant("layer_norm", ("beta",)),
    OperationVariant("layer_norm"),
    OperationVariant("rms_norm", ("gamma",)),
    OperationVariant("rms_norm", options={"epsilon": 0.1}),
    OperationVariant("rotary"),
    OperationVariant("rotary", options={"interleaved": True}),
    OperationVariant("rotary", positions="T"),
    OperationVariant("rotary", options={"interleaved": True}, positions="B, T"),
]
OPERATIONS = [pytest.param(variant, id=str(variant)) for variant in OPERATION_VARIANTS]
