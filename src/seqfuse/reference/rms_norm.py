"""RMS normalisation: every row scaled to a mean square of 1, forward and backward."""

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
    """What `rms_norm_backward` reads; opaque, refers to gamma."""

    h: Array  # (..., D), x scaled
    scale: Array  # (..., 1)
    gamma: Array | None


def rms_norm(x: npt.ArrayLike, gamma: npt.ArrayLike | None = None, *, epsilon: float = 1e-6) -> Array:
    """Scale every row, the last axis of x, by its root mean square.

        h = x / sqrt(mean(x^2) + epsilon)
        y = h * gamma

    Parameters
    ----------
    x : (..., D)        inputs
    gamma : (D,)        ones by default
    epsilon : float        added to the mean square; the default is that of Keras

    Returns
    -------
    (..., D)        y

    Raises
    ------
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Zhang and Sennrich 2019, arXiv:1910.07467.

    Examples
    --------
    >>> rms_norm([[1.0, 7.0]], epsilon=0)
    array([[0.2, 1.4]])
    """
    return rms_norm_forward(x, gamma, epsilon=epsilon)[0]


def rms_norm_forward(
    x: npt.ArrayLike, gamma: npt.ArrayLike | None = None, *, epsilon: float = 1e-6
) -> tuple[Array, RMSNormTape]:
    """Run `rms_norm` and keep the tape for `rms_norm_backward`.

    Parameters, equation and errors are those of `rms_norm`.

    Returns
    -------
    (..., D)        y
    RMSNormTape        opaque, for `rms_norm_backward`; refers to gamma

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
    scale = 1 / np.sqrt((x * x).sum(axis=-1, keepdims=True) / D + dtype.type(epsilon))
    h = x * scale
    return h.copy() if gamma is None else h * gamma, RMSNormTape(h, scale, gamma)


def rms_norm_backward(tape: RMSNormTape, dy: npt.ArrayLike, *, into: tuple[Array | None] | None = None) -> RMSNormGrads:
    """Differentiate `rms_norm`.

        g = dy * gamma
        dx = (g - h * mean(g * h)) / sqrt(mean(x^2) + epsilon)
        dgamma = sum of dy * h

    Parameters
    ----------
    tape : RMSNormTape        of `rms_norm_forward`; not changed, and may be used again
    dy : (..., D)        gradient of y
    into : (dgamma,)        an array that the gradient is added to and that is returned; a new one by default

    Returns
    -------
    RMSNormGrads        dx (..., D); dgamma (D,), None where gamma was

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
    # forward: h = x * scale, scale = 1 / sqrt(mean(x^2) + epsilon)
    mean_gh = (g * h).sum(axis=-1, keepdims=True) / max(h.shape[-1], 1)
    dx = (g - h * mean_gh) * tape.scale
    return RMSNormGrads(dx, *accumulate(into, (dgamma,)))
