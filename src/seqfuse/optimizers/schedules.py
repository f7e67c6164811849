"""Learning-rate schedules: functions of the number of updates so far."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any, TypeAlias

from seqfuse import _checks, _names, _registry
from seqfuse._config import Configured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LearningRateLike: TypeAlias = "float | LearningRateSchedule | Callable[..., float]"

__all__ = ["CosineDecay", "ExponentialDecay", "LearningRateSchedule", "LinearWarmup", "PiecewiseConstantDecay", "get"]


def __dir__() -> list[str]:
    return sorted(__all__)


class LearningRateSchedule(Configured):
    """Base class of the schedules. A subclass defines ``__call__(step)``.

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
        """Return the learning rate of an update.

        Parameters
        ----------
        step : int
            Number of updates before this one.

        Returns
        -------
        float
            Learning rate.
        """
        raise NotImplementedError(f"{type(self).__name__}: a subclass must define __call__(step); got no definition")


def _positive(schedule: object, name: str, value: Any) -> Any:
    """Return `value` if it is a number greater than 0."""
    if not _checks.real(type(schedule).__name__, name, value) > 0:
        raise ValueError(f"{type(schedule).__name__}: {name} must be greater than 0; got {value}")
    return value


class ExponentialDecay(LearningRateSchedule):
    """Exponential decay: initial_learning_rate * decay_rate^(step / decay_steps).

    Parameters
    ----------
    initial_learning_rate : float
        Learning rate at step 0.
    decay_steps : float
        Number of steps after which the rate has been multiplied by `decay_rate`; greater than 0.
    decay_rate : float
        Factor per `decay_steps` steps.
    staircase : bool, default False
        Round ``step / decay_steps`` down to an integer, so that the rate changes every `decay_steps` steps.
    name : str, default "ExponentialDecay"
        Name, kept for Keras's sake. It does not affect the result.

    Raises
    ------
    ValueError
        If `decay_steps` is not greater than 0.

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
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: int) -> float:
        exponent = step // self.decay_steps if self.staircase else step / self.decay_steps
        return float(self.initial_learning_rate * self.decay_rate**exponent)


class PiecewiseConstantDecay(LearningRateSchedule):
    """Piecewise constant rate: values[0] up to and including step boundaries[0], then values[1], and so on.

    Parameters
    ----------
    boundaries : sequence of float, length n
        Steps at which the rate changes, in ascending order.
    values : sequence of float, length n + 1
        Learning rates.
    name : str, default "PiecewiseConstant"
        Name, kept for Keras's sake. It does not affect the result.

    Raises
    ------
    ValueError
        If the lengths do not fit, or the boundaries are not in ascending order.

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
    """Cosine decay, optionally after a linear warm-up.

    The decay is half a period of a cosine ::

        rate(step) = start * ((1 - alpha) * (1 + cos(pi * min(step / decay_steps, 1))) / 2 + alpha)

    Without a warm-up, start is `initial_learning_rate`. With one, the rate first rises linearly from
    `initial_learning_rate` to `warmup_target` in `warmup_steps` steps; the decay then begins at `warmup_target`.

    Parameters
    ----------
    initial_learning_rate : float
        Learning rate at step 0.
    decay_steps : float
        Number of steps of the decay, without the warm-up; greater than 0.
    alpha : float, default 0.0
        Final rate as a fraction of start.
    name : str, default "CosineDecay"
        Name, kept for Keras's sake. It does not affect the result.
    warmup_target : float, optional
        Learning rate at the end of the warm-up. None (default) means no warm-up.
    warmup_steps : int, default 0
        Number of steps of the warm-up.

    Raises
    ------
    ValueError
        If `decay_steps` is not greater than 0.

    References
    ----------
    Cosine decay: Loshchilov and Hutter 2017, arXiv:1608.03983. Warm-up: Goyal et al. 2017, arXiv:1706.02677.

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
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: int) -> float:
        start = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return float(start + (self.warmup_target - start) * step / self.warmup_steps)
            start, step = self.warmup_target, step - self.warmup_steps
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(step / self.decay_steps, 1.0)))
        return float(start * ((1.0 - self.alpha) * cosine + self.alpha))


class LinearWarmup(LearningRateSchedule):
    """Linear warm-up before a constant rate or another schedule.

    The rate rises linearly from `initial_learning_rate` to `learning_rate` in `warmup_steps` steps.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        Learning rate after the warm-up. A schedule starts at step 0 when the warm-up ends.
    warmup_steps : int
        Number of steps of the warm-up, greater than 0.
    initial_learning_rate : float, default 0.0
        Learning rate at step 0.

    Raises
    ------
    ValueError
        If `warmup_steps` is not greater than 0.

    Examples
    --------
    >>> from seqfuse.optimizers.schedules import ExponentialDecay, LinearWarmup
    >>> rate = LinearWarmup(ExponentialDecay(0.5, 10, 0.5), warmup_steps=4)
    >>> rate(0), rate(2), rate(4), rate(14)
    (0.0, 0.25, 0.5, 0.25)
    """

    def __init__(self, learning_rate: LearningRateLike, warmup_steps: int, initial_learning_rate: float = 0.0) -> None:
        self.learning_rate = get(learning_rate, "LinearWarmup")
        self.warmup_steps = _positive(self, "warmup_steps", warmup_steps)
        self.initial_learning_rate = initial_learning_rate

    def __call__(self, step: int) -> float:
        after = step - self.warmup_steps
        rate = self.learning_rate
        end = float(rate(max(after, 0)) if callable(rate) else rate)
        start = self.initial_learning_rate
        return end if after >= 0 else start + (end - start) * step / self.warmup_steps


def accepts_step(rate: float | Callable[..., float]) -> bool:
    """Return whether a learning rate is a function of the step.

    Keras calls a function that is not a schedule without arguments.
    """
    if isinstance(rate, LearningRateSchedule) or not callable(rate):
        return True
    return any(p.kind is not p.KEYWORD_ONLY for p in inspect.signature(rate).parameters.values())


_TABLE: dict[str, type[LearningRateSchedule]] = {
    schedule.__name__: schedule for schedule in (CosineDecay, ExponentialDecay, LinearWarmup, PiecewiseConstantDecay)
}


def get(identifier: Any, function: str = "schedules.get") -> float | Callable[..., float]:
    """Return a learning rate from a number, a callable or a configuration.

    Parameters
    ----------
    identifier : float, LearningRateSchedule, callable or dict
        A number, a schedule, a function of the step (or without parameters), or
        ``{"class_name": ..., "config": ...}``.
    function : str, default "schedules.get"
        Name that error messages begin with.

    Returns
    -------
    float or callable
        The number, or the callable that returns it.

    Raises
    ------
    ValueError
        If no schedule has the name.
    TypeError
        If `identifier` is of another kind.

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
