"""Weights of recurrent cells in the layouts of PyTorch and ONNX: conversion to the layout of seqfuse and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _arrays, _names
from seqfuse._cells import CELLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._cells import Cell


class PyTorchWeights(NamedTuple):
    """Weights of one layer and direction, from `weights_from_pytorch`."""

    W: Array  # (I, G*H)
    U: Array  # (H, G*H)
    b: Array | None  # (2, G*H)
    projection: Array | None = None  # (H, R), weight_hr of an LSTM with proj_size; no cell of seqfuse uses it


class ONNXWeights(NamedTuple):
    """Weights of one direction, from `weights_from_onnx`."""

    W: Array  # (I, G*H)
    U: Array  # (H, G*H)
    b: Array | None  # (2, G*H)
    peephole: Array | None = None  # (3, H), LSTM only


def weights_from_pytorch(cell: str, state_dict: Mapping[str, Any], prefix: str = "") -> list[list[PyTorchWeights]]:
    """Convert the weights of a recurrent module of PyTorch.

    PyTorch stores the transposed matrices, and the gates of a GRU in the order r, z, n.

    Parameters
    ----------
    cell : str
        "rnn", "lstm" or "gru", for ``torch.nn.RNN``, ``LSTM`` and ``GRU``.
    state_dict : mapping of str to array_like
        Weights by name, as returned by ``module.state_dict()``. Tensors must be on the CPU.
    prefix : str, default ""
        Start of the names, such as "encoder." for a module that is an attribute of another one.

    Returns
    -------
    list of list of PyTorchWeights
        ``result[layer][direction]`` is a named tuple ``(W, U, b, projection)``. Direction 1 processes the steps in
        reverse. `b` is None for ``bias=False``. Matrices are views of the tensors, except for the GRU.

    Raises
    ------
    ValueError
        If a name is missing, or if a shape does not fit. The message names it.

    Notes
    -----
    The options of the module are not part of its weights. A GRU of PyTorch is ``gru`` with its defaults, and
    ``nn.RNN(nonlinearity="relu")`` is ``rnn`` with ``activation="relu"``.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> state = {"weight_ih_l0": np.ones((8, 3)), "weight_hh_l0": np.ones((8, 2))}
    >>> W, U, b, projection = F.weights_from_pytorch("lstm", state)[0][0]
    >>> W.shape, U.shape, b
    ((3, 8), (2, 8), None)
    """
    function = "weights_from_pytorch"
    constants = _find(function, cell)
    _check_prefix(function, prefix)
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"{function}: state_dict must be a mapping of names to arrays; got {type(state_dict).__name__}")
    layers: list[list[PyTorchWeights]] = []
    while not layers or f"{prefix}weight_ih_l{len(layers)}" in state_dict:
        directions = [""] + ["_reverse"] * (f"{prefix}weight_ih_l{len(layers)}_reverse" in state_dict)
        layers.append([_from_state(function, constants, state_dict, prefix, f"_l{len(layers)}{d}") for d in directions])
    return layers


def weights_to_pytorch(
    cell: str, weights: Sequence[Sequence[Sequence[ArrayLike | None]]], prefix: str = ""
) -> dict[str, Array]:
    """Convert weights, or their gradients, to the layout of PyTorch.

    The inverse of `weights_from_pytorch`.

    Parameters
    ----------
    cell : str
        "rnn", "lstm" or "gru".
    weights : sequence
        ``weights[layer][direction]`` is a tuple ``(W, U)``, ``(W, U, b)`` or ``(W, U, b, projection)``. A bias of one
        row becomes ``bias_ih``, with zeros for ``bias_hh``.
    prefix : str, default ""
        Start of the names.

    Returns
    -------
    dict of str to ndarray
        New arrays by name, for ``module.load_state_dict`` after ``torch.from_numpy``.

    Raises
    ------
    ValueError
        If a shape does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> state = F.weights_to_pytorch("gru", [[(np.ones((3, 6)), np.ones((2, 6)), np.zeros(6))]])
    >>> {name: array.shape for name, array in state.items()}
    {'weight_ih_l0': (6, 3), 'weight_hh_l0': (6, 2), 'bias_ih_l0': (6,), 'bias_hh_l0': (6,)}
    """
    function = "weights_to_pytorch"
    constants, state = _find(function, cell), {}
    _check_prefix(function, prefix)
    for layer, directions in enumerate(_sequence(function, "weights", "weights[layer][direction]", weights)):
        for direction, given in enumerate(_sequence(function, "weights", "weights[layer][direction]", directions)):
            W, U, b, H = _read(function, constants, given)
            rows = np.argsort(constants.columns_from("pytorch", H))
            suffix = f"_l{layer}{'_reverse' * direction}"
            state[f"{prefix}weight_ih{suffix}"] = np.ascontiguousarray(W.T[rows])
            state[f"{prefix}weight_hh{suffix}"] = np.ascontiguousarray(U.T[rows])
            if b is not None:
                both = b if b.ndim == 2 else np.stack([b, np.zeros_like(b)])
                state[f"{prefix}bias_ih{suffix}"] = both[0][rows]
                state[f"{prefix}bias_hh{suffix}"] = both[1][rows]
            if len(given) > 3 and given[3] is not None:
                state[f"{prefix}weight_hr{suffix}"] = np.asarray(given[3]).T.copy()
    return state


def weights_from_onnx(
    cell: str, W: ArrayLike, R: ArrayLike, B: ArrayLike | None = None, P: ArrayLike | None = None
) -> list[ONNXWeights]:
    """Convert the weights of an RNN, LSTM or GRU node of ONNX.

    ONNX stores the transposed matrices, and the gates of an LSTM in the order i, o, f, g.

    Parameters
    ----------
    cell : str
        "rnn", "lstm" or "gru".
    W, R : array_like, shapes (dirs, G*H, I) and (dirs, G*H, H)
        Input weights and recurrent weights.
    B : array_like, shape (dirs, 2*G*H), optional
        Biases.
    P : array_like, shape (dirs, 3*H), optional
        Peephole weights of an LSTM, in the order i, o, f.

    Returns
    -------
    list of ONNXWeights
        A named tuple ``(W, U, b, peephole)`` for each direction. Direction 1 processes the steps in reverse.

    Raises
    ------
    ValueError
        If a shape does not fit.

    Notes
    -----
    A GRU node with ``linear_before_reset=0``, the default of ONNX, is ``gru`` with ``reset_after=False``.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> [(W, U, b, peephole)] = F.weights_from_onnx("gru", np.ones((1, 6, 3)), np.ones((1, 6, 2)))
    >>> W.shape, U.shape
    ((3, 6), (2, 6))
    """
    function = "weights_from_onnx"
    constants = _find(function, cell)
    gates = len(constants.gates)
    arrays = [None if a is None else _arrays.asarray(function, name, a) for name, a in zip("WRBP", (W, R, B, P))]
    all_W, all_R, all_B, all_P = arrays
    if all_R is None or all_R.ndim != 3 or all_R.shape[1] != gates * all_R.shape[2]:
        raise ValueError(f"{function}: R must be (dirs, {gates}*H, H); got {np.shape(R)}")
    dirs, rows, H = all_R.shape
    needed = {"W": (dirs, rows, np.shape(W)[-1] if np.ndim(W) == 3 else "I"), "B": (dirs, 2 * rows), "P": (dirs, 3 * H)}
    for name, array in (("W", all_W), ("B", all_B), ("P", all_P)):
        if array is not None and array.shape != needed[name]:
            raise ValueError(f"{function}: {name} must be {needed[name]}; got {array.shape}".replace("'", ""))
    columns = constants.columns_from("onnx", H)
    return [
        ONNXWeights(
            np.asarray(all_W)[d][columns].T,
            all_R[d][columns].T,
            None if all_B is None else all_B[d].reshape(2, rows)[:, columns],
            None if all_P is None else all_P[d].reshape(3, H)[[0, 2, 1]],
        )
        for d in range(dirs)
    ]


def weights_to_onnx(
    cell: str, directions: Sequence[Sequence[ArrayLike | None]]
) -> tuple[Array, Array, Array | None, Array | None]:
    """Convert weights, or their gradients, to the layout of an ONNX node.

    The inverse of `weights_from_onnx`.

    Parameters
    ----------
    cell : str
        "rnn", "lstm" or "gru".
    directions : sequence
        A tuple ``(W, U)``, ``(W, U, b)`` or ``(W, U, b, peephole)`` for each direction.

    Returns
    -------
    W, R : ndarray, shapes (dirs, G*H, I) and (dirs, G*H, H)
        Input weights and recurrent weights.
    B : ndarray, shape (dirs, 2*G*H), or None
        Biases. None if no direction has one.
    P : ndarray, shape (dirs, 3*H), or None
        Peephole weights in the order i, o, f. None if no direction has them.

    Raises
    ------
    ValueError
        If a shape does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> W, R, B, P = F.weights_to_onnx("lstm", [(np.ones((3, 8)), np.ones((2, 8)))])
    >>> W.shape, R.shape, B, P
    ((1, 8, 3), (1, 8, 2), None, None)
    """
    function = "weights_to_onnx"
    constants = _find(function, cell)
    all_W, all_R, all_B, all_P = [], [], [], []
    for given in _sequence(function, "directions", "directions[direction]", directions):
        W, U, b, H = _read(function, constants, given)
        rows = np.argsort(constants.columns_from("onnx", H))
        all_W.append(W.T[rows])
        all_R.append(U.T[rows])
        both = (
            np.zeros((2, W.shape[1]), W.dtype) if b is None else b if b.ndim == 2 else np.stack([b, np.zeros_like(b)])
        )
        all_B.append(both[:, rows].ravel())
        peephole = given[3] if len(given) > 3 else None
        all_P.append((np.zeros((3, H), W.dtype) if peephole is None else np.asarray(peephole))[[0, 2, 1]].ravel())
    has_b, has_P = (any(len(given) > i and given[i] is not None for given in directions) for i in (2, 3))
    return np.stack(all_W), np.stack(all_R), np.stack(all_B) if has_b else None, np.stack(all_P) if has_P else None


def _check_prefix(function: str, prefix: object) -> None:
    """Check that the start of the names is a str."""
    if not isinstance(prefix, str):
        raise TypeError(f"{function}: prefix must be a str; got {prefix!r}")


def _sequence(function: str, argument: str, form: str, value: Any) -> Sequence[Any]:
    """Check that an argument is a list or tuple, as is each of its items."""
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{function}: {argument} must be {form} = (W, U, ...); got {type(value).__name__}")
    return value


def _find(function: str, cell: str) -> Cell:
    """Return the constants of a cell that other libraries have."""
    return _names.look_up(function, "cell", str(cell), {name: c for name, c in CELLS.items() if c.peer_gates})


def _from_state(function: str, cell: Cell, state: Mapping[str, Any], prefix: str, suffix: str) -> PyTorchWeights:
    """Convert the weights of one layer and direction."""

    def get(name: str) -> Array:
        name = f"{prefix}{name}{suffix}"
        if name not in state:
            raise ValueError(f"{function}: state_dict must have {name!r}; got {sorted(state)}")
        return _arrays.asarray(function, name, state[name])

    weight_ih, weight_hh = get("weight_ih"), get("weight_hh")
    projection = get("weight_hr") if f"{prefix}weight_hr{suffix}" in state else None
    gates, rows = len(cell.gates), weight_hh.shape[0] if weight_hh.ndim == 2 else 0
    H = rows // gates
    needed = (gates * H, H if projection is None else projection.shape[0])
    if not H or weight_hh.shape != needed:
        raise ValueError(f"{function}: weight_hh{suffix} must be ({gates}*H, H); got {weight_hh.shape}")
    if weight_ih.ndim != 2 or len(weight_ih) != rows:
        raise ValueError(f"{function}: weight_ih{suffix} must be ({rows}, I); got {weight_ih.shape}")
    b = None
    if f"{prefix}bias_ih{suffix}" in state:
        b = np.stack([get("bias_ih"), get("bias_hh")])
    columns = cell.columns_from("pytorch", H)
    if (columns != np.arange(rows)).any():
        weight_ih, weight_hh = weight_ih[columns], weight_hh[columns]
        b = None if b is None else b[:, columns]
    return PyTorchWeights(weight_ih.T, weight_hh.T, b, None if projection is None else projection.T)


def _read(function: str, cell: Cell, given: Sequence[ArrayLike | None]) -> tuple[Array, Array, Array | None, int]:
    """Return W, U, b and H of one direction in the layout of seqfuse."""
    if not isinstance(given, (list, tuple)) or len(given) < 2:
        raise TypeError(f"{function}: each direction must be a tuple (W, U, ...); got {type(given).__name__}")
    W, U = (_arrays.asarray(function, name, array) for name, array in zip("WU", given))
    b = _arrays.asarray(function, "b", given[2]) if len(given) > 2 and given[2] is not None else None
    gates, columns = len(cell.gates), W.shape[-1]
    H = columns // gates
    if W.ndim != 2 or columns != gates * H or not H:
        raise ValueError(f"{function}: W must be (I, {gates}*H); got {W.shape}")
    if U.ndim != 2 or U.shape[1] != columns:
        raise ValueError(f"{function}: U must be (H, {gates}*H) = ({H}, {columns}); got {U.shape}")
    if b is not None and b.shape not in ((columns,), (2, columns)):
        raise ValueError(f"{function}: b must be ({columns},) or (2, {columns}); got {b.shape}")
    return W, U, b, H
