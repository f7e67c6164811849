"""The update of the optimizer Adam, in place."""

from __future__ import annotations

import math

import numpy as np

from seqfuse._cells import Array


def adam_update(
    params: Array,
    grads: Array,
    m: Array,
    v: Array,
    *,
    step: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    grad_scale: float = 1.0,
) -> None:
    """Update parameters with one step of Adam, in place.

    `params`, `m` and `v` are modified.

    Parameters
    ----------
    params, grads : ndarray
        Parameters, and the gradients of the loss.
    m, v : ndarray
        First and second moment estimates. Zeros before the first step.
    step : int
        Number of this step, from 1.
    learning_rate : float, default 0.001
        Learning rate.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay rates of the moments.
    epsilon : float, default 1e-7
        Small constant in the denominator.
    grad_scale : float, default 1.0
        Factor of the gradients, such as for clipping by norm.

    Notes
    -----
    The equations are::

        g = grads * grad_scale
        m += (g - m) * (1 - beta_1)
        v += (g * g - v) * (1 - beta_2)
        alpha = learning_rate * sqrt(1 - beta_2**step) / (1 - beta_1**step)
        params -= m * alpha / (sqrt(v) + epsilon)

    They are those of Kingma and Ba 2015, arXiv:1412.6980, in the order of the last paragraph of section 2, as in Keras
    3: epsilon is added to the root of `v` before the bias correction.

    Examples
    --------
    >>> import numpy as np
    >>> params, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam_update(params, np.array([5.0]), m, v, step=1)
    >>> params.round(6)
    array([0.999])
    """
    alpha = learning_rate * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    g = grads * grad_scale
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    params -= m * alpha / (np.sqrt(v) + epsilon)
