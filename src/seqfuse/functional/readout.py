"""What a network says of its state, forward and backward: a dense layer of h, with a skip from the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads
from seqfuse._activations import parse
from seqfuse._results import ReadoutGrads
from seqfuse.functional._cell import LINEAR

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._activations import ActivationLike
    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class ReadoutTape:
    """What `readout_backward` reads; opaque, refers to h, x, W and V."""

    _kernels: Kernels
    _h: Array
    _x: Array | None
    _W: Array
    _V: Array | None
    _bias: bool
    _slope: Array | None  # (..., O), of the activation; None: linear

    def __repr__(self) -> str:
        skip = "" if self._V is None else f" V={self._V.shape}"
        return f"<ReadoutTape h={self._h.shape} W={self._W.shape}{skip} {self._h.dtype}>"


def readout(
    h: ArrayLike,
    x: ArrayLike | None,
    W: ArrayLike,
    V: ArrayLike | None = None,
    c: ArrayLike | None = None,
    activation: ActivationLike = LINEAR,
) -> Array:
    """y = g(h W + x V + c), over the last axes of h and x.

    Parameters
    ----------
    h : (..., H)        states, such as y of `lstm`
    x : (..., I)        inputs of the network, which skip it; None where V is None
    W, V : (H, O), (I, O)        weights; V None: y = g(h W + c)
    c : (O,)        bias, zeros by default
    activation : str or tuple        g: a name, or a name and its constants, as in `lstm`

    Returns
    -------
    y : (..., O)        in the widest type of h, x, W, V and c; half, bool and integers count as float32

    Raises
    ------
    ValueError        a shape or a value disagrees, or one of x and V is given without the other
    TypeError        a kind of number that is not computed with

    Notes
    -----
    A sum is the bias, the terms of h and those of x in order, cut into blocks, whatever the batch and the threads.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.readout([[1.0, 2.0]], [[1.0]], W=[[1.0], [10.0]], V=[[100.0]], c=[0.5])
    array([[121.5]])
    >>> F.readout([[1.0, 2.0]], None, W=[[1.0], [-1.0]], activation="relu")
    array([[0.]])
    """
    return _forward("readout", h, x, W, V, c, activation, False)[0]


def readout_forward(
    h: ArrayLike,
    x: ArrayLike | None,
    W: ArrayLike,
    V: ArrayLike | None = None,
    c: ArrayLike | None = None,
    activation: ActivationLike = LINEAR,
) -> tuple[Array, ReadoutTape]:
    """y = g(h W + x V + c) as `readout`, and the tape for `readout_backward`, which refers to h, x, W and V.

    Parameters
    ----------
    h, x, W, V, c, activation : as for `readout`

    Returns
    -------
    y : (..., O)
    ReadoutTape        opaque; changing h, x, W or V before backward has read it changes the gradients

    Raises
    ------
    ValueError, TypeError        as `readout`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.readout_forward(np.ones((5, 2, 4)), None, np.ones((4, 3)))
    >>> tape
    <ReadoutTape h=(5, 2, 4) W=(4, 3) float64>
    """
    return _forward("readout_forward", h, x, W, V, c, activation, True)


def _forward(
    function: str, h: Any, x: Any, W: Any, V: Any, c: Any, activation: Any, need_slope: bool
) -> tuple[Array, ReadoutTape]:
    g = parse(function, "activation", activation)
    if x is not None and V is None:
        raise ValueError(f"{function}: V must be (I, O), because x is given; got None. Pass None for x to leave it out")
    if x is None and V is not None:
        raise ValueError(
            f"{function}: x must be (..., I), because V is given; got None. Pass None for V to leave it out"
        )
    given = {"h": h, "W": W, "x": x, "V": V, "c": c}
    there = {name: value for name, value in given.items() if value is not None or name in ("h", "W")}
    *arrays, _ = _arrays.widest(function, tuple(there), tuple(there.values()))
    h, W, x, V, c = (dict(zip(there, arrays)).get(name) for name in given)
    if h.ndim == 0:
        raise ValueError(f"{function}: h must be (..., H); got ()")
    leading = h.shape[:-1]
    _fit(function, "W", "(H, O)", h.shape[-1], W)
    outputs = W.shape[1]
    if x is not None:
        if x.shape[:-1] != leading or x.ndim == 0:
            _checks.refuse_shape(function, "x", f"(..., I) = {(*leading, 'I')}".replace("'", ""), None, x.shape)
        _fit(function, "V", "(I, O)", x.shape[-1], V)
        _checks.shape(function, "V", "(I, O)", (x.shape[-1], outputs), V.shape)
    if c is not None:
        _checks.shape(function, "c", "(O,)", (outputs,), c.shape)
    _checks.sizes(function, "y (..., O)", *leading, outputs)
    y = np.empty((*leading, outputs), h.dtype)
    kernels, threads = _backend.kernels, _threads.current()
    slope = np.empty(y.shape, y.dtype) if need_slope and g.name != LINEAR else None
    if y.size:
        kernels.dense_forward(_arrays.rows(h), W, c, _arrays.rows(y), False, threads)
        if x is not None:
            kernels.dense_forward(_arrays.rows(x), V, None, _arrays.rows(y), True, threads)
        if g.name != LINEAR:
            flat = y.reshape(-1)
            kernels.activation_forward(flat, flat, None if slope is None else slope.reshape(-1), *g, threads)
    return y, ReadoutTape(kernels, h, x, W, V, c is not None, slope)


def _fit(function: str, name: str, symbols: str, rows: int, weights: Array) -> None:
    """Refuse weights (rows, O) of another number of rows."""
    if weights.ndim != 2 or weights.shape[0] != rows:
        transposed = weights.ndim == 2 and weights.shape[1] == rows
        advice = "PyTorch stores weights transposed: pass weight.T" if transposed else ""
        _checks.refuse_shape(function, name, f"{symbols} = ({rows}, O)", None, weights.shape, advice)


def readout_backward(
    tape: ReadoutTape,
    dy: ArrayLike,
    *,
    need_dx: bool = True,
    into: tuple[Array, Array | None, Array | None] | None = None,
) -> ReadoutGrads:
    """Gradients of `readout_forward`.

        dz = dy * g'(h W + x V + c)
        dh, dx = dz W^T, dz V^T
        dW, dV, dc = h^T dz, x^T dz, dz              summed over all axes but the last

    Parameters
    ----------
    tape : ReadoutTape        from `readout_forward`; not changed, it may be read again
    dy : (..., O)        gradient of y
    need_dx : bool        False: dx is None and costs nothing
    into : (dW, dV, dc)        arrays that the gradients are added to, and that are returned; None for dV and dc where V
        and c were

    Returns
    -------
    ReadoutGrads        dh (..., H), dx (..., I), dW (H, O), dV (I, O), dc (O,); None for what was None

    Raises
    ------
    ValueError        a shape disagrees, or arrays of into overlap
    TypeError        a kind of number that is not computed with, a wrong type in into

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.readout_forward(np.ones((5, 2, 4)), np.ones((5, 2, 1)), np.ones((4, 3)), np.ones((1, 3)))
    >>> F.readout_backward(tape, np.ones((5, 2, 3))).dV
    array([[10., 10., 10.]])
    """
    function = "readout_backward"
    if not isinstance(tape, ReadoutTape):
        raise TypeError(f"{function}: tape must be what readout_forward returned; got {type(tape).__name__}")
    (need_dx,) = _checks.flags(function, ("need_dx",), (need_dx,))
    h, x, W, V = tape._h, tape._x, tape._W, tape._V
    dtype, outputs = h.dtype, W.shape[1]
    dz = _arrays.numbers(function, "dy", dy, dtype)
    _checks.shape(function, "dy", "(..., O)", (*h.shape[:-1], outputs), dz.shape)
    targets = None if into is None else _targets(function, tape, into, dz)
    if tape._slope is not None:
        dz = dz * tape._slope
    dh, dW = np.zeros(h.shape, dtype), np.zeros(W.shape, dtype)
    dx = np.zeros(x.shape, dtype) if x is not None and need_dx else None
    dV = None if V is None else np.zeros(V.shape, dtype)
    dc = np.zeros(outputs, dtype) if tape._bias else None
    if dz.size:
        rows, threads = _arrays.rows(dz), _threads.current()
        tape._kernels.dense_backward(_arrays.rows(h), W, rows, _arrays.rows(dh), dW, dc, False, threads)
        if x is not None and V is not None and dV is not None:
            of_x = None if dx is None else _arrays.rows(dx)
            tape._kernels.dense_backward(_arrays.rows(x), V, rows, of_x, dV, None, False, threads)
    if targets is None:
        return ReadoutGrads(dh, dx, dW, dV, dc)
    # Added at the end, so that Ctrl-C between the products leaves `into` as it was.
    for work, gradient in zip(targets.work, (g for g in (dW, dV, dc) if g is not None)):
        work += gradient
    targets.store()
    left = iter(targets.given)
    into_each: list[Any] = [None if gradient is None else next(left) for gradient in (dW, dV, dc)]
    return ReadoutGrads(dh, dx, *into_each)


def _targets(function: str, tape: ReadoutTape, into: Any, dy: Array) -> _arrays.Targets:
    """The arrays of `into`, as far as there are such weights."""
    h, x, W, V = tape._h, tape._x, tape._W, tape._V
    shapes = {"dW": W.shape, "dV": None if V is None else V.shape, "dc": W.shape[1:] if tape._bias else None}
    absent = [name for name, shape in shapes.items() if shape is None]
    _checks.into(function, tuple(shapes), into, absent)
    symbols = {"dW": "(H, O)", "dV": "(I, O)", "dc": "(O,)"}
    there = {name: (array, symbols[name], shape) for (name, shape), array in zip(shapes.items(), into) if shape}
    given, of, needed = zip(*there.values())
    return _arrays.Targets(function, tuple(there), given, of, needed, W.dtype, (h, x, W, V, dy, tape._slope))
