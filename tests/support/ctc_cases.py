"""Random calls of the CTC loss, what they give by name, and the probability of labels by trying all paths.

    make_ctc_case(call, ...)              a Case: logits, labels and the gradient of the losses, drawn from a seed
    case.run(module)                {"losses": ..., "dlogits": ...}
    collapse_path(path, blank)            what a path spells
    probabilities(logits, blank)    {labels: probability} of all labels that a row of few steps and classes can spell

`module` is `seqfuse.reference` or `seqfuse.functional`. A case is drawn in float64 and then rounded to its dtype, so
that `case.astype(dtype)` of a float32 case has the very same values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby, product
from typing import Any

import numpy as np

CALLS = ("plain", "lengths", "mask", "all")  # all: lengths, mask, batch_first and another blank


@dataclass(frozen=True)
class Case:
    """One call, with the gradient of the losses."""

    logits: Any  # (T, B, C), or (B, T, C) with batch_first
    labels: Any  # (B, S)
    dlosses: Any
    options: dict[str, Any]
    real: Any  # (T, B)

    def astype(self, dtype: Any) -> Case:
        """The same values as numbers of another type."""
        return replace(self, logits=self.logits.astype(dtype), dlosses=self.dlosses.astype(dtype))

    @property
    def in_time_order(self) -> Any:
        """A view of the logits as (T, B, C)."""
        return self.logits.swapaxes(0, 1) if self.options.get("batch_first") else self.logits

    def forward(self, module: Any) -> tuple[Any, Any]:
        """The losses and the tape."""
        losses, tape = module.ctc_loss_forward(self.logits, self.labels, **self.options)
        return losses, tape

    def run(self, module: Any) -> dict[str, Any]:
        """The losses and the gradient by name."""
        losses, tape = self.forward(module)
        return {"losses": losses, "dlogits": module.ctc_loss_backward(tape, self.dlosses)}

    def row(self, b: int) -> Case:
        """Row b in a batch of its own, of its real steps and labels alone."""
        count = self.options["label_lengths"][b] if "label_lengths" in self.options else self.labels.shape[1]
        options = {"blank": self.options["blank"]} if "blank" in self.options else {}
        x = self.in_time_order[self.real[:, b], b][:, None]
        return Case(x, self.labels[b : b + 1, :count], self.dlosses[b : b + 1], options, np.ones((len(x), 1), bool))


def make_ctc_case(
    call: str = "plain",
    *,
    T: int = 17,
    B: int = 4,
    C: int = 5,
    S: int = 6,
    dtype: Any = np.float64,
    seed: int = 0,
    scale: float = 1,
    repeats: bool = True,
) -> Case:
    """Draw a case; with few classes labels repeat."""
    rng = np.random.default_rng([T, B, C, S, seed])
    logits, dlosses = scale * rng.normal(size=(T, B, C)), rng.normal(size=B)
    blank = C - 1 if call == "all" else 0
    labels = (blank + 1 + rng.integers(C - 1, size=(B, S))) % C
    if not repeats:  # two labels by turns
        labels = np.broadcast_to((blank + 1 + np.arange(S) % 2) % C, (B, S))
    options: dict[str, Any] = {}
    real = np.ones((T, B), bool)
    if call != "plain":
        options["label_lengths"] = rng.integers(S + 1, size=B)
        options["label_lengths"][:1] = S
    if call in ("lengths", "all"):
        options["lengths"] = rng.integers(T - T // 3, T + 1, size=B)
        real &= np.arange(T)[:, None] < options["lengths"]
    if call in ("mask", "all"):
        options["mask"] = rng.random((T, B)) < 0.9
        real &= options["mask"]
    if call == "all":
        options |= {"batch_first": True, "blank": blank, "mask": options["mask"].T}
        logits = np.ascontiguousarray(logits.swapaxes(0, 1))
    return Case(logits, labels, dlosses, options, real).astype(dtype)


def collapse_path(path: tuple[int, ...], blank: int = 0) -> tuple[int, ...]:
    """What is left when runs are made one and blanks are taken out."""
    return tuple(c for c, _ in groupby(path) if c != blank)


def probabilities(logits: Any, blank: int = 0) -> dict[tuple[int, ...], float]:
    """The probability of everything that the rows (n, C) can spell, as the sum over all C**n paths."""
    logits = np.asarray(logits, np.float64)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-1e300))
    shares /= shares.sum(axis=1, keepdims=True)
    found: dict[tuple[int, ...], float] = {}
    for path in product(range(logits.shape[1]), repeat=len(logits)):
        labels = collapse_path(path, blank)
        found[labels] = found.get(labels, 0.0) + float(np.prod(shares[np.arange(len(path)), list(path)]))
    return found
