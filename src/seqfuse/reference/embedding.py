"""Rows of a table, chosen by integers: forward and backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class EmbeddingTape:
    """What `embedding_backward` reads; opaque, refers to the arguments of the forward."""

    ids: Array  # (...)
    E: Array  # (V, D)


def embedding(ids: npt.ArrayLike, E: npt.ArrayLike) -> Array:
    """Look rows of a table up.

        y[...] = E[ids[...]]

    Parameters
    ----------
    ids : (...)        integers in [0, V)
    E : (V, D)        the table

    Returns
    -------
    (..., D)        y

    Raises
    ------
    IndexError        an id is V or more
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Bengio et al. 2003, "A neural probabilistic language model", https://www.jmlr.org/papers/v3/bengio03a.html.

    Examples
    --------
    >>> embedding([1, 0, 1], [[1.0, 2.0], [3.0, 4.0]])
    array([[3., 4.],
           [1., 2.],
           [3., 4.]])
    """
    return embedding_forward(ids, E)[0]


def embedding_forward(ids: npt.ArrayLike, E: npt.ArrayLike) -> tuple[Array, EmbeddingTape]:
    """Run `embedding` and keep the tape for `embedding_backward`.

    Parameters, equation and errors are those of `embedding`.

    Returns
    -------
    (..., D)        y
    EmbeddingTape        opaque, for `embedding_backward`; refers to ids and E

    Examples
    --------
    >>> y, tape = embedding_forward([1], [[1.0, 2.0], [3.0, 4.0]])
    >>> y
    array([[3., 4.]])
    """
    E = np.asarray(E, computed_dtype(E))
    ids = np.asarray(ids)
    ids = ids.astype(np.intp) if ids.size == 0 else ids  # np.asarray([]) is of floats
    return E[ids], EmbeddingTape(ids, E)


def embedding_backward(tape: EmbeddingTape, dy: npt.ArrayLike, *, into: Array | None = None) -> Array:
    """Differentiate `embedding`.

        dE[v] = sum of dy[...] over the places where ids[...] = v

    Parameters
    ----------
    tape : EmbeddingTape        of `embedding_forward`; not changed, and may be used again
    dy : (..., D)        gradient of y
    into : (V, D)        array that the gradient is added to and that is returned; a new one by default

    Returns
    -------
    (V, D)        dE

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
