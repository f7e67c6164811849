"""Layer normalization, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse._results import LayerNormGrads
from seqfuse.reference.accumulate import accumulate
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class LayerNormTape:
    """Tape of `layer_norm_forward` for `layer_norm_backward`."""

    h: Array  # (..., D), normalized x
    rstd: Array  # (..., 1), 1 / standard deviation of each row
    gamma: Array | None
    has_beta: bool


def layer_norm(
    x: npt.ArrayLike, gamma: npt.ArrayLike | None = None, beta: npt.ArrayLike | None = None, *, epsilon: float = 1e-3
) -> Array:
    """Apply layer normalization over the last axis.

    See `layer_norm_forward` for the equations.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Inputs. Each row along the last axis is normalized.
    gamma : array_like, shape (D,), optional
        Scale. Ones by default.
    beta : array_like, shape (D,), optional
        Shift. Zeros by default.
    epsilon : float, optional
        Constant added to the variance. The default is the default of Keras.

    Returns
    -------
    y : ndarray, shape (..., D)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Examples
    --------
    >>> layer_norm([[1.0, 3.0]], epsilon=0)
    array([[-1.,  1.]])
    """
    return layer_norm_forward(x, gamma, beta, epsilon=epsilon)[0]


def layer_norm_forward(
    x: npt.ArrayLike, gamma: npt.ArrayLike | None = None, beta: npt.ArrayLike | None = None, *, epsilon: float = 1e-3
) -> tuple[Array, LayerNormTape]:
    """Apply layer normalization over the last axis and keep the tape for `layer_norm_backward`.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Inputs. Each row along the last axis is normalized.
    gamma : array_like, shape (D,), optional
        Scale. Ones by default.
    beta : array_like, shape (D,), optional
        Shift. Zeros by default.
    epsilon : float, optional
        Constant added to the variance. The default is the default of Keras.

    Returns
    -------
    y : ndarray, shape (..., D)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.
    LayerNormTape
        Opaque tape for `layer_norm_backward`. Keeps references to gamma.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equations are::

        rstd = 1 / sqrt(mean((x - mean(x))^2) + epsilon)
        h = (x - mean(x)) * rstd
        y = h * gamma + beta

    The source is Ba, Kiros and Hinton 2016, arXiv:1607.06450.

    Examples
    --------
    >>> y, tape = layer_norm_forward([[1.0, 3.0]], [2.0, 2.0], [5.0, 5.0], epsilon=0)
    >>> y
    array([[3., 7.]])
    """
    dtype = computed_dtype(x, gamma, beta)
    x = np.asarray(x, dtype)
    gamma = None if gamma is None else np.asarray(gamma, dtype)
    D = max(x.shape[-1], 1)
    centered = x - x.sum(axis=-1, keepdims=True) / D
    rstd = 1 / np.sqrt((centered * centered).sum(axis=-1, keepdims=True) / D + dtype.type(epsilon))
    h = centered * rstd
    y = h if gamma is None else h * gamma
    y = y.copy() if beta is None else y + np.asarray(beta, dtype)
    return y, LayerNormTape(h, rstd, gamma, beta is not None)


def layer_norm_backward(
    tape: LayerNormTape, dy: npt.ArrayLike, *, into: tuple[Array | None, Array | None] | None = None
) -> LayerNormGrads:
    """Compute the gradients of `layer_norm_forward`.

    Parameters
    ----------
    tape : LayerNormTape
        Tape from `layer_norm_forward`. It is not modified and may be used again.
    dy : array_like, shape (..., D)
        Gradient of y.
    into : tuple of ndarray, optional
        ``(dgamma, dbeta)``: arrays that the gradients are added to and that are returned. New arrays by default.

    Returns
    -------
    LayerNormGrads
        Named tuple of ``dx`` (..., D), ``dgamma`` (D,) and ``dbeta`` (D,). The gradient of a parameter that was None is
        None.

    Notes
    -----
    The equations, with h and rstd as in `layer_norm_forward` and sums over all axes but the last::

        g = dy * gamma
        dx = (g - mean(g) - h * mean(g * h)) * rstd
        dgamma = sum of dy * h
        dbeta = sum of dy

    Examples
    --------
    >>> y, tape = layer_norm_forward([[1.0, 2.0, 3.0]], [1.0, 1.0, 1.0])
    >>> layer_norm_backward(tape, [[1.0, 1.0, 1.0]]).dx
    array([[0., 0., 0.]])
    """
    h, gamma = tape.h, tape.gamma
    dy = np.asarray(dy, h.dtype)
    D = max(h.shape[-1], 1)
    rows = tuple(range(h.ndim - 1))
    # forward: y = h * gamma + beta
    dgamma = None if gamma is None else (dy * h).sum(axis=rows)
    dbeta = dy.sum(axis=rows) if tape.has_beta else None
    g = dy if gamma is None else dy * gamma
    # forward: h = (x - mean(x)) * rstd, rstd = 1 / sqrt(mean((x - mean(x))^2) + epsilon)
    mean_g, mean_gh = (a.sum(axis=-1, keepdims=True) / D for a in (g, g * h))
    dx = (g - mean_g - h * mean_gh) * tape.rstd
    return LayerNormGrads(dx, *accumulate(into, (dgamma, dbeta)))
