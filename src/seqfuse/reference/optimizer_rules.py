"""The updates of the optimizers other than Adam, in place. optimizer_rules.hpp contains the same rules in C++."""

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
    """Update parameters with one step of gradient descent, in place.

    `params` and, with momentum, `m` are modified.

    Parameters
    ----------
    params, grads : ndarray
        Parameters, and the gradients of the loss.
    m : ndarray, optional
        Velocity. Zeros before the first step. Not needed without momentum.
    learning_rate : float, default 0.01
        Learning rate.
    momentum : float, default 0.0
        Decay rate of the velocity.
    nesterov : bool, default False
        Whether to use Nesterov momentum.

    Notes
    -----
    The equations are::

        params -= learning_rate * grads                                       without momentum
        m = momentum * m - learning_rate * grads;  params += m                with momentum
        params += momentum * m - learning_rate * grads                        nesterov, instead of params += m

    Examples
    --------
    >>> import numpy as np
    >>> params = np.array([1.0])
    >>> sgd_update(params, np.array([5.0]), learning_rate=0.1)
    >>> params
    array([0.5])
    """
    change = -learning_rate * grads
    if m is None:
        params += change
        return
    m[...] = momentum * m + change
    params += momentum * m + change if nesterov else m


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
    """Update parameters with one step of RMSprop, in place.

    `params`, `v`, and `m` and `a` if they are given, are modified.

    Parameters
    ----------
    params, grads : ndarray
        Parameters, and the gradients of the loss.
    v : ndarray
        Mean of the squared gradients. Zeros before the first step.
    m : ndarray, optional
        Velocity. Zeros before the first step. Not needed without momentum.
    a : ndarray, optional
        Mean of the gradients. Zeros before the first step. If given, the variance replaces the mean square (centered).
    learning_rate : float, default 0.001
        Learning rate.
    rho : float, default 0.9
        Decay rate of the means.
    momentum : float, default 0.0
        Decay rate of the velocity.
    epsilon : float, default 1e-7
        Small constant in the denominator.

    Notes
    -----
    The equations are::

        v += (grads^2 - v) * (1 - rho)
        a += (grads - a) * (1 - rho)                                          centered: v - a^2 replaces v below
        move = learning_rate * grads / sqrt(v + epsilon)
        params -= move                                                        without momentum
        m = momentum * m + move;  params -= m                                 with momentum

    Examples
    --------
    >>> import numpy as np
    >>> params, v = np.array([10.0]), np.zeros(1)
    >>> rmsprop_update(params, np.array([10.0]), v, learning_rate=0.1)
    >>> params.round(6)
    array([9.683772])
    """
    v += (grads * grads - v) * (1 - rho)
    variance = v
    if a is not None:
        a += (grads - a) * (1 - rho)
        variance = np.maximum(v - a * a, 0)
    move = learning_rate * grads / np.sqrt(variance + epsilon)
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
    """Update parameters with one step of AMSGrad, in place.

    `params`, `m`, `v` and `v_hat` are modified.

    Parameters
    ----------
    params, grads : ndarray
        Parameters, and the gradients of the loss.
    m, v : ndarray
        First and second moment estimates. Zeros before the first step.
    v_hat : ndarray
        Largest `v` of all steps. Zeros before the first step.
    step : int
        Number of this step, from 1.
    learning_rate : float, default 0.001
        Learning rate.
    beta_1, beta_2 : float, default 0.9 and 0.999
        Decay rates of the moments.
    epsilon : float, default 1e-7
        Small constant in the denominator.

    Notes
    -----
    The equations are those of `adam_update`, with `v_hat` instead of `v` in the denominator: Reddi, Kale and Kumar
    2018, arXiv:1904.09237.

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
    """Update parameters with one step of Adagrad, in place.

    `params` and `v` are modified.

    Parameters
    ----------
    params, grads : ndarray
        Parameters, and the gradients of the loss.
    v : ndarray
        Sum of the squared gradients. Keras starts it from 0.1.
    learning_rate : float, default 0.001
        Learning rate.
    epsilon : float, default 1e-7
        Small constant in the denominator.

    Notes
    -----
    The equations are::

        v += grads^2
        params -= learning_rate * grads / sqrt(v + epsilon)

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
