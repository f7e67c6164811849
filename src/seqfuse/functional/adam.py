"""One update of Adam, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse._update import Update

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


def adam_update(
    params: Array,
    grads: ArrayLike,
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
    """Update parameters in place with Adam.

    With alpha = learning_rate * sqrt(1 - beta_2^step) / (1 - beta_1^step) ::

        g = grads * grad_scale
        m += (g - m) * (1 - beta_1)
        v += (g^2 - v) * (1 - beta_2)
        params -= m * alpha / (sqrt(v) + epsilon)

    Parameters
    ----------
    params : ndarray, any shape
        Parameters, float32 or float64. Updated in place.
    grads : array_like, shape of params
        Gradients.
    m, v : ndarray, shape of params
        Running means of g and g^2, of the type of `params`; zeros before step 1. Updated in place.
    step : int
        Number of this update, counted from 1.
    learning_rate : float, default 0.001
        Learning rate, at least 0.
    beta_1, beta_2 : float
        Decay rates of the running means, in [0, 1). 0.9 and 0.999 by default.
    epsilon : float, default 1e-7
        Small constant for numerical stability, at least 0.
    grad_scale : float, default 1.0
        Factor of the gradients, for example to limit their norm.

    Raises
    ------
    ValueError
        If a shape does not fit, a number is out of range, or params, m and v overlap.
    TypeError
        If params, m or v is not an array of float32 or float64, or their types differ.

    References
    ----------
    Kingma and Ba 2015, arXiv:1412.6980, in the form given at the end of section 2, as in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> params, m, v = np.ones(2), np.zeros(2), np.zeros(2)
    >>> F.adam_update(params, np.array([4.0, -4.0]), m, v, step=1, learning_rate=0.5, epsilon=0.0)
    >>> params.round(6)
    array([0.5, 1.5])
    """
    function = "adam_update"
    if not isinstance(params, np.ndarray) or params.dtype not in (_arrays.FLOAT32, _arrays.FLOAT64):
        got = params.dtype if isinstance(params, np.ndarray) else type(params).__name__
        raise TypeError(
            f"{function}: params must be a numpy.ndarray of float32 or float64, because it is written to; got {got}"
        )
    gradients = _arrays.numbers(function, "grads", grads, params.dtype)
    _checks.shape(function, "grads", "the shape of params", params.shape, gradients.shape)
    names, shapes = ("params", "m", "v"), (params.shape,) * 3
    targets = _arrays.Targets(
        function, names, (params, m, v), ("the shape of params",) * 3, shapes, params.dtype, (gradients,)
    )
    step = _checks.integer(function, "step", step, 1, 2**63 - 1)
    learning_rate = _checks.real(function, "learning_rate", learning_rate, 0)
    beta_1, beta_2 = _checks.fraction(function, "beta_1", beta_1), _checks.fraction(function, "beta_2", beta_2)
    epsilon = _checks.real(function, "epsilon", epsilon, 0)
    grad_scale = _checks.real(function, "grad_scale", grad_scale)
    if params.size:
        flat_params, flat_m, flat_v = (array.reshape(-1) for array in targets.work)
        every = np.array([[0, params.size, 0]], _arrays.INT64)
        update = Update("adam", (flat_m, flat_v), (beta_1, beta_2, epsilon), every, grad_scale)
        _backend.kernels.optimizer_update(
            update, flat_params, gradients.reshape(-1), None, step, learning_rate, 0.0, _threads.current()
        )
    targets.store()
