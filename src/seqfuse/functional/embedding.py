"""Rows of a table by their numbers, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels

_ADVICE = "Negative numbers do not count from the end; for padding give any row and mask its steps"


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class EmbeddingTape:
    """What `embedding_backward` reads; opaque."""

    _kernels: Kernels
    _ids: Array  # flat int64, a copy: were one changed in between, backward would write outside the table
    _ids_shape: tuple[int, ...]
    _table_shape: tuple[int, int]
    _dtype: np.dtype[np.floating]

    def __repr__(self) -> str:
        return f"<EmbeddingTape ids={self._ids_shape} E={self._table_shape} {self._dtype}>"


def embedding(ids: ArrayLike, E: ArrayLike) -> Array:
    """y[...] = E[ids[...]]

    Parameters
    ----------
    ids : (...)        integers of any type in 0..V-1
    E : (V, D)        the table

    Returns
    -------
    y : (..., D)        in the type of E; half, bool and integers become float32

    Raises
    ------
    ValueError        a shape disagrees, or a number is outside 0..V-1
    TypeError        ids are not integers, or E a kind of number that is not computed with

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
    """y[...] = E[ids[...]] as `embedding`, and the tape for `embedding_backward`.

    Parameters
    ----------
    ids, E : as for `embedding`

    Returns
    -------
    y : (..., D)
    EmbeddingTape        opaque; it keeps a copy of ids

    Raises
    ------
    ValueError, TypeError        as `embedding`

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
    """Gradient of `embedding_forward`: dE[ids[...]] += dy[...], in the order of ids.

    Parameters
    ----------
    tape : EmbeddingTape        from `embedding_forward`; not changed, it may be read again
    dy : (..., D)        gradient of y
    into : (V, D)        added to and returned, instead of zeros

    Returns
    -------
    dE : (V, D)

    Raises
    ------
    ValueError        a shape disagrees
    TypeError        a kind of number that is not computed with, or a wrong type of into

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
        raise TypeError(f"{function}: tape must be what embedding_forward returned; got {type(tape).__name__}")
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
