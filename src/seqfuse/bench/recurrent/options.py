"""Options of the recurrent cells, each as a problem of its own."""

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

VALID = 0.6  # fraction of valid steps in a padded batch
CLIP = 3.0  # rarely reached; the time does not depend on it
KEEP = 0.75  # fraction of units that the recurrent mask keeps


def lengths(shape: Shape) -> Array:
    """Return lengths (B,) from T/5 to T in random order. One row has length T, and 60 % of all steps are valid."""
    T, B, _, _ = shape
    spread = np.linspace(T, (2 * VALID - 1) * T, B).round().astype(np.int64).clip(1)
    return np.random.default_rng(0).permutation(spread)


def with_lengths(problem: Problem) -> Problem:
    """Return the same problem with lengths."""
    return problem._replace(options={"lengths": lengths(problem.shape)})


def variations(problem: Problem) -> dict[str, Problem]:
    """Return the problem with one option added, for every option of the cell, by the option's name in the table."""
    T, B, _, H = problem.shape
    random = np.random.default_rng(1)
    options: dict[str, tuple[str, Any]] = {
        "lengths": ("lengths", lengths(problem.shape)),
        "mask": ("mask", random.random((T, B)) < VALID),
        "clip": ("clip", CLIP),
        "peephole": ("peephole", (random.uniform(-1, 1, (3, H)) / np.sqrt(H)).astype(np.float32)),
        "recurrent_mask": ("recurrent_mask", (random.random((B, H)) < KEEP).astype(np.float32) / np.float32(KEEP)),
        "checkpoint=sqrt(T)": ("checkpoint", math.isqrt(T - 1) + 1),
        "reset_after=False": ("reset_after", False),
        "update_gate=candidate": ("update_gate", "candidate"),
    }
    for parameter in ("activation", "recurrent_activation"):
        options |= {f"{parameter}={name}": (parameter, name) for name in _activations.DEFINITIONS}
    parameters = inspect.signature(getattr(F, f"{problem.cell}_forward")).parameters
    return {
        name: problem._replace(options={parameter: value})
        for name, (parameter, value) in options.items()
        if parameter in parameters and not (isinstance(value, str) and value == parameters[parameter].default)
    }
