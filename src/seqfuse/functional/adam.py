"""One step of Adam, in place."""

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
    """Move params against their gradients, in place.

        g = grads * grad_scale
        m += (g - m) * (1 - beta_1)
        v += (g^2 - v) * (1 - beta_2)
        params -= m * alpha / (sqrt(v) + epsilon),    alpha = learning_rate * sqrt(1 - beta_2^step) / (1 - beta_1^step)

    Parameters
    ----------
    params : (...)        float32 or float64, any shape; written
    grads : (...)        gradients, of the same shape
    m, v : (...)        running means of g and g^2, of the type and shape of params, zeros before step 1; written
    step : int        counts from 1
    learning_rate, beta_1, beta_2, epsilon : float        beta in [0, 1); epsilon as Keras adds it
    grad_scale : float        what the gradients are multiplied by first, such as for a limit on their norm

    Raises
    ------
    ValueError        a shape disagrees, a number is out of range, or params, m and v overlap
    TypeError        params, m or v is not an array of float32 or float64, or of one type

    Notes
    -----
    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", arXiv:1412.6980, in the form that ends
    its section 2, which is Keras's.

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
            f"{function}: params must be a numpy.ndarray of float32 or float64, it is written to; got {got}"
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
