"""RMSprop: gradients over the root of the mean of their squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse.optimizers.optimizer import Optimizer, Rule

if TYPE_CHECKING:
    from typing import Unpack  # Python 3.11; a type checker alone comes here

    from seqfuse.optimizers.optimizer import Options


class RMSprop(Optimizer):
    """Divide the gradient by the root of a running mean of its square.

        v += (g^2 - v) * (1 - rho)
        a += (g - a) * (1 - rho)                                 centered: v - a^2 in place of v below
        move = learning_rate * g / sqrt(v + epsilon)
        w -= move                                                without momentum
        m = momentum * m + move;  w -= m

    Parameters
    ----------
    learning_rate : as for `Optimizer`
    rho, momentum : float        in [0, 1)
    epsilon : float        at least 0
    centered : bool
    options : as for `Optimizer`

    Notes
    -----
    Hinton 2012, lecture 6 of "Neural networks for machine learning". v - a^2, a variance, is held at 0 or above, below
    which rounding may take it where gradients hardly change; Keras gives NaN there.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.optimizers import RMSprop
    >>> optimizer = RMSprop(0.1)
    >>> optimizer.build("float64", [("kernel", 0, 1)])
    >>> parameters = np.array([10.0])
    >>> optimizer.update(parameters, parameters.copy())
    >>> parameters.round(6)
    array([9.683772])
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = _checks.fraction("RMSprop", "rho", rho)
        self.momentum = _checks.fraction("RMSprop", "momentum", momentum)
        self.epsilon, self.centered = _checks.real("RMSprop", "epsilon", epsilon, 0), centered

    def _rule(self) -> Rule:
        name, states = "rmsprop", {"velocity": 0.0}
        if self.centered:
            name += "_centered"
        if self.momentum:
            name += "_momentum"
            states["momentum"] = 0.0
        if self.centered:
            states["average_gradient"] = 0.0
        return Rule(name, states, (self.rho, self.momentum, self.epsilon))
