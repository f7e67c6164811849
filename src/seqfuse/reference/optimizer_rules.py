"""One step of each optimizer beside Adam, in place: the executable form of optimizer_rules.hpp."""

from __future__ import annotations

import math

import numpy as np

from seqfuse._cells import Array


def sgd_update(
    params: Array,
    grads: Array,
    m: Array | None = None,
    *,
    learning_rate: float = 0.01,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> None:
    """Take one step of gradient descent; `params` and `m`, which only momentum needs, are changed in place.

        params -= learning_rate * grads                                       without momentum
        m = momentum * m - learning_rate * grads;  params += m
        params += momentum * m - learning_rate * grads                        nesterov, in place of params += m

    Parameters
    ----------
    params, grads : (...)        parameters and the gradients of the loss
    m : (...)        zeros before the first step
    learning_rate, momentum, nesterov : as Keras 3 names them, and its defaults

    Examples
    --------
    >>> import numpy as np
    >>> params = np.array([1.0])
    >>> sgd_update(params, np.array([5.0]), learning_rate=0.1)
    >>> params
    array([0.5])
    """
    pull = -learning_rate * grads
    if m is None:
        params += pull
        return
    m[...] = momentum * m + pull
    params += momentum * m + pull if nesterov else m


def rmsprop_update(
    params: Array,
    grads: Array,
    v: Array,
    m: Array | None = None,
    a: Array | None = None,
    *,
    learning_rate: float = 0.001,
    rho: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-7,
) -> None:
    """Take one step of RMSprop; `params`, `v`, and `m` and `a` where they are given, are changed in place.

        v += (grads^2 - v) * (1 - rho)
        a += (grads - a) * (1 - rho)                                          centered: v - a^2 in place of v below
        move = learning_rate * grads / sqrt(v + epsilon)
        params -= move                                                        without momentum
        m = momentum * m + move;  params -= m

    Parameters
    ----------
    params, grads : (...)        parameters and the gradients of the loss
    v, m, a : (...)        zeros before the first step
    learning_rate, rho, momentum, epsilon : float        as Keras 3 names them, and its defaults

    Examples
    --------
    >>> import numpy as np
    >>> params, v = np.array([10.0]), np.zeros(1)
    >>> rmsprop_update(params, np.array([10.0]), v, learning_rate=0.1)
    >>> params.round(6)
    array([9.683772])
    """
    v += (grads * grads - v) * (1 - rho)
    spread = v
    if a is not None:
        a += (grads - a) * (1 - rho)
        spread = np.maximum(v - a * a, 0)
    move = learning_rate * grads / np.sqrt(spread + epsilon)
    if m is not None:
        m[...] = momentum * m + move
        move = m
    params -= move


def amsgrad_update(
    params: Array,
    grads: Array,
    m: Array,
    v: Array,
    v_hat: Array,
    *,
    step: int,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> None:
    """Take one step of AMSGrad: `adam_update` with `v_hat`, the greatest `v` so far, in place of `v`.

    Parameters
    ----------
    params, grads, m, v : (...)        as for `adam_update`
    v_hat : (...)        zeros before the first step
    step, learning_rate, beta_1, beta_2, epsilon : as for `adam_update`

    Notes
    -----
    Reddi, Kale and Kumar 2018, arXiv:1904.09237.

    Examples
    --------
    >>> import numpy as np
    >>> params, m, v, v_hat = np.array([1.0]), np.zeros(1), np.zeros(1), np.ones(1)
    >>> amsgrad_update(params, np.array([0.5]), m, v, v_hat, step=1)
    >>> v_hat
    array([1.])
    """
    alpha = learning_rate * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    m += (grads - m) * (1 - beta_1)
    v += (grads * grads - v) * (1 - beta_2)
    np.maximum(v_hat, v, out=v_hat)
    params -= m * alpha / (np.sqrt(v_hat) + epsilon)


def adagrad_update(
    params: Array, grads: Array, v: Array, *, learning_rate: float = 0.001, epsilon: float = 1e-7
) -> None:
    """Take one step of Adagrad; `params` and `v` are changed in place.

        v += grads^2;  params -= learning_rate * grads / sqrt(v + epsilon)

    Parameters
    ----------
    params, grads : (...)        parameters and the gradients of the loss
    v : (...)        0.1 before the first step, in Keras
    learning_rate, epsilon : float        as Keras 3 names them, and its defaults

    Examples
    --------
    >>> import numpy as np
    >>> params = np.array([1.0])
    >>> adagrad_update(params, np.array([4.0]), np.zeros(1), learning_rate=0.5, epsilon=0.0)
    >>> params
    array([0.5])
    """
    v += grads * grads
    params -= learning_rate * grads / np.sqrt(v + epsilon)
