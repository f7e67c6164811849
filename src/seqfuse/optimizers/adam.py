"""Adam, and Adam with weight decay by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse.optimizers.optimizer import Optimizer, Rule

if TYPE_CHECKING:
    from typing import Unpack  # Python 3.11; a type checker alone comes here

    from seqfuse.optimizers.optimizer import Options, OptionsWithoutDecay


class Adam(Optimizer):
    """Divide a running mean of the gradient by the root of one of its square.

        m += (g - m) * (1 - beta_1)
        v += (g^2 - v) * (1 - beta_2)                            amsgrad: the greatest v so far in place of v below
        w -= m * alpha / (sqrt(v) + epsilon),    alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)

    in update number t, counted from 1.

    Parameters
    ----------
    learning_rate : as for `Optimizer`
    beta_1, beta_2 : float        in [0, 1)
    epsilon : float        at least 0
    amsgrad : bool
    options : as for `Optimizer`

    Notes
    -----
    Kingma and Ba 2015, arXiv:1412.6980, in the form that ends its section 2; Reddi, Kale and Kumar 2018,
    arXiv:1904.09237.

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
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        own = type(self).__name__
        self.beta_1, self.beta_2 = _checks.fraction(own, "beta_1", beta_1), _checks.fraction(own, "beta_2", beta_2)
        self.epsilon, self.amsgrad = _checks.real(own, "epsilon", epsilon, 0), amsgrad

    def _rule(self) -> Rule:
        states = {"momentum": 0.0, "velocity": 0.0} | ({"velocity_hat": 0.0} if self.amsgrad else {})
        return Rule("adam_amsgrad" if self.amsgrad else "adam", states, (self.beta_1, self.beta_2, self.epsilon))


class AdamW(Adam):
    """`Adam` whose parameters decay: w -= w * weight_decay * learning_rate first.

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon, amsgrad : as for `Adam`
    weight_decay : float
    options : as for `Optimizer`

    Notes
    -----
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
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[OptionsWithoutDecay],
    ) -> None:
        decay = _checks.real("AdamW", "weight_decay", weight_decay)
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=decay, **options)
