"""RMS normalization, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse._results import RMSNormGrads
from seqfuse.functional import _normalize

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class RMSNormTape(_normalize.NormalizeTape):
    """Tape of `rms_norm_forward` for `rms_norm_backward`: opaque, keeps references to x and gamma."""

    __slots__ = ()


def rms_norm(x: ArrayLike, gamma: ArrayLike | None = None, *, epsilon: float = 1e-6) -> Array:
    """Apply RMS normalization over the last axis.

    Each row is divided by its root mean square, then scaled by gamma. See `rms_norm_forward` for the equations.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Inputs. Each row along the last axis is normalized.
    gamma : array_like, shape (D,), optional
        Scale. Ones by default.
    epsilon : float, optional
        Constant added to the mean square. At least 0. The default is the default of Keras; PyTorch uses 2**-23 in
        float32.

    Returns
    -------
    y : ndarray, shape (..., D)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.

    Raises
    ------
    ValueError
        If a shape does not fit, or if `epsilon` is negative.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The source is Zhang and Sennrich 2019, "Root mean square layer normalization", arXiv:1910.07467.

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
    """Apply RMS normalization over the last axis and keep the tape for `rms_norm_backward`.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Inputs. Each row along the last axis is normalized.
    gamma : array_like, shape (D,), optional
        Scale. Ones by default.
    epsilon : float, optional
        Constant added to the mean square. At least 0. The default is the default of Keras; PyTorch uses 2**-23 in
        float32.

    Returns
    -------
    y : ndarray, shape (..., D)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.
    RMSNormTape
        Opaque tape for `rms_norm_backward`. Keeps references to x and gamma, which must not be modified before the
        backward function has run, and rstd of each row.

    Raises
    ------
    ValueError
        If a shape does not fit, or if `epsilon` is negative.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equations are::

        rstd = 1 / sqrt(mean(x^2) + epsilon)
        h = x * rstd
        y = h * gamma

    The source is Zhang and Sennrich 2019, "Root mean square layer normalization", arXiv:1910.07467.

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
    """Compute the gradients of `rms_norm_forward`.

    Parameters
    ----------
    tape : RMSNormTape
        Tape from `rms_norm_forward`. It is not modified and may be used again.
    dy : array_like, shape (..., D)
        Gradient of y.
    into : tuple of ndarray, optional
        ``(dgamma,)``: an array that the gradient is added to and that is returned. Pass ``(None,)`` if gamma was None.
        A new array by default.

    Returns
    -------
    RMSNormGrads
        Named tuple of ``dx`` (..., D) and ``dgamma`` (D,). ``dgamma`` is None if gamma was None.

    Raises
    ------
    ValueError
        If a shape does not fit, or if arrays of `into` overlap.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    The equations, with h and rstd as in `rms_norm_forward` and sums over all axes but the last::

        g = dy * gamma
        dx = (g - h * mean(g * h)) * rstd
        dgamma = sum of dy * h

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.rms_norm_forward([[1.0, 7.0]], np.ones(2), epsilon=0)
    >>> F.rms_norm_backward(tape, [[1.0, 1.0]]).dgamma
    array([0.2, 1.4])
    """
    return RMSNormGrads(*_normalize.backward("rms_norm_backward", RMSNormTape, tape, dy, into, ("dgamma",)))
