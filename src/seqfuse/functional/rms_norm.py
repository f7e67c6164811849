"""RMS normalisation, forward and backward: every row scaled to a mean square of 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse._results import RMSNormGrads
from seqfuse.functional import _normalize

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class RMSNormTape(_normalize.NormalizeTape):
    """What `rms_norm_backward` reads; opaque, refers to x and gamma."""

    __slots__ = ()


def rms_norm(x: ArrayLike, gamma: ArrayLike | None = None, *, epsilon: float = 1e-6) -> Array:
    """Scale every row, the last axis of x, by its root mean square.

        h = x / sqrt(mean(x^2) + epsilon)
        y = h * gamma

    Parameters
    ----------
    x : (..., D)        inputs
    gamma : (D,)        ones by default
    epsilon : float        at least 0; the default is that of Keras, PyTorch's is 2^-23 in float32

    Returns
    -------
    y : (..., D)        in the wider type of x and gamma; half, bool and integers count as float32

    Raises
    ------
    ValueError        a shape disagrees, or epsilon is below 0
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Zhang and Sennrich 2019, "Root mean square layer normalization", arXiv:1910.07467.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.rms_norm([[1.0, 7.0]], [5.0, 10.0], epsilon=0)
    array([[ 1., 14.]])
    """
    return _normalize.forward("rms_norm", RMSNormTape, x, gamma, None, epsilon, False)[0]


def rms_norm_forward(
    x: ArrayLike, gamma: ArrayLike | None = None, *, epsilon: float = 1e-6
) -> tuple[Array, RMSNormTape]:
    """As `rms_norm`, and the tape for `rms_norm_backward`, which refers to x and gamma.

    Parameters
    ----------
    x, gamma, epsilon : as for `rms_norm`

    Returns
    -------
    y : (..., D)
    RMSNormTape        opaque; it keeps the scale of each row

    Raises
    ------
    ValueError, TypeError        as `rms_norm`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.rms_norm_forward(np.ones((4, 3)), np.ones(3))
    >>> tape
    <RMSNormTape x=(4, 3) float64>
    """
    return _normalize.forward("rms_norm_forward", RMSNormTape, x, gamma, None, epsilon, False)


def rms_norm_backward(tape: RMSNormTape, dy: ArrayLike, *, into: tuple[Array | None] | None = None) -> RMSNormGrads:
    """Gradients of `rms_norm_forward`.

        g = dy * gamma
        dx = (g - h * mean(g * h)) / sqrt(mean(x^2) + epsilon)
        dgamma = dy * h              summed over all axes but the last

    Parameters
    ----------
    tape : RMSNormTape        from `rms_norm_forward`; not changed, it may be read again
    dy : (..., D)        gradient of y
    into : (dgamma,)        an array that the gradient is added to, and that is returned; None where gamma was

    Returns
    -------
    RMSNormGrads        dx (..., D), dgamma (D,) or None

    Raises
    ------
    ValueError        a shape disagrees
    TypeError        a kind of number that is not computed with, a wrong type in into

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.rms_norm_forward([[1.0, 7.0]], np.ones(2), epsilon=0)
    >>> F.rms_norm_backward(tape, [[1.0, 1.0]]).dgamma
    array([0.2, 1.4])
    """
    return RMSNormGrads(*_normalize.backward("rms_norm_backward", RMSNormTape, tape, dy, into, ("dgamma",)))
