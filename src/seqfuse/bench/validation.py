"""Whether a result is right: nothing is timed before."""

from __future__ import annotations

import numpy as np

from seqfuse.bench.case import Array, Results

# The largest error, as a share of the largest number, that counts as rounding: float32 stays below 1e-5 here,
# a gate or a step taken for another is out by a tenth and more.
TOLERANCE = 1e-4

# Where an activation has a kink, a few of a million units fall on its other side in float32, and take another slope: in
# an RNN with relu at (50, 64, 512, 512) single gradients are out by 3e-2 then. Their root mean square is out by 2e-3
# at most, and by a tenth for a wrong gate: it is what counts there.
KINK_TOLERANCE = 1e-2


def disagreement(results: Results, wanted: Results, kinked: bool = False) -> str | None:
    """Which of the results is wrong and by how much; None when all are right."""
    for name, right in wanted.items():
        got = results[name]
        if got.shape != right.shape:
            return f"{name} has the shape {got.shape}, not {right.shape}"
        if kinked and name.startswith("d"):
            error, limit = _root_mean_square(got - right), KINK_TOLERANCE * _root_mean_square(right)
        else:
            error, limit = (float(np.abs(a).max(initial=0.0)) for a in (got - right, right))
            limit *= TOLERANCE
        if not error <= limit:  # catches NaN too
            return f"{name} is out by {error:.2e}; rounding reaches {limit:.2e} at most"
    return None


def _root_mean_square(a: Array) -> float:
    return float(np.sqrt(np.mean(a * a))) if a.size else 0.0
