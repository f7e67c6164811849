"""Adam and AdamW."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse.optimizers._rule import Rule
from seqfuse.optimizers.optimizer import Optimizer

if TYPE_CHECKING:
    from seqfuse.optimizers.schedules import LearningRateLike


class Adam(Optimizer):
    """Adam: divide a running mean of the gradient by the root of a running mean of its square.

    For a parameter w with gradient g, update number t (counted from 1) computes ::

        alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
        m += (g - m) * (1 - beta_1)
        v += (g^2 - v) * (1 - beta_2)
        w -= alpha * m / (sqrt(v) + epsilon)         amsgrad: with the largest v so far instead of v

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
        Learning rate. A schedule or another callable is called with the number of updates so far; a callable
        without parameters is called with no argument.
    beta_1 : float, default 0.9
        Decay rate of the running mean of the gradient, in [0, 1).
    beta_2 : float, default 0.999
        Decay rate of the running mean of the squared gradient, in [0, 1).
    epsilon : float, default 1e-7
        Small constant for numerical stability, at least 0.
    amsgrad : bool, default False
        Use AMSGrad: divide by the largest v so far.
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
    Kingma and Ba 2015, arXiv:1412.6980, in the form given at the end of section 2. AMSGrad: Reddi, Kale and Kumar
    2018, arXiv:1904.09237.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.optimizers import Adam
    >>> optimizer = Adam(0.5, epsilon=0.0)
    >>> optimizer.build("float64", [("kernel", 0, 2)])
    >>> parameters = np.ones(2)
    >>> optimizer.update(parameters, np.array([4.0, -4.0]))
    >>> parameters.round(6)
    array([0.5, 1.5])
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        function = type(self).__name__
        self.beta_1 = _checks.fraction(function, "beta_1", beta_1)
        self.beta_2 = _checks.fraction(function, "beta_2", beta_2)
        self.epsilon = _checks.real(function, "epsilon", epsilon, 0)
        self.amsgrad = amsgrad

    def _rule(self) -> Rule:
        states = {"momentum": 0.0, "velocity": 0.0}
        if self.amsgrad:
            states["velocity_hat"] = 0.0
        return Rule("adam_amsgrad" if self.amsgrad else "adam", states, (self.beta_1, self.beta_2, self.epsilon))


class AdamW(Adam):
    """Adam with decoupled weight decay.

    Every update first does ``w -= learning_rate * weight_decay * w`` and then the update of `Adam`.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
        Learning rate. A schedule or another callable is called with the number of updates so far; a callable
        without parameters is called with no argument.
    weight_decay : float, default 0.004
        Weight decay rate. Every update first does ``w -= learning_rate * weight_decay * w``, before the gradient is
        applied.
    beta_1 : float, default 0.9
        Decay rate of the running mean of the gradient, in [0, 1).
    beta_2 : float, default 0.999
        Decay rate of the running mean of the squared gradient, in [0, 1).
    epsilon : float, default 1e-7
        Small constant for numerical stability, at least 0.
    amsgrad : bool, default False
        Use AMSGrad: divide by the largest v so far.
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
    Loshchilov and Hutter 2019, arXiv:1711.05101.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.optimizers import AdamW
    >>> optimizer = AdamW(0.5, weight_decay=0.1)
    >>> optimizer.exclude_from_weight_decay(var_names=["bias"])
    >>> optimizer.build("float64", [("dense/kernel", 0, 1), ("dense/bias", 1, 2)])
    >>> parameters = np.ones(2)
    >>> optimizer.update(parameters, np.zeros(2))
    >>> parameters
    array([0.95, 1.  ])
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *,
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
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
            weight_decay=_checks.real("AdamW", "weight_decay", weight_decay),
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            **unknown,
        )
