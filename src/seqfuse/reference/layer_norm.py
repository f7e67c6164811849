"""Layer normalisation: every row moved to mean 0 and scaled to variance 1, forward and backward."""

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
    """What `layer_norm_backward` reads; opaque, refers to gamma."""

    h: Array  # (..., D), x moved and scaled
    scale: Array  # (..., 1)
    gamma: Array | None
    has_beta: bool


def layer_norm(
    x: npt.ArrayLike, gamma: npt.ArrayLike | None = None, beta: npt.ArrayLike | None = None, *, epsilon: float = 1e-3
) -> Array:
    """Normalise every row, the last axis of x.

        h = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon)
        y = h * gamma + beta

    Parameters
    ----------
    x : (..., D)        inputs
    gamma, beta : (D,)        ones and zeros by default
    epsilon : float        added to the variance; the default is that of Keras

    Returns
    -------
    (..., D)        y

    Raises
    ------
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Ba, Kiros and Hinton 2016, arXiv:1607.06450.

    Examples
    --------
    >>> layer_norm([[1.0, 3.0]], epsilon=0)
    array([[-1.,  1.]])
    """
    return layer_norm_forward(x, gamma, beta, epsilon=epsilon)[0]


def layer_norm_forward(
    x: npt.ArrayLike, gamma: npt.ArrayLike | None = None, beta: npt.ArrayLike | None = None, *, epsilon: float = 1e-3
) -> tuple[Array, LayerNormTape]:
    """Run `layer_norm` and keep the tape for `layer_norm_backward`.

    Parameters, equation and errors are those of `layer_norm`.

    Returns
    -------
    (..., D)        y
    LayerNormTape        opaque, for `layer_norm_backward`; refers to gamma

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
    centred = x - x.sum(axis=-1, keepdims=True) / D
    scale = 1 / np.sqrt((centred * centred).sum(axis=-1, keepdims=True) / D + dtype.type(epsilon))
    h = centred * scale
    y = h if gamma is None else h * gamma
    y = y.copy() if beta is None else y + np.asarray(beta, dtype)
    return y, LayerNormTape(h, scale, gamma, beta is not None)


def layer_norm_backward(
    tape: LayerNormTape, dy: npt.ArrayLike, *, into: tuple[Array | None, Array | None] | None = None
) -> LayerNormGrads:
    """Differentiate `layer_norm`.

        g = dy * gamma
        dx = (g - mean(g) - h * mean(g * h)) / sqrt(variance + epsilon)
        dgamma = sum of dy * h        dbeta = sum of dy

    Parameters
    ----------
    tape : LayerNormTape        of `layer_norm_forward`; not changed, and may be used again
    dy : (..., D)        gradient of y
    into : (dgamma, dbeta)        arrays that the gradients are added to and that are returned; new ones by default

    Returns
    -------
    LayerNormGrads        dx (..., D); dgamma and dbeta (D,), None where gamma and beta were

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
    # forward: h = (x - mean(x)) * scale, scale = 1 / sqrt(mean((x - mean(x))^2) + epsilon)
    mean_g, mean_gh = (a.sum(axis=-1, keepdims=True) / D for a in (g, g * h))
    dx = (g - mean_g - h * mean_gh) * tape.scale
    return LayerNormGrads(dx, *accumulate(into, (dgamma, dbeta)))
