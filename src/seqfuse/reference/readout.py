"""Readout of a network, forward and backward: a dense layer with a skip connection from the inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqfuse._activations import Activation, ActivationLike, parse
from seqfuse._cells import Array
from seqfuse._results import ReadoutGrads
from seqfuse.reference.accumulate import accumulate
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class ReadoutTape:
    """Tape of `readout_forward` for `readout_backward`."""

    h: Array  # (..., H)
    x: Array | None  # (..., I)
    W: Array  # (H, O)
    V: Array | None  # (I, O)
    has_bias: bool
    activation: Activation
    a: Array  # (..., O), argument of the activation
    y: Array  # (..., O)


def readout(
    h: npt.ArrayLike,
    x: npt.ArrayLike | None,
    W: npt.ArrayLike,
    V: npt.ArrayLike | None = None,
    c: npt.ArrayLike | None = None,
    activation: ActivationLike = "linear",
) -> Array:
    """Compute the outputs of a network from its hidden states and inputs.

    See `readout_forward` for the equation.

    Parameters
    ----------
    h : array_like, shape (..., H)
        Hidden states.
    x : array_like, shape (..., I), or None
        Inputs of the network, for a skip connection. None if V is None.
    W : array_like, shape (H, O)
        Weights of the hidden states.
    V : array_like, shape (I, O), optional
        Weights of the skip connection. Without V there is no skip connection.
    c : array_like, shape (O,), optional
        Bias. Zeros by default.
    activation : str or tuple, optional
        Activation g: a name, or a tuple of a name and its constants. "linear" by default.

    Returns
    -------
    y : ndarray, shape (..., O)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.

    Raises
    ------
    ValueError
        If the shapes do not fit, or if there is no such activation.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Examples
    --------
    >>> readout([[1.0, 2.0]], [[1.0]], W=[[1.0], [10.0]], V=[[100.0]], c=[0.5])
    array([[121.5]])
    """
    return readout_forward(h, x, W, V, c, activation)[0]


def readout_forward(
    h: npt.ArrayLike,
    x: npt.ArrayLike | None,
    W: npt.ArrayLike,
    V: npt.ArrayLike | None = None,
    c: npt.ArrayLike | None = None,
    activation: ActivationLike = "linear",
) -> tuple[Array, ReadoutTape]:
    """Compute the outputs of a network and keep the tape for `readout_backward`.

    Parameters
    ----------
    h : array_like, shape (..., H)
        Hidden states.
    x : array_like, shape (..., I), or None
        Inputs of the network, for a skip connection. None if V is None.
    W : array_like, shape (H, O)
        Weights of the hidden states.
    V : array_like, shape (I, O), optional
        Weights of the skip connection. Without V there is no skip connection.
    c : array_like, shape (O,), optional
        Bias. Zeros by default.
    activation : str or tuple, optional
        Activation g: a name, or a tuple of a name and its constants. "linear" by default.

    Returns
    -------
    y : ndarray, shape (..., O)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.
    ReadoutTape
        Opaque tape for `readout_backward`. Keeps references to h, x, W, V and y.

    Raises
    ------
    ValueError
        If the shapes do not fit, or if there is no such activation.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y = g(h W + x V + c)

    The skip connection is the direct connection of Bengio et al. 2003, https://www.jmlr.org/papers/v3/bengio03a.html.

    Examples
    --------
    >>> y, tape = readout_forward([[1.0, -2.0]], None, W=[[1.0], [1.0]], activation="relu")
    >>> y
    array([[0.]])
    """
    g = parse("readout", "activation", activation)
    dtype = computed_dtype(h, x, W, V, c)
    h, W = np.asarray(h, dtype), np.asarray(W, dtype)
    a = h @ W if c is None else np.asarray(c, dtype) + h @ W
    if x is not None and V is not None:
        x, V = np.asarray(x, dtype), np.asarray(V, dtype)
        a = a + x @ V
    else:
        x = V = None
    y = g.value(a)
    return y, ReadoutTape(h, x, W, V, c is not None, g, a, y)


def readout_backward(
    tape: ReadoutTape,
    dy: npt.ArrayLike,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array | None, Array | None] | None = None,
) -> ReadoutGrads:
    """Compute the gradients of `readout_forward`.

    Parameters
    ----------
    tape : ReadoutTape
        Tape from `readout_forward`. It is not modified and may be used again.
    dy : array_like, shape (..., O)
        Gradient of y.
    need_dx : bool, optional
        If False, dx is None. True by default.
    into : tuple of ndarray, optional
        ``(dW, dV, dc)``: arrays that the gradients are added to and that are returned. New arrays by default.

    Returns
    -------
    ReadoutGrads
        Named tuple of ``dh`` (..., H), ``dx`` (..., I), ``dW`` (H, O), ``dV`` (I, O) and ``dc`` (O,). The gradient of
        an argument that was None is None.

    Notes
    -----
    The equations, with sums over all axes but the last::

        da = dy * g'(a),  a = h W + x V + c
        dh = da W^T
        dx = da V^T
        dW = sum of h^T da
        dV = sum of x^T da
        dc = sum of da

    Examples
    --------
    >>> y, tape = readout_forward([[1.0, 2.0]], [[3.0]], W=[[1.0], [10.0]], V=[[100.0]])
    >>> grads = readout_backward(tape, [[1.0]])
    >>> grads.dh, grads.dx, grads.dV
    (array([[ 1., 10.]]), array([[100.]]), array([[3.]]))
    """
    h, x, W, V = tape.h, tape.x, tape.W, tape.V
    # forward: y = g(a)
    da = np.asarray(dy, h.dtype) * tape.activation.slope(tape.a, tape.y)
    # forward: a = c + h W + x V
    dh, dW = da @ W.T, _rows(h).T @ _rows(da)
    dx: Any = None
    dV = None
    if x is not None and V is not None:
        dx = da @ V.T if need_dx else None
        dV = _rows(x).T @ _rows(da)
    dc = _rows(da).sum(axis=0) if tape.has_bias else None
    return ReadoutGrads(dh, dx, *accumulate(into, (dW, dV, dc)))


def _rows(a: Array) -> Array:
    """Return an array (..., N) as a matrix with N columns."""
    return a.reshape(int(np.prod(a.shape[:-1])), a.shape[-1])
