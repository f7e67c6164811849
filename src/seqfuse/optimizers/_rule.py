"""The update rule that an optimizer passes to the kernel."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """Update rule of an optimizer, as the kernel needs it."""

    name: str  # name of the rule in optimizer_rules.hpp
    states: dict[str, float]  # state arrays in the rule's order: name and initial value
    numbers: tuple[float, ...]  # hyperparameters in the rule's order
