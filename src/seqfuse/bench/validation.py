"""Compare results with the reference. Only contenders with correct results are timed."""

from __future__ import annotations

import numpy as np

from seqfuse.bench.case import Array, Results

# Largest error that counts as rounding, relative to the largest value. In float32 the errors are below 1e-5 here; a
# mistake such as swapped gates or steps leads to errors above 0.1.
TOLERANCE = 1e-4

# If an activation has a kink, rounding moves a few of a million units to the other side of it, where the slope differs.
# In an RNN with relu and shape (50, 64, 512, 512) this changes single gradients by up to 3e-2, but the root mean square
# of the errors by at most 2e-3. A wrong gate changes it by 0.1. So the root mean square is compared.
KINK_TOLERANCE = 1e-2


def disagreement(results: Results, expected: Results, kinked: bool = False) -> str | None:
    """Return which result is wrong and by how much, or None if all are correct."""
    for name, right in expected.items():
        got = results[name]
        if got.shape != right.shape:
            return f"{name} has shape {got.shape}; expected {right.shape}"
        if kinked and name.startswith("d"):
            error, limit = _root_mean_square(got - right), KINK_TOLERANCE * _root_mean_square(right)
        else:
            error, limit = (float(np.abs(a).max(initial=0.0)) for a in (got - right, right))
            limit *= TOLERANCE
        if not error <= limit:  # also true if the error is NaN
            return f"{name} has an error of {error:.2e}; rounding explains at most {limit:.2e}"
    return None


def _root_mean_square(a: Array) -> float:
    """Return the root mean square of an array, 0 if it is empty."""
    return float(np.sqrt(np.mean(a * a))) if a.size else 0.0
