"""Layer normalisation, forward and backward: every row moved to mean 0 and scaled to variance 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse._results import LayerNormGrads
from seqfuse.functional import _normalize

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class LayerNormTape(_normalize.NormalizeTape):
    """What `layer_norm_backward` reads; opaque, refers to x and gamma."""

    __slots__ = ()


def layer_norm(
    x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, *, epsilon: float = 1e-3
) -> Array:
    """Normalise every row, the last axis of x.

        h = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon)
        y = h * gamma + beta

    Parameters
    ----------
    x : (..., D)        inputs
    gamma, beta : (D,)        ones and zeros by default
    epsilon : float        at least 0; the default is that of Keras, PyTorch's is 1e-5

    Returns
    -------
    y : (..., D)        in the widest type of x, gamma and beta; half, bool and integers count as float32

    Raises
    ------
    ValueError        a shape disagrees, or epsilon is below 0
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Ba, Kiros and Hinton 2016, "Layer normalization", arXiv:1607.06450.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.layer_norm([[1.0, 3.0]], [2.0, 2.0], [5.0, 5.0], epsilon=0)
    array([[3., 7.]])
    """
    return _normalize.forward("layer_norm", LayerNormTape, x, gamma, beta, epsilon, True)[0]


def layer_norm_forward(
    x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, *, epsilon: float = 1e-3
) -> tuple[Array, LayerNormTape]:
    """As `layer_norm`, and the tape for `layer_norm_backward`, which refers to x and gamma.

    Parameters
    ----------
    x, gamma, beta, epsilon : as for `layer_norm`

    Returns
    -------
    y : (..., D)
    LayerNormTape        opaque; it keeps the mean and the scale of each row

    Raises
    ------
    ValueError, TypeError        as `layer_norm`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.layer_norm_forward(np.ones((4, 3)), np.ones(3))
    >>> tape
    <LayerNormTape x=(4, 3) float64>
    """
    return _normalize.forward("layer_norm_forward", LayerNormTape, x, gamma, beta, epsilon, True)


def layer_norm_backward(
    tape: LayerNormTape, dy: ArrayLike, *, into: tuple[Array | None, Array | None] | None = None
) -> LayerNormGrads:
    """Gradients of `layer_norm_forward`.

        g = dy * gamma
        dx = (g - mean(g) - h * mean(g * h)) / sqrt(mean((x - mean(x))^2) + epsilon)
        dgamma, dbeta = dy * h, dy              summed over all axes but the last

    Parameters
    ----------
    tape : LayerNormTape        from `layer_norm_forward`; not changed, it may be read again
    dy : (..., D)        gradient of y
    into : (dgamma, dbeta)        arrays that the gradients are added to, and that are returned; None where gamma and
        beta were

    Returns
    -------
    LayerNormGrads        dx (..., D), dgamma (D,), dbeta (D,); None for what was None

    Raises
    ------
    ValueError        a shape disagrees, or arrays of into overlap
    TypeError        a kind of number that is not computed with, a wrong type in into

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.layer_norm_forward([[1.0, 3.0], [5.0, 3.0]], np.ones(2), np.zeros(2), epsilon=0)
    >>> grads = F.layer_norm_backward(tape, np.ones((2, 2)))
    >>> grads.dgamma, grads.dbeta
    (array([0., 0.]), array([2., 2.]))
    """
    names = ("dgamma", "dbeta")
    return LayerNormGrads(*_normalize.backward("layer_norm_backward", LayerNormTape, tape, dy, into, names))
