"""Adagrad: gradients over the root of the sum of their squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse.optimizers.optimizer import Optimizer, Rule

if TYPE_CHECKING:
    from typing import Unpack  # Python 3.11; a type checker alone comes here

    from seqfuse.optimizers.optimizer import Options


class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of all its squares.

        v += g^2;  w -= learning_rate * g / sqrt(v + epsilon)

    Parameters
    ----------
    learning_rate : as for `Optimizer`
    initial_accumulator_value : float        v in the beginning, at least 0
    epsilon : float        at least 0
    options : as for `Optimizer`

    Notes
    -----
    Duchi, Hazan and Singer 2011, "Adaptive subgradient methods for online learning and stochastic optimization", JMLR.

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
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value = _checks.real(
            "Adagrad", "initial_accumulator_value", initial_accumulator_value, 0
        )
        self.epsilon = _checks.real("Adagrad", "epsilon", epsilon, 0)

    def _rule(self) -> Rule:
        return Rule("adagrad", {"accumulator": self.initial_accumulator_value}, (self.epsilon,))
