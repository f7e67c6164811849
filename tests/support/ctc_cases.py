"""Random calls of the CTC loss, and the probability of labels from all paths.

    make_ctc_case(call, ...)              a Case: logits, labels and the gradient of the losses, sampled from a seed
    case.run(module)                {"losses": ..., "dlogits": ...}
    spell(path, blank)              the labels that a path spells
    probabilities(logits, blank)    {labels: probability} of all labels, for a row with few steps and classes

`module` is `seqfuse.reference` or `seqfuse.functional`. A case is sampled in float64 and then rounded to its dtype, so
`case.astype(dtype)` of a float32 case has the same values.
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
    valid: Any  # (T, B), True at valid steps

    def astype(self, dtype: Any) -> Case:
        """Return the case with the same values in another dtype."""
        return replace(self, logits=self.logits.astype(dtype), dlosses=self.dlosses.astype(dtype))

    @property
    def time_major_logits(self) -> Any:
        """Return a view (T, B, C) of the logits."""
        return self.logits.swapaxes(0, 1) if self.options.get("batch_first") else self.logits

    def forward(self, module: Any) -> tuple[Any, Any]:
        """Return the losses and the tape."""
        losses, tape = module.ctc_loss_forward(self.logits, self.labels, **self.options)
        return losses, tape

    def run(self, module: Any) -> dict[str, Any]:
        """Return the losses and the gradient by name."""
        losses, tape = self.forward(module)
        return {"losses": losses, "dlogits": module.ctc_loss_backward(tape, self.dlosses)}

    def row(self, b: int) -> Case:
        """Return row b as a batch of one, with only its valid steps and its labels."""
        count = self.options["label_lengths"][b] if "label_lengths" in self.options else self.labels.shape[1]
        options = {"blank": self.options["blank"]} if "blank" in self.options else {}
        x = self.time_major_logits[self.valid[:, b], b][:, None]
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
    """Sample a case.

    With few classes, labels repeat.
    """
    rng = np.random.default_rng([T, B, C, S, seed])
    logits, dlosses = scale * rng.normal(size=(T, B, C)), rng.normal(size=B)
    blank = C - 1 if call == "all" else 0
    labels = (blank + 1 + rng.integers(C - 1, size=(B, S))) % C
    if not repeats:  # two labels alternate
        labels = np.broadcast_to((blank + 1 + np.arange(S) % 2) % C, (B, S))
    options: dict[str, Any] = {}
    valid = np.ones((T, B), bool)
    if call != "plain":
        options["label_lengths"] = rng.integers(S + 1, size=B)
        options["label_lengths"][:1] = S
    if call in ("lengths", "all"):
        options["lengths"] = rng.integers(T - T // 3, T + 1, size=B)
        valid &= np.arange(T)[:, None] < options["lengths"]
    if call in ("mask", "all"):
        options["mask"] = rng.random((T, B)) < 0.9
        valid &= options["mask"]
    if call == "all":
        options |= {"batch_first": True, "blank": blank, "mask": options["mask"].T}
        logits = np.ascontiguousarray(logits.swapaxes(0, 1))
    return Case(logits, labels, dlosses, options, valid).astype(dtype)


def spell(path: tuple[int, ...], blank: int = 0) -> tuple[int, ...]:
    """Return the labels of a path: runs of one class merged, then blanks removed."""
    return tuple(c for c, _ in groupby(path) if c != blank)


def probabilities(logits: Any, blank: int = 0) -> dict[tuple[int, ...], float]:
    """Return the probability of all labels that the rows (n, C) can spell, as the sum over all C**n paths."""
    logits = np.asarray(logits, np.float64)
    probability = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-1e300))
    probability /= probability.sum(axis=1, keepdims=True)
    total: dict[tuple[int, ...], float] = {}
    for path in product(range(logits.shape[1]), repeat=len(logits)):
        labels = spell(path, blank)
        total[labels] = total.get(labels, 0.0) + float(np.prod(probability[np.arange(len(path)), list(path)]))
    return total
