"""A dense layer, forward and backward: the recurrent kernels' own product, and so the same bits on any threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse._results import DenseGrads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class DenseTape:
    """What `dense_backward` reads; opaque, refers to x and W."""

    _kernels: Kernels
    _x: Array
    _W: Array
    _bias: bool

    def __repr__(self) -> str:
        return f"<DenseTape x={self._x.shape} W={self._W.shape} {self._x.dtype}>"


def dense(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None) -> Array:
    """y = x W + b, over the last axis of x.

    Parameters
    ----------
    x : (..., I)        inputs
    W : (I, O)        weights
    b : (O,)        bias, zeros by default

    Returns
    -------
    y : (..., O)        in the widest type of x, W and b; half, bool and integers count as float32

    Raises
    ------
    ValueError        a shape disagrees
    TypeError        a kind of number that is not computed with

    Notes
    -----
    A sum is the bias and then the terms in order, cut into blocks, whatever the batch and the threads.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.dense([[1.0, 2.0]], [[1.0, 0.0], [0.0, 10.0]], [0.5, 0.5])
    array([[ 1.5, 20.5]])
    """
    y, _ = _forward("dense", x, W, b)
    return y


def dense_forward(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None) -> tuple[Array, DenseTape]:
    """y = x W + b as `dense`, and the tape for `dense_backward`, which refers to x and W.

    Parameters
    ----------
    x, W, b : as for `dense`

    Returns
    -------
    y : (..., O)
    DenseTape        opaque; changing x or W before backward has read it changes the gradients

    Raises
    ------
    ValueError, TypeError        as `dense`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.dense_forward(np.ones((4, 3)), np.ones((3, 2)))
    >>> tape
    <DenseTape x=(4, 3) W=(3, 2) float64>
    """
    return _forward("dense_forward", x, W, b)


def _forward(function: str, x: Any, W: Any, b: Any) -> tuple[Array, DenseTape]:
    x, W, b = _arrays.widest(function, ("x", "W"), (x, W), b)
    if x.ndim == 0:
        raise ValueError(f"{function}: x must be (..., I); got ()")
    features = x.shape[-1]
    if W.ndim != 2 or W.shape[0] != features:
        transposed = W.ndim == 2 and W.shape[1] == features
        advice = ". PyTorch stores weights transposed: pass weight.T" if transposed else ""
        raise ValueError(f"{function}: W must be (I, O) = ({features}, O); got {W.shape}{advice}")
    outputs = W.shape[1]
    if b is not None:
        _checks.shape(function, "b", "(O,)", (outputs,), b.shape)
    _checks.sizes(function, "y (..., O)", *x.shape[:-1], outputs)
    y = np.empty((*x.shape[:-1], outputs), x.dtype)
    kernels = _backend.kernels
    if y.size:
        kernels.dense_forward(_arrays.rows(x), W, b, _arrays.rows(y), False, _threads.current())
    return y, DenseTape(kernels, x, W, b is not None)


def dense_backward(
    tape: DenseTape, dy: ArrayLike, *, need_dx: bool = True, into: tuple[Array, Array | None] | None = None
) -> DenseGrads:
    """Gradients of `dense_forward`: dx = dy W^T, dW = x^T dy, db = the sum of dy over all but its last axis.

    Parameters
    ----------
    tape : DenseTape        from `dense_forward`; not changed, it may be read again
    dy : (..., O)        gradient of y
    need_dx : bool        False: dx is None and costs nothing
    into : (dW, db)        arrays that the gradients are added to, and that are returned; db None where b was

    Returns
    -------
    DenseGrads        dx (..., I), dW (I, O), db (O,) or None

    Raises
    ------
    ValueError        a shape disagrees, or arrays of into overlap
    TypeError        a kind of number that is not computed with, a wrong type in into

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.dense_forward(np.ones((4, 3)), np.ones((3, 2)), np.zeros(2))
    >>> F.dense_backward(tape, np.ones((4, 2))).db
    array([4., 4.])
    """
    function = "dense_backward"
    if not isinstance(tape, DenseTape):
        raise TypeError(f"{function}: tape must be what dense_forward returned; got {type(tape).__name__}")
    (need_dx,) = _checks.flags(function, ("need_dx",), (need_dx,))
    x, W = tape._x, tape._W
    dtype, outputs = x.dtype, W.shape[1]
    gradient = _arrays.numbers(function, "dy", dy, dtype)
    _checks.shape(function, "dy", "(..., O)", (*x.shape[:-1], outputs), gradient.shape)
    targets = None
    dW: Array
    db: Any
    if into is None:
        dW, db = np.zeros(W.shape, dtype), np.zeros(outputs, dtype) if tape._bias else None
    else:
        targets = into.targets if type(into) is _arrays.CheckedTargets else _targets(function, tape, into, gradient)
        dW, db = targets.work if tape._bias else (targets.work[0], None)
    dx = np.empty(x.shape, dtype) if need_dx else None
    if gradient.size:
        tape._kernels.dense_backward(
            _arrays.rows(x),
            W,
            _arrays.rows(gradient),
            None if dx is None else _arrays.rows(dx),
            dW,
            db,
            into is not None,
            _threads.current(),
        )
    elif dx is not None:
        dx[...] = 0  # no outputs
    if targets is not None:
        targets.store()
        dW, db = targets.given if tape._bias else (targets.given[0], None)
    return DenseGrads(dx, dW, db)


def _targets(function: str, tape: DenseTape, into: Any, dy: Array) -> _arrays.Targets:
    """The arrays of `into`, which dW and, where there was one, db are added to."""
    x, W = tape._x, tape._W
    _checks.into(function, ("dW", "db"), into, () if tape._bias else ("db",))
    count = 2 if tape._bias else 1
    names, symbols, shapes = ("dW", "db"), ("(I, O)", "(O,)"), (W.shape, W.shape[1:])
    return _arrays.Targets(function, names[:count], into[:count], symbols, shapes, W.dtype, (x, W, dy))
