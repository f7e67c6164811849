"""One update of an optimizer, as far as it is the same at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqfuse._arrays import Array


@dataclass(slots=True, eq=False, repr=False)
class Update:
    """The rule and its surroundings; the kernels read the fields by name."""

    rule: str  # name in optimizer_rules.hpp
    states: tuple[Array, ...]  # flat, like the parameters, in the order of the rule; written
    numbers: tuple[float, ...]  # constants of the rule, in its order
    runs: Array  # int64 (n, 3): begin, end, whether weight decay applies
    grad_scale: float = 1.0  # multiplies gradients first
    limit: str = "none"  # of gradients: none, value, norm (of each run) or global_norm
    max_gradient: float = 0.0  # what the limit allows
    weight_decay: float = 0.0
