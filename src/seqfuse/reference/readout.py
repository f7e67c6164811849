"""What a network says of its states, with a skip from its inputs: forward and backward."""

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
    """What `readout_backward` reads; opaque, refers to the arguments of the forward."""

    h: Array  # (..., H)
    x: Array | None  # (..., I)
    W: Array  # (H, O)
    V: Array | None  # (I, O)
    has_bias: bool
    activation: Activation
    a: Array  # (..., O)
    y: Array  # (..., O)


def readout(
    h: npt.ArrayLike,
    x: npt.ArrayLike | None,
    W: npt.ArrayLike,
    V: npt.ArrayLike | None = None,
    c: npt.ArrayLike | None = None,
    activation: ActivationLike = "linear",
) -> Array:
    """Read the states of a network out, with a skip from its inputs.

        y = g(h W + x V + c)

    Parameters
    ----------
    h : (..., H)        states
    x : (..., I)        inputs; None where V is None
    W, V : (H, O), (I, O)        weights; without V there is no x V
    c : (O,)        bias; zeros by default
    activation : str or (str, alpha, beta)        g

    Returns
    -------
    (..., O)        y

    Raises
    ------
    ValueError        shapes that do not multiply; an activation that does not exist, or has no such constants
    TypeError        a kind of number that is not computed with

    Notes
    -----
    The skip from the input is the direct connections of Bengio et al. 2003, https://www.jmlr.org/papers/v3/bengio03a.html.

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
    """Run `readout` and keep the tape for `readout_backward`.

    Parameters, equation and errors are those of `readout`.

    Returns
    -------
    (..., O)        y
    ReadoutTape        opaque, for `readout_backward`; refers to h, x, W, V and y

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
    """Differentiate `readout`.

        da = dy * g'(a), where a = h W + x V + c
        dh = da W^T        dx = da V^T
        dW = h^T da        dV = x^T da        dc = sum of da

    Parameters
    ----------
    tape : ReadoutTape        of `readout_forward`; not changed, and may be used again
    dy : (..., O)        gradient of y
    need_dx : bool        whether `dx` is wanted
    into : (dW, dV, dc)        arrays that the gradients are added to and that are returned; new ones by default

    Returns
    -------
    ReadoutGrads        dh (..., H); dx (..., I) or None; dW (H, O); dV (I, O) and dc (O,), None where V and c were

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
    return a.reshape(int(np.prod(a.shape[:-1])), a.shape[-1])
