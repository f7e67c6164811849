"""Layer normalization, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqfuse._results import LayerNormGrads
from seqfuse.functional import _normalize

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array


class LayerNormTape(_normalize.NormalizeTape):
    """Tape of `layer_norm_forward` for `layer_norm_backward`: opaque, keeps references to x and gamma."""

    __slots__ = ()


def layer_norm(
    x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, *, epsilon: float = 1e-3
) -> Array:
    """Apply layer normalization over the last axis.

    Each row is normalized to mean 0 and variance 1, then scaled by gamma and shifted by beta. See `layer_norm_forward`
    for the equations.

    Parameters
    ----------
    x : array_like, shape (..., D)
        Inputs. Each row along the last axis is normalized.
    gamma : array_like, shape (D,), optional
        Scale. Ones by default.
    beta : array_like, shape (D,), optional
        Shift. Zeros by default.
    epsilon : float, optional
        Constant added to the variance. At least 0. The default is the default of Keras; PyTorch uses 1e-5.

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
    The source is Ba, Kiros and Hinton 2016, "Layer normalization", arXiv:1607.06450.

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
        Constant added to the variance. At least 0. The default is the default of Keras; PyTorch uses 1e-5.

    Returns
    -------
    y : ndarray, shape (..., D)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.
    LayerNormTape
        Opaque tape for `layer_norm_backward`. Keeps references to x and gamma, which must not be modified before the
        backward function has run, and the mean and rstd of each row.

    Raises
    ------
    ValueError
        If a shape does not fit, or if `epsilon` is negative.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equations are::

        rstd = 1 / sqrt(mean((x - mean(x))^2) + epsilon)
        h = (x - mean(x)) * rstd
        y = h * gamma + beta

    The source is Ba, Kiros and Hinton 2016, "Layer normalization", arXiv:1607.06450.

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
    """Compute the gradients of `layer_norm_forward`.

    Parameters
    ----------
    tape : LayerNormTape
        Tape from `layer_norm_forward`. It is not modified and may be used again.
    dy : array_like, shape (..., D)
        Gradient of y.
    into : tuple of ndarray, optional
        ``(dgamma, dbeta)``: arrays that the gradients are added to and that are returned. Pass None for a parameter
        that was None. New arrays by default.

    Returns
    -------
    LayerNormGrads
        Named tuple of ``dx`` (..., D), ``dgamma`` (D,) and ``dbeta`` (D,). The gradient of a parameter that was None is
        None.

    Raises
    ------
    ValueError
        If a shape does not fit, or if arrays of `into` overlap.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    The equations, with h and rstd as in `layer_norm_forward` and sums over all axes but the last::

        g = dy * gamma
        dx = (g - mean(g) - h * mean(g * h)) * rstd
        dgamma = sum of dy * h
        dbeta = sum of dy

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
