"""Adagrad: gradients divided by the root of the sum of their squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse.optimizers._rule import Rule
from seqfuse.optimizers.optimizer import Optimizer

if TYPE_CHECKING:
    from seqfuse.optimizers.schedules import LearningRateLike


class Adagrad(Optimizer):
    """Adagrad: divide the gradient by the root of the sum of its squares.

    For a parameter w with gradient g, an update computes ::

        v += g^2
        w -= learning_rate * g / sqrt(v + epsilon)

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
        Learning rate. A schedule or another callable is called with the number of updates so far; a callable
        without parameters is called with no argument.
    initial_accumulator_value : float, default 0.1
        Initial value of v, at least 0.
    epsilon : float, default 1e-7
        Small constant for numerical stability, at least 0.
    weight_decay : float, optional
        Weight decay rate. Every update first does ``w -= learning_rate * weight_decay * w``, before the gradient is
        applied. None means no decay.
    clipnorm : float, optional
        Maximum L2 norm of the gradient of each variable. At most one of `clipnorm`, `clipvalue` and
        `global_clipnorm` may be given. 0 means no limit.
    clipvalue : float, optional
        Maximum absolute value of each element of the gradients.
    global_clipnorm : float, optional
        Maximum L2 norm of the gradients of all variables together.
    use_ema : bool, default False
        Keep an exponential moving average of the parameters. It replaces the parameters every
        `ema_overwrite_frequency` updates and at the end of the training.
    ema_momentum : float, default 0.99
        Momentum of the average, in [0, 1]:
        ``average = ema_momentum * average + (1 - ema_momentum) * w``.
    ema_overwrite_frequency : int, optional
        Number of updates after which the average replaces the parameters. By default it replaces them only
        at the end of the training.
    loss_scale_factor : float, optional
        Factor by which the loss is multiplied (see `scale_loss`). The gradients are divided by it.
    gradient_accumulation_steps : int, optional
        Number of calls of `update` per change of the parameters, at least 2. The change uses the mean of the
        gradients of these calls. By default every call changes the parameters.
    name : str, optional
        Name of the optimizer. The class name in snake case by default.
    **unknown : Any
        Any other argument is refused by a TypeError that suggests the nearest name.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    TypeError
        If an argument is not a number where one is needed, or does not exist.

    References
    ----------
    Duchi, Hazan and Singer 2011, "Adaptive subgradient methods for online learning and stochastic optimization",
    JMLR 12.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.optimizers import Adagrad
    >>> optimizer = Adagrad(0.5, initial_accumulator_value=0.0, epsilon=0.0)
    >>> optimizer.build("float64", [("kernel", 0, 1)])
    >>> parameters = np.ones(1)
    >>> optimizer.update(parameters, np.array([4.0]))
    >>> parameters
    array([0.5])
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **unknown,
        )
        self.initial_accumulator_value = _checks.real(
            "Adagrad", "initial_accumulator_value", initial_accumulator_value, 0
        )
        self.epsilon = _checks.real("Adagrad", "epsilon", epsilon, 0)

    def _rule(self) -> Rule:
        return Rule("adagrad", {"accumulator": self.initial_accumulator_value}, (self.epsilon,))
