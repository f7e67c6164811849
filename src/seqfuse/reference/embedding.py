"""Table lookup by row number, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class EmbeddingTape:
    """Tape of `embedding_forward` for `embedding_backward`."""

    ids: Array  # (...)
    E: Array  # (V, D)


def embedding(ids: npt.ArrayLike, E: npt.ArrayLike) -> Array:
    """Look up rows of a table.

    See `embedding_forward` for the equation.

    Parameters
    ----------
    ids : array_like of int
        Row numbers, of any shape, in 0..V-1.
    E : array_like, shape (V, D)
        Table with one row per id.

    Returns
    -------
    y : ndarray, shape (..., D)
        The rows, with the axes of `ids` first.

    Raises
    ------
    IndexError
        If an id is V or more.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Examples
    --------
    >>> embedding([1, 0, 1], [[1.0, 2.0], [3.0, 4.0]])
    array([[3., 4.],
           [1., 2.],
           [3., 4.]])
    """
    return embedding_forward(ids, E)[0]


def embedding_forward(ids: npt.ArrayLike, E: npt.ArrayLike) -> tuple[Array, EmbeddingTape]:
    """Look up rows of a table and keep the tape for `embedding_backward`.

    Parameters
    ----------
    ids : array_like of int
        Row numbers, of any shape, in 0..V-1.
    E : array_like, shape (V, D)
        Table with one row per id.

    Returns
    -------
    y : ndarray, shape (..., D)
        The rows, with the axes of `ids` first.
    EmbeddingTape
        Opaque tape for `embedding_backward`. Keeps references to ids and E.

    Raises
    ------
    IndexError
        If an id is V or more.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y[...] = E[ids[...]]

    The source is Bengio et al. 2003, "A neural probabilistic language model",
    https://www.jmlr.org/papers/v3/bengio03a.html.

    Examples
    --------
    >>> y, tape = embedding_forward([1], [[1.0, 2.0], [3.0, 4.0]])
    >>> y
    array([[3., 4.]])
    """
    E = np.asarray(E, computed_dtype(E))
    ids = np.asarray(ids)
    ids = ids.astype(np.intp) if ids.size == 0 else ids  # np.asarray([]) has dtype float64
    return E[ids], EmbeddingTape(ids, E)


def embedding_backward(tape: EmbeddingTape, dy: npt.ArrayLike, *, into: Array | None = None) -> Array:
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

    Notes
    -----
    The equation is::

        dE[v] = sum of dy[...] over all positions with ids[...] = v

    Examples
    --------
    >>> y, tape = embedding_forward([1, 1], [[1.0, 2.0], [3.0, 4.0]])
    >>> embedding_backward(tape, [[1.0, 1.0], [10.0, 10.0]])
    array([[ 0.,  0.],
           [11., 11.]])
    """
    dE = np.zeros_like(tape.E) if into is None else into
    # forward: y = E[ids]
    np.add.at(dE, tape.ids, np.asarray(dy, tape.E.dtype))
    return dE
