"""Stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse.optimizers.optimizer import Optimizer, Rule

if TYPE_CHECKING:
    from typing import Unpack  # Python 3.11; a type checker alone comes here

    from seqfuse.optimizers.optimizer import Options


class SGD(Optimizer):
    """Go against the gradient.

        w -= learning_rate * g                                   without momentum
        m = momentum * m - learning_rate * g;  w += m
        w += momentum * m - learning_rate * g                    nesterov, in place of w += m

    Parameters
    ----------
    learning_rate : as for `Optimizer`
    momentum : float        in [0, 1]
    nesterov : bool
    options : as for `Optimizer`

    Notes
    -----
    Sutskever, Martens, Dahl and Hinton 2013, "On the importance of initialization and momentum in deep learning".

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.optimizers import SGD
    >>> optimizer = SGD(0.5, clipvalue=2.0)
    >>> optimizer.build("float64", [("kernel", 0, 2)])
    >>> parameters = np.array([1.0, 1.0])
    >>> optimizer.update(parameters, np.array([1.0, -100.0]))
    >>> parameters
    array([0.5, 2. ])
    """

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: Unpack[Options]
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum, self.nesterov = _checks.real("SGD", "momentum", momentum, 0), nesterov
        if self.momentum > 1:
            raise ValueError(f"SGD: momentum must be in [0, 1]; got {momentum}")

    def _rule(self) -> Rule:
        if not self.momentum:
            return Rule("sgd", {}, ())
        return Rule("sgd_nesterov" if self.nesterov else "sgd_momentum", {"momentum": 0.0}, (self.momentum,))
