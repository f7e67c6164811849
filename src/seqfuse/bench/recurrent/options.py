"""What can be asked of a cell besides the plain call, each option as a problem of its own."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np

from seqfuse import _activations
from seqfuse import functional as F
from seqfuse.bench.case import Array
from seqfuse.bench.recurrent.problem import Problem
from seqfuse.bench.recurrent.shapes import Shape

REAL = 0.6  # the share of the steps of a padded batch that are real
CLIP = 3.0  # seldom reached; the time does not depend on it
KEEP = 0.75  # the share of the units that a recurrent mask keeps


def lengths(shape: Shape) -> Array:
    """(B,), from T down to T/5 in no order: six tenths of the steps are real, and one row fills the batch."""
    T, B, _, _ = shape
    spread = np.linspace(T, (2 * REAL - 1) * T, B).round().astype(np.int64).clip(1)
    return np.random.default_rng(0).permutation(spread)


def with_lengths(problem: Problem) -> Problem:
    """The same problem, padded."""
    return problem._replace(options={"lengths": lengths(problem.shape)})


def variations(problem: Problem) -> dict[str, Problem]:
    """The problem with one option more, for every option that the cell takes, by the name it has in the table."""
    T, B, _, H = problem.shape
    random = np.random.default_rng(1)
    options: dict[str, tuple[str, Any]] = {
        "lengths": ("lengths", lengths(problem.shape)),
        "mask": ("mask", random.random((T, B)) < REAL),
        "clip": ("clip", CLIP),
        "peephole": ("peephole", (random.uniform(-1, 1, (3, H)) / np.sqrt(H)).astype(np.float32)),
        "recurrent_mask": ("recurrent_mask", (random.random((B, H)) < KEEP).astype(np.float32) / np.float32(KEEP)),
        "checkpoint=sqrt(T)": ("checkpoint", math.isqrt(T - 1) + 1),
        "reset_after=False": ("reset_after", False),
        "update_gate=candidate": ("update_gate", "candidate"),
    }
    for parameter in ("activation", "recurrent_activation"):
        options |= {f"{parameter}={name}": (parameter, name) for name in _activations.DEFINITIONS}
    taken = inspect.signature(getattr(F, f"{problem.cell}_forward")).parameters
    return {
        name: problem._replace(options={parameter: value})
        for name, (parameter, value) in options.items()
        if parameter in taken and not (isinstance(value, str) and value == taken[parameter].default)
    }
