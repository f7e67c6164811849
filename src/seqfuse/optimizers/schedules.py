"""Learning rates that change from update to update: functions of the number of updates before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from seqfuse import _checks, _names, _registry
from seqfuse._config import Configured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["CosineDecay", "ExponentialDecay", "LearningRateSchedule", "LinearWarmup", "PiecewiseConstantDecay", "get"]


def __dir__() -> list[str]:
    return sorted(__all__)


class LearningRateSchedule(Configured):
    """A function of the step: write `__call__(step)` to make one.

    Examples
    --------
    >>> from seqfuse.optimizers import SGD, schedules
    >>> class Harmonic(schedules.LearningRateSchedule):
    ...     def __init__(self, first):
    ...         self.first = first
    ...     def __call__(self, step):
    ...         return self.first / (step + 1)
    >>> SGD(Harmonic(0.5)).learning_rate
    0.5
    """

    def __call__(self, step: int) -> float:
        """The learning rate of an update, given how many there were before."""
        raise NotImplementedError(f"{type(self).__name__}: __call__ must be written; got a schedule without it")


def _positive(schedule: object, name: str, value: Any) -> Any:
    if not _checks.real(type(schedule).__name__, name, value) > 0:
        raise ValueError(f"{type(schedule).__name__}: {name} must be greater than 0; got {value}")
    return value


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate^(step / decay_steps)

    Parameters
    ----------
    initial_learning_rate, decay_steps, decay_rate : float        decay_steps greater than 0
    staircase : bool        whole numbers of step / decay_steps alone count
    name : str        as in Keras; nothing depends on it

    Examples
    --------
    >>> from seqfuse.optimizers.schedules import ExponentialDecay
    >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)
    0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate, self.decay_rate, self.staircase = initial_learning_rate, decay_rate, staircase
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.name = name

    def __call__(self, step: int) -> float:
        passed = step // self.decay_steps if self.staircase else step / self.decay_steps
        return float(self.initial_learning_rate * self.decay_rate**passed)


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to step boundaries[0], that one included, then values[1] up to boundaries[1], and so on.

    Parameters
    ----------
    boundaries : (n,)        steps, ascending
    values : (n + 1,)        learning rates
    name : str        as in Keras; nothing depends on it

    Examples
    --------
    >>> from seqfuse.optimizers.schedules import PiecewiseConstantDecay
    >>> rate = PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.1])
    >>> rate(100), rate(101), rate(201)
    (1.0, 0.5, 0.1)
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        self.boundaries, self.values, self.name = list(boundaries), list(values), name
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstantDecay: values must be (n + 1,) = ({len(self.boundaries) + 1},), one more than "
                f"boundaries; got ({len(self.values)},)"
            )
        if self.boundaries != sorted(self.boundaries):
            raise ValueError(f"PiecewiseConstantDecay: boundaries must be ascending; got {self.boundaries}")

    def __call__(self, step: int) -> float:
        return float(self.values[sum(step > boundary for boundary in self.boundaries)])


class CosineDecay(LearningRateSchedule):
    """Half a wave from the greatest rate down to alpha times it, after a linear warm-up where one is wanted.

        rate(step) = start * ((1 - alpha) * (1 + cos(pi * min(step / decay_steps, 1))) / 2 + alpha)

    With a `warmup_target`, the rate goes in a line from initial_learning_rate to it in `warmup_steps` steps, and then
    as above from there; without one, start is initial_learning_rate.

    Parameters
    ----------
    initial_learning_rate, decay_steps : float        decay_steps greater than 0, the warm-up not counted
    alpha : float        what is left in the end
    name : str        as in Keras; nothing depends on it
    warmup_target : float        None: no warm-up
    warmup_steps : int

    Notes
    -----
    Loshchilov and Hutter 2017, arXiv:1608.03983; the warm-up: Goyal et al. 2017, arXiv:1706.02677.

    Examples
    --------
    >>> from seqfuse.optimizers.schedules import CosineDecay
    >>> rate = CosineDecay(0.0, decay_steps=100, warmup_target=0.5, warmup_steps=10)
    >>> rate(5), rate(10), rate(60), rate(110)
    (0.25, 0.5, 0.25, 0.0)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate, self.alpha, self.name = initial_learning_rate, alpha, name
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: int) -> float:
        start = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return float(start + (self.warmup_target - start) * step / self.warmup_steps)
            start, step = self.warmup_target, step - self.warmup_steps
        wave = 0.5 * (1.0 + math.cos(math.pi * min(step / self.decay_steps, 1.0)))
        return float(start * ((1.0 - self.alpha) * wave + self.alpha))


class LinearWarmup(LearningRateSchedule):
    """A line from initial_learning_rate to learning_rate in warmup_steps steps, and after it what that says.

    Parameters
    ----------
    learning_rate : float or schedule        a schedule begins with step 0 when the warm-up is over
    warmup_steps : int        greater than 0
    initial_learning_rate : float

    Examples
    --------
    >>> from seqfuse.optimizers.schedules import ExponentialDecay, LinearWarmup
    >>> rate = LinearWarmup(ExponentialDecay(0.5, 10, 0.5), warmup_steps=4)
    >>> rate(0), rate(2), rate(4), rate(14)
    (0.0, 0.25, 0.5, 0.25)
    """

    def __init__(self, learning_rate: Any, warmup_steps: int, initial_learning_rate: float = 0.0) -> None:
        self.learning_rate = get(learning_rate, "LinearWarmup")
        self.warmup_steps = _positive(self, "warmup_steps", warmup_steps)
        self.initial_learning_rate = initial_learning_rate

    def __call__(self, step: int) -> float:
        after = step - self.warmup_steps
        rate = self.learning_rate
        end = float(rate(max(after, 0)) if callable(rate) else rate)
        start = self.initial_learning_rate
        return end if after >= 0 else start + (end - start) * step / self.warmup_steps


_TABLE: dict[str, type[LearningRateSchedule]] = {
    schedule.__name__: schedule for schedule in (CosineDecay, ExponentialDecay, LinearWarmup, PiecewiseConstantDecay)
}


def get(identifier: Any, function: str = "schedules.get") -> float | Callable[..., float]:
    """A learning rate, whichever way it is given.

    Parameters
    ----------
    identifier : a number, a schedule, a function of the step (or of nothing), or {"class_name": ..., "config": ...}
    function : str        what an error says asked for it

    Returns
    -------
    float, or what is called

    Raises
    ------
    ValueError        there is no schedule of this name
    TypeError        it is none of these

    Examples
    --------
    >>> from seqfuse.optimizers import schedules
    >>> schedules.get({"class_name": "LinearWarmup", "config": {"learning_rate": 0.1, "warmup_steps": 10}})
    LinearWarmup(learning_rate=0.1, warmup_steps=10, initial_learning_rate=0.0)
    """
    if isinstance(identifier, dict) and "class_name" in identifier:
        schedule = _names.look_up(function, "learning_rate", identifier["class_name"], _TABLE)
        return schedule.from_config(identifier.get("config", {}))
    if callable(identifier):
        return identifier  # type: ignore[no-any-return]
    if isinstance(identifier, (str, dict)) or identifier is None:
        raise TypeError(f"{function}: learning_rate must be a number, a schedule or a function; got {identifier!r}")
    return _checks.real(function, "learning_rate", identifier)


_registry.register(
    __name__, [LearningRateSchedule, ExponentialDecay, PiecewiseConstantDecay, CosineDecay, LinearWarmup]
)
