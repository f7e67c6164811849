"""The constant part of an optimizer's updates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqfuse._arrays import Array


@dataclass(slots=True, eq=False, repr=False)
class Update:
    """Update rule, states and options; the kernels read the fields by name."""

    rule: str  # name in optimizer_rules.hpp
    states: tuple[Array, ...]  # flat arrays like the parameters, in the order of the rule; updated in place
    numbers: tuple[float, ...]  # constants of the rule, in its order
    runs: Array  # int64 (n, 3): begin, end, whether weight decay applies
    grad_scale: float = 1.0  # factor of the gradients
    limit: str = "none"  # limit of the gradients: none, value, norm (per run) or global_norm
    max_gradient: float = 0.0  # value of the limit
    weight_decay: float = 0.0
