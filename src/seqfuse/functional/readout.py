"""Readout of a network, forward and backward: a dense layer with a skip connection from the inputs."""

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
    """Tape of `readout_forward` for `readout_backward`: opaque, keeps references to h, x, W and V."""

    _kernels: Kernels
    _h: Array
    _x: Array | None
    _W: Array
    _V: Array | None
    _bias: bool  # whether there is a c
    _slope: Array | None  # (..., O), slope of the activation; None if it is linear
    _guards: tuple[object, ...]  # see _arrays.guard

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
    """Compute the outputs of a network from its hidden states and inputs.

    See `readout_forward` for the equation.

    Parameters
    ----------
    h : array_like, shape (..., H)
        Hidden states, such as the y of `lstm`.
    x : array_like, shape (..., I), or None
        Inputs of the network, for a skip connection. None if V is None.
    W : array_like, shape (H, O)
        Weights of the hidden states.
    V : array_like, shape (I, O), optional
        Weights of the skip connection. Without V there is no skip connection.
    c : array_like, shape (O,), optional
        Bias. Zeros by default.
    activation : str or tuple, optional
        Activation g: a name, or a tuple of a name and its constants, as in `lstm`. "linear" by default.

    Returns
    -------
    y : ndarray, shape (..., O)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.

    Raises
    ------
    ValueError
        If a shape or a value does not fit, or if only one of x and V is given.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    Each sum starts with the bias, then adds the terms of h, then the terms of x, in a fixed order and in blocks. The
    bits of the result do not depend on the batch size or on the number of threads.

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
    """Compute the outputs of a network and keep the tape for `readout_backward`.

    Parameters
    ----------
    h : array_like, shape (..., H)
        Hidden states, such as the y of `lstm`.
    x : array_like, shape (..., I), or None
        Inputs of the network, for a skip connection. None if V is None.
    W : array_like, shape (H, O)
        Weights of the hidden states.
    V : array_like, shape (I, O), optional
        Weights of the skip connection. Without V there is no skip connection.
    c : array_like, shape (O,), optional
        Bias. Zeros by default.
    activation : str or tuple, optional
        Activation g: a name, or a tuple of a name and its constants, as in `lstm`. "linear" by default.

    Returns
    -------
    y : ndarray, shape (..., O)
        Outputs. The result has the widest dtype of the inputs. float16, bfloat16, bool and integer arrays count as
        float32.
    ReadoutTape
        Opaque tape for `readout_backward`. Keeps references to h, x, W and V. Do not modify them before the backward
        function has run.

    Raises
    ------
    ValueError
        If a shape or a value does not fit, or if only one of x and V is given.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y = g(h W + x V + c)

    Each sum starts with the bias, then adds the terms of h, then the terms of x, in a fixed order and in blocks. The
    bits of the result do not depend on the batch size or on the number of threads.

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
    present = {name: value for name, value in given.items() if value is not None or name in ("h", "W")}
    *arrays, _ = _arrays.widest(function, tuple(present), tuple(present.values()))
    h, W, x, V, c = (dict(zip(present, arrays)).get(name) for name in given)
    if h.ndim == 0:
        raise ValueError(f"{function}: h must be (..., H); got ()")
    leading = h.shape[:-1]
    _check_rows(function, "W", "(H, O)", h.shape[-1], W)
    outputs = W.shape[1]
    if x is not None:
        if x.shape[:-1] != leading or x.ndim == 0:
            _checks.refuse_shape(function, "x", f"(..., I) = {(*leading, 'I')}".replace("'", ""), None, x.shape)
        _check_rows(function, "V", "(I, O)", x.shape[-1], V)
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
    guards = _arrays.guard(h, x, W, V)
    h, x, W, V = (None if array is None else array.view() for array in (h, x, W, V))
    return y, ReadoutTape(kernels, h, x, W, V, c is not None, slope, guards)


def _check_rows(function: str, name: str, symbols: str, rows: int, weights: Array) -> None:
    """Refuse weights whose number of rows is not `rows`."""
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
    """Compute the gradients of `readout_forward`.

    Parameters
    ----------
    tape : ReadoutTape
        Tape from `readout_forward`. It is not modified and may be used again.
    dy : array_like, shape (..., O)
        Gradient of y.
    need_dx : bool, optional
        If False, dx is not computed and is None. True by default.
    into : tuple of ndarray, optional
        ``(dW, dV, dc)``: arrays that the gradients are added to and that are returned. Pass None for the gradient of an
        argument that was None. New arrays by default.

    Returns
    -------
    ReadoutGrads
        Named tuple of ``dh`` (..., H), ``dx`` (..., I), ``dW`` (H, O), ``dV`` (I, O) and ``dc`` (O,). The gradient of
        an argument that was None is None.

    Raises
    ------
    ValueError
        If a shape does not fit, or if arrays of `into` overlap.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    The equations, with sums over all axes but the last::

        dz = dy * g'(h W + x V + c)
        dh = dz W^T
        dx = dz V^T
        dW = sum of h^T dz
        dV = sum of x^T dz
        dc = sum of dz

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
        raise TypeError(f"{function}: tape must come from readout_forward; got {type(tape).__name__}")
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
        dz_rows, threads = _arrays.rows(dz), _threads.current()
        tape._kernels.dense_backward(_arrays.rows(h), W, dz_rows, _arrays.rows(dh), dW, dc, False, threads)
        if x is not None and V is not None and dV is not None:
            dx_rows = None if dx is None else _arrays.rows(dx)
            tape._kernels.dense_backward(_arrays.rows(x), V, dz_rows, dx_rows, dV, None, False, threads)
    if targets is None:
        return ReadoutGrads(dh, dx, dW, dV, dc)
    # `into` is changed only at the end, so that Ctrl-C between the products leaves it unchanged.
    for work, gradient in zip(targets.work, (g for g in (dW, dV, dc) if g is not None)):
        work += gradient
    targets.store()
    given = iter(targets.given)
    accumulated: list[Any] = [None if gradient is None else next(given) for gradient in (dW, dV, dc)]
    return ReadoutGrads(dh, dx, *accumulated)


def _targets(function: str, tape: ReadoutTape, into: Any, dy: Array) -> _arrays.Targets:
    """Check the arrays of `into`, one per gradient of weights that exist."""
    h, x, W, V = tape._h, tape._x, tape._W, tape._V
    shapes = {"dW": W.shape, "dV": None if V is None else V.shape, "dc": W.shape[1:] if tape._bias else None}
    absent = [name for name, shape in shapes.items() if shape is None]
    _checks.into(function, tuple(shapes), into, absent)
    symbols = {"dW": "(H, O)", "dV": "(I, O)", "dc": "(O,)"}
    present = {name: (array, symbols[name], shape) for (name, shape), array in zip(shapes.items(), into) if shape}
    given, symbols_present, needed = zip(*present.values())
    return _arrays.Targets(
        function, tuple(present), given, symbols_present, needed, W.dtype, (h, x, W, V, dy, tape._slope)
    )
