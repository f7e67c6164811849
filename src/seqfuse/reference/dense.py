"""A dense layer's product: forward and backward."""

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
    """What `dense_backward` reads; opaque, refers to the arguments of the forward."""

    x: Array  # (..., I)
    W: Array  # (I, O)
    has_bias: bool


def dense(x: npt.ArrayLike, W: npt.ArrayLike, b: npt.ArrayLike | None = None) -> Array:
    """Multiply the last axis of `x` by a matrix and add a bias.

        y = x W + b

    Parameters
    ----------
    x : (..., I)        inputs
    W : (I, O)        weights
    b : (O,)        bias; zeros by default

    Returns
    -------
    (..., O)        y

    Raises
    ------
    ValueError        the last axis of x is not I
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Rumelhart, Hinton and Williams 1986, https://doi.org/10.1038/323533a0.

    Examples
    --------
    >>> dense([[1.0, 2.0]], [[1.0], [10.0]], [0.5])
    array([[21.5]])
    """
    return dense_forward(x, W, b)[0]


def dense_forward(x: npt.ArrayLike, W: npt.ArrayLike, b: npt.ArrayLike | None = None) -> tuple[Array, DenseTape]:
    """Run `dense` and keep the tape for `dense_backward`.

    Parameters, equation and errors are those of `dense`.

    Returns
    -------
    (..., O)        y
    DenseTape        opaque, for `dense_backward`; refers to x and W

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
    """Differentiate `dense`.

        dx = dy W^T        dW = x^T dy        db = sum of dy

    Parameters
    ----------
    tape : DenseTape        of `dense_forward`; not changed, and may be used again
    dy : (..., O)        gradient of y
    need_dx : bool        whether `dx` is wanted
    into : (dW, db)        arrays that the gradients are added to and that are returned; new ones by default

    Returns
    -------
    DenseGrads        dx (..., I) or None; dW (I, O); db (O,), or None where b was None

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
