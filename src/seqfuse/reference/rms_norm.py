"""RMS normalization, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse._results import RMSNormGrads
from seqfuse.reference.accumulate import accumulate
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class RMSNormTape:
    """Tape of `rms_norm_forward` for `rms_norm_backward`."""

    h: Array  # (..., D), normalized x
    rstd: Array  # (..., 1), 1 / root mean square of each row
    gamma: Array | None


def rms_norm(x: npt.ArrayLike, gamma: npt.ArrayLike | None = None, *, epsilon: float = 1e-6) -> Array:
    """Apply RMS normalization over the last axis.

    See `rms_norm_forward` for the equations.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Inputs. Each row along the last axis is normalized.
    gamma : array_like, shape (D,), optional
        Scale. Ones by default.
    epsilon : float, optional
        Constant added to the mean square. The default is the default of Keras.

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
    >>> rms_norm([[1.0, 7.0]], epsilon=0)
    array([[0.2, 1.4]])
    """
    return rms_norm_forward(x, gamma, epsilon=epsilon)[0]


def rms_norm_forward(
    x: npt.ArrayLike, gamma: npt.ArrayLike | None = None, *, epsilon: float = 1e-6
) -> tuple[Array, RMSNormTape]:
    """Apply RMS normalization over the last axis and keep the tape for `rms_norm_backward`.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Inputs. Each row along the last axis is normalized.
    gamma : array_like, shape (D,), optional
        Scale. Ones by default.
    epsilon : float, optional
        Constant added to the mean square. The default is the default of Keras.

    Returns
    -------
    y : ndarray, shape (..., D)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.
    RMSNormTape
        Opaque tape for `rms_norm_backward`. Keeps references to gamma.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equations are::

        rstd = 1 / sqrt(mean(x^2) + epsilon)
        h = x * rstd
        y = h * gamma

    The source is Zhang and Sennrich 2019, arXiv:1910.07467.

    Examples
    --------
    >>> y, tape = rms_norm_forward([[1.0, 7.0]], [5.0, 10.0], epsilon=0)
    >>> y
    array([[ 1., 14.]])
    """
    dtype = computed_dtype(x, gamma)
    x = np.asarray(x, dtype)
    gamma = None if gamma is None else np.asarray(gamma, dtype)
    D = max(x.shape[-1], 1)
    rstd = 1 / np.sqrt((x * x).sum(axis=-1, keepdims=True) / D + dtype.type(epsilon))
    h = x * rstd
    return h.copy() if gamma is None else h * gamma, RMSNormTape(h, rstd, gamma)


def rms_norm_backward(tape: RMSNormTape, dy: npt.ArrayLike, *, into: tuple[Array | None] | None = None) -> RMSNormGrads:
    """Compute the gradients of `rms_norm_forward`.

    Parameters
    ----------
    tape : RMSNormTape
        Tape from `rms_norm_forward`. It is not modified and may be used again.
    dy : array_like, shape (..., D)
        Gradient of y.
    into : tuple of ndarray, optional
        ``(dgamma,)``: an array that the gradient is added to and that is returned. A new array by default.

    Returns
    -------
    RMSNormGrads
        Named tuple of ``dx`` (..., D) and ``dgamma`` (D,). ``dgamma`` is None if gamma was None.

    Notes
    -----
    The equations, with h and rstd as in `rms_norm_forward` and sums over all axes but the last::

        g = dy * gamma
        dx = (g - h * mean(g * h)) * rstd
        dgamma = sum of dy * h

    Examples
    --------
    >>> y, tape = rms_norm_forward([[1.0, 7.0]], [1.0, 1.0], epsilon=0)
    >>> rms_norm_backward(tape, [[1.0, 1.0]]).dgamma
    array([0.2, 1.4])
    """
    h, gamma = tape.h, tape.gamma
    dy = np.asarray(dy, h.dtype)
    # forward: y = h * gamma
    dgamma = None if gamma is None else (dy * h).sum(axis=tuple(range(h.ndim - 1)))
    g = dy if gamma is None else dy * gamma
    # forward: h = x * rstd, rstd = 1 / sqrt(mean(x^2) + epsilon)
    mean_gh = (g * h).sum(axis=-1, keepdims=True) / max(h.shape[-1], 1)
    dx = (g - h * mean_gh) * tape.rstd
    return RMSNormGrads(dx, *accumulate(into, (dgamma,)))
