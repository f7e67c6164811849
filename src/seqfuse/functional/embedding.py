"""Table lookup by row number, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels

_ADVICE = "Negative ids do not count from the end. For padding, pass any valid id and mask the step"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class EmbeddingTape:
    """Tape of `embedding_forward` for `embedding_backward`: opaque, keeps a copy of ids."""

    _kernels: Kernels
    _ids: Array  # flat int64; a copy, because a later change by the caller could make backward write outside the table
    _ids_shape: tuple[int, ...]
    _table_shape: tuple[int, int]
    _dtype: np.dtype[np.floating]

    def __repr__(self) -> str:
        return f"<EmbeddingTape ids={self._ids_shape} E={self._table_shape} {self._dtype}>"


def embedding(ids: ArrayLike, E: ArrayLike) -> Array:
    """Look up rows of a table.

    See `embedding_forward` for the equation.

    Parameters
    ----------
    ids : array_like of int
        Row numbers, of any shape and any integer dtype, in 0..V-1.
    E : array_like, shape (V, D)
        Table with one row per id.

    Returns
    -------
    y : ndarray, shape (..., D)
        The rows, with the axes of `ids` first. The dtype is that of E. float16, bfloat16, bool and integer tables are
        converted to float32.

    Raises
    ------
    ValueError
        If the shape of `E` does not fit, or if an id is outside 0..V-1.
    TypeError
        If `ids` are not integers, or if `E` has an unsupported dtype.

    Examples
    --------
    >>> from seqfuse import functional as F
    >>> F.embedding([2, 0], [[0.0, 1.0], [10.0, 11.0], [20.0, 21.0]])
    array([[20., 21.],
           [ 0.,  1.]])
    """
    y, _ = _forward("embedding", ids, E, False)
    return y


def embedding_forward(ids: ArrayLike, E: ArrayLike) -> tuple[Array, EmbeddingTape]:
    """Look up rows of a table and keep the tape for `embedding_backward`.

    Parameters
    ----------
    ids : array_like of int
        Row numbers, of any shape and any integer dtype, in 0..V-1.
    E : array_like, shape (V, D)
        Table with one row per id.

    Returns
    -------
    y : ndarray, shape (..., D)
        The rows, with the axes of `ids` first. The dtype is that of E. float16, bfloat16, bool and integer tables are
        converted to float32.
    EmbeddingTape
        Opaque tape for `embedding_backward`. Keeps a copy of ids.

    Raises
    ------
    ValueError
        If the shape of `E` does not fit, or if an id is outside 0..V-1.
    TypeError
        If `ids` are not integers, or if `E` has an unsupported dtype.

    Notes
    -----
    The equation is::

        y[...] = E[ids[...]]

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.embedding_forward([2, 0], np.ones((3, 2)))
    >>> tape
    <EmbeddingTape ids=(2,) E=(3, 2) float64>
    """
    return _forward("embedding_forward", ids, E, True)


def _forward(function: str, ids: ArrayLike, E: Any, keep: bool) -> tuple[Array, EmbeddingTape]:
    E, _ = _arrays.widest(function, ("E",), (E,))
    if E.ndim != 2:
        raise ValueError(f"{function}: E must be (V, D); got {E.shape}")
    rows, width = E.shape
    flat, shape = _checks.indices(function, "ids", ids, "0..V-1", rows - 1, keep, _ADVICE)
    _checks.sizes(function, "y (..., D)", *shape, width)
    y = np.empty((*shape, width), E.dtype)
    kernels = _backend.kernels
    if y.size:
        kernels.embedding_forward(flat, E, y.reshape(flat.size, width), _threads.current())
    return y, EmbeddingTape(kernels, flat, shape, (rows, width), E.dtype)


def embedding_backward(tape: EmbeddingTape, dy: ArrayLike, *, into: Array | None = None) -> Array:
    """Compute the gradient of `embedding_forward` with respect to the table.

    Parameters
    ----------
    tape : EmbeddingTape
        Tape from `embedding_forward`. It is not modified and may be used again.
    dy : array_like, shape (..., D)
        Gradient of y.
    into : ndarray, shape (V, D), optional
        Array that the gradient is added to and that is returned. A new array by default.

    Returns
    -------
    dE : ndarray, shape (V, D)
        Gradient of E.

    Raises
    ------
    ValueError
        If a shape does not fit.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    Rows are added in the order of ids::

        dE[ids[...]] += dy[...]

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.embedding_forward([2, 0, 2], np.ones((3, 2)))
    >>> F.embedding_backward(tape, np.ones((3, 2)))
    array([[1., 1.],
           [0., 0.],
           [2., 2.]])
    """
    function = "embedding_backward"
    if not isinstance(tape, EmbeddingTape):
        raise TypeError(f"{function}: tape must come from embedding_forward; got {type(tape).__name__}")
    width = tape._table_shape[1]
    gradient = _arrays.numbers(function, "dy", dy, tape._dtype)
    _checks.shape(function, "dy", "(..., D)", (*tape._ids_shape, width), gradient.shape)
    targets = None
    if into is None:
        dE = np.zeros(tape._table_shape, tape._dtype)
    else:
        targets = _arrays.Targets(
            function, ("into",), (into,), ("(V, D)",), (tape._table_shape,), tape._dtype, (gradient,)
        )
        dE = targets.work[0]
    if gradient.size:
        tape._kernels.embedding_backward(tape._ids, _arrays.rows(gradient), dE, _threads.current())
    if targets is not None:
        targets.store()
    return dE if into is None else into
