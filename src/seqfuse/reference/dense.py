"""Dense layer, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse._results import DenseGrads
from seqfuse.reference.accumulate import accumulate
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class DenseTape:
    """Tape of `dense_forward` for `dense_backward`."""

    x: Array  # (..., I)
    W: Array  # (I, O)
    has_bias: bool


def dense(x: npt.ArrayLike, W: npt.ArrayLike, b: npt.ArrayLike | None = None) -> Array:
    """Apply a dense layer to the last axis.

    See `dense_forward` for the equation.

    Parameters
    ----------
    x : array_like, shape (..., I)
        Inputs.
    W : array_like, shape (I, O)
        Weights.
    b : array_like, shape (O,), optional
        Bias. Zeros by default.

    Returns
    -------
    y : ndarray, shape (..., O)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Examples
    --------
    >>> dense([[1.0, 2.0]], [[1.0], [10.0]], [0.5])
    array([[21.5]])
    """
    return dense_forward(x, W, b)[0]


def dense_forward(x: npt.ArrayLike, W: npt.ArrayLike, b: npt.ArrayLike | None = None) -> tuple[Array, DenseTape]:
    """Apply a dense layer to the last axis and keep the tape for `dense_backward`.

    Parameters
    ----------
    x : array_like, shape (..., I)
        Inputs.
    W : array_like, shape (I, O)
        Weights.
    b : array_like, shape (O,), optional
        Bias. Zeros by default.

    Returns
    -------
    y : ndarray, shape (..., O)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.
    DenseTape
        Opaque tape for `dense_backward`. Keeps references to x and W.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y = x W + b

    Examples
    --------
    >>> y, tape = dense_forward([[1.0, 2.0]], [[1.0], [10.0]])
    >>> y
    array([[21.]])
    """
    dtype = computed_dtype(x, W, b)
    x, W = np.asarray(x, dtype), np.asarray(W, dtype)
    y = x @ W if b is None else np.asarray(b, dtype) + x @ W
    return y, DenseTape(x, W, b is not None)


def dense_backward(
    tape: DenseTape,
    dy: npt.ArrayLike,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array | None] | None = None,
) -> DenseGrads:
    """Compute the gradients of `dense_forward`.

    Parameters
    ----------
    tape : DenseTape
        Tape from `dense_forward`. It is not modified and may be used again.
    dy : array_like, shape (..., O)
        Gradient of y.
    need_dx : bool, optional
        If False, dx is None. True by default.
    into : tuple of ndarray, optional
        ``(dW, db)``: arrays that the gradients are added to and that are returned. New arrays by default.

    Returns
    -------
    DenseGrads
        Named tuple of ``dx`` (..., I), ``dW`` (I, O) and ``db`` (O,). ``db`` is None if b was None.

    Notes
    -----
    The equations, with sums over all axes but the last::

        dx = dy W^T
        dW = sum of x^T dy
        db = sum of dy

    Examples
    --------
    >>> y, tape = dense_forward([[1.0, 2.0]], [[1.0], [10.0]])
    >>> dense_backward(tape, [[1.0]]).dx
    array([[ 1., 10.]])
    """
    x, W = tape.x, tape.W
    dy = np.asarray(dy, x.dtype)
    # forward: y = b + x W
    dx = dy @ W.T if need_dx else None
    rows = int(np.prod(x.shape[:-1]))
    dy_rows = dy.reshape(rows, W.shape[1])
    dW = x.reshape(rows, W.shape[0]).T @ dy_rows
    db = dy_rows.sum(axis=0) if tape.has_bias else None
    return DenseGrads(dx, *accumulate(into, (dW, db)))
