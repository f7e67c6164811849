"""Dense layer, forward and backward, with the matrix product of the recurrent kernels."""

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
    """Tape of `dense_forward` for `dense_backward`: opaque, keeps references to x and W."""

    _kernels: Kernels
    _x: Array
    _W: Array
    _bias: bool  # whether there is a b
    _guards: tuple[object, ...]  # see _arrays.guard

    def __repr__(self) -> str:
        return f"<DenseTape x={self._x.shape} W={self._W.shape} {self._x.dtype}>"


def dense(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None) -> Array:
    """Apply a dense layer to the last axis.

    See `dense_forward` for the equation.

    Parameters
    ----------
    x : array_like, shape (..., I)
        Inputs. Any strides; no copy if the last axis is contiguous.
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
        If a shape or a value does not fit. The message names the argument and states what is needed.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    Each sum starts with the bias and adds the terms in a fixed order, in blocks. The bits of the result do not depend
    on the batch size or on the number of threads.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.dense([[1.0, 2.0]], [[1.0, 0.0], [0.0, 10.0]], [0.5, 0.5])
    array([[ 1.5, 20.5]])
    """
    return _forward("dense", x, W, b)[0]


def dense_forward(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None) -> tuple[Array, DenseTape]:
    """Apply a dense layer to the last axis and keep the tape for `dense_backward`.

    Parameters
    ----------
    x : array_like, shape (..., I)
        Inputs. Any strides; no copy if the last axis is contiguous.
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
        Opaque tape for `dense_backward`. Keeps references to x and W. Do not modify them before the backward function
        has run.

    Raises
    ------
    ValueError
        If a shape or a value does not fit. The message names the argument and states what is needed.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y = x W + b

    Each sum starts with the bias and adds the terms in a fixed order, in blocks. The bits of the result do not depend
    on the batch size or on the number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.dense_forward(np.ones((4, 3)), np.ones((3, 2)))
    >>> tape
    <DenseTape x=(4, 3) W=(3, 2) float64>
    """
    y, x, W, b = _forward("dense_forward", x, W, b)
    return y, DenseTape(_backend.kernels, x.view(), W.view(), b is not None, _arrays.guard(x, W))


def _forward(function: str, x: Any, W: Any, b: Any) -> tuple[Array, Array, Array, Array | None]:
    """Return y, and the arguments as arrays."""
    x, W, b = _arrays.widest(function, ("x", "W"), (x, W), b, ("W",))
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
    if not x.size or x.size * outputs > _checks.MAX_ELEMENTS:
        _checks.sizes(function, "y (..., O)", *x.shape[:-1], outputs)
    y = np.empty((*x.shape[:-1], outputs), x.dtype)
    if y.size:
        _backend.kernels.dense_forward(_arrays.rows(x), W, b, _arrays.rows(y), False, _threads.current())
    return y, x, W, b


def dense_backward(
    tape: DenseTape, dy: ArrayLike, *, need_dx: bool = True, into: tuple[Array, Array | None] | None = None
) -> DenseGrads:
    """Compute the gradients of `dense_forward`.

    Parameters
    ----------
    tape : DenseTape
        Tape from `dense_forward`. It is not modified and may be used again.
    dy : array_like, shape (..., O)
        Gradient of y.
    need_dx : bool, optional
        If False, dx is not computed and is None. True by default.
    into : tuple of ndarray, optional
        ``(dW, db)``: arrays that the gradients are added to and that are returned. Pass None for db if b was None. New
        arrays by default.

    Returns
    -------
    DenseGrads
        Named tuple of ``dx`` (..., I), ``dW`` (I, O) and ``db`` (O,). ``db`` is None if b was None.

    Raises
    ------
    ValueError
        If a shape does not fit, or if arrays of `into` overlap.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    The equations, with sums over all axes but the last::

        dx = dy W^T
        dW = sum of x^T dy
        db = sum of dy

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
        raise TypeError(f"{function}: tape must come from dense_forward; got {type(tape).__name__}")
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
    """Check the arrays of `into`, which dW and, if there was a bias, db are added to."""
    x, W = tape._x, tape._W
    _checks.into(function, ("dW", "db"), into, () if tape._bias else ("db",))
    count = 2 if tape._bias else 1
    names, symbols, shapes = ("dW", "db"), ("(I, O)", "(O,)"), (W.shape, W.shape[1:])
    return _arrays.Targets(function, names[:count], into[:count], symbols, shapes, W.dtype, (x, W, dy))
