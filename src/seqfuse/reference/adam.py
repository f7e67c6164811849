"""One step of the optimizer Adam, in place."""

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
    """Take one step of Adam; `params`, `m` and `v` are changed in place.

        g = grads * grad_scale
        m += (g - m) * (1 - beta_1)
        v += (g * g - v) * (1 - beta_2)
        alpha = learning_rate * sqrt(1 - beta_2**step) / (1 - beta_1**step)
        params -= m * alpha / (sqrt(v) + epsilon)

    Parameters
    ----------
    params, grads : (...)        parameters and the gradients of the loss
    m, v : (...)        the two moments, zeros before the first step
    step : int        counts from 1
    learning_rate, beta_1, beta_2, epsilon : float        as Keras 3 names them, and its defaults
    grad_scale : float        multiplies the gradients first, to clip by their norm

    Notes
    -----
    Kingma and Ba 2015, arXiv:1412.6980, in the order of its section 2's last paragraph, as Keras 3 does: epsilon
    is added to the root of `v` before its bias is corrected.

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
