"""Rotary position embeddings: every pair of features is turned by an angle that its position gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class RotaryTape:
    """What `rotary_backward` reads; opaque."""

    cos: Array  # (T, R/2) or (B, 1, T, R/2), of the position of each row
    sin: Array
    interleaved: bool


def rotary(
    x: npt.ArrayLike,
    cos: npt.ArrayLike,
    sin: npt.ArrayLike,
    *,
    positions: npt.ArrayLike | None = None,
    interleaved: bool = False,
) -> Array:
    """Turn the first R features of every row, a pair at a time, by the angles of its position.

        y[i] = x[i] cos[i] - x[j] sin[i]        y[j] = x[j] cos[i] + x[i] sin[i]        0 <= i < R/2

    where j = i + R/2; with `interleaved` the pair is (2i, 2i + 1) in place of (i, j).

    Parameters
    ----------
    x : (B, H, T, D)        queries or keys
    cos, sin : (P, R/2)        of `rotary_tables`; R is at most D, and what is behind the first R features passes
    positions : (T,) or (B, T)        rows of the tables, integers in [0, P); by default step t takes row t
    interleaved : bool        which features are a pair

    Returns
    -------
    (B, H, T, D)        y, in the type of x

    Raises
    ------
    IndexError        a position is P or more
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Su et al. 2021, arXiv:2104.09864, section 3.4.2: interleaved. Halves are the layout of GPT-NeoX and Llama.

    Examples
    --------
    >>> import numpy as np
    >>> quarter = np.array([[0.0]]), np.array([[1.0]])  # cos and sin of 90 degrees
    >>> rotary(np.array([[[[1.0, 2.0, 7.0]]]]), *quarter)
    array([[[[-2.,  1.,  7.]]]])
    """
    return rotary_forward(x, cos, sin, positions=positions, interleaved=interleaved)[0]


def rotary_forward(
    x: npt.ArrayLike,
    cos: npt.ArrayLike,
    sin: npt.ArrayLike,
    *,
    positions: npt.ArrayLike | None = None,
    interleaved: bool = False,
) -> tuple[Array, RotaryTape]:
    """Run `rotary` and keep the tape for `rotary_backward`.

    Parameters, equation and errors are those of `rotary`.

    Returns
    -------
    (B, H, T, D)        y
    RotaryTape        opaque, for `rotary_backward`

    Examples
    --------
    >>> import numpy as np
    >>> y, tape = rotary_forward(np.ones((1, 2, 3, 4)), np.ones((3, 2)), np.zeros((3, 2)))
    >>> y.shape
    (1, 2, 3, 4)
    """
    x = np.asarray(x, computed_dtype(x))
    rows = np.arange(x.shape[2]) if positions is None else np.asarray(positions, np.intp)
    cos, sin = np.asarray(cos, x.dtype)[rows], np.asarray(sin, x.dtype)[rows]
    if rows.ndim == 2:
        cos, sin = cos[:, None], sin[:, None]  # one for all heads
    return _turned(x, cos, sin, interleaved), RotaryTape(cos, sin, interleaved)


def rotary_backward(tape: RotaryTape, dy: npt.ArrayLike) -> Array:
    """Differentiate `rotary`: turn back, by the negative angles.

        dx[i] = dy[i] cos[i] + dy[j] sin[i]        dx[j] = dy[j] cos[i] - dy[i] sin[i]

    Parameters
    ----------
    tape : RotaryTape        of `rotary_forward`; not changed, and may be used again
    dy : (B, H, T, D)        gradient of y

    Returns
    -------
    (B, H, T, D)        dx

    Examples
    --------
    >>> import numpy as np
    >>> y, tape = rotary_forward(np.array([[[[1.0, 2.0]]]]), [[0.0]], [[1.0]])
    >>> rotary_backward(tape, y)
    array([[[[1., 2.]]]])
    """
    # forward: y[i] = x[i] cos - x[j] sin, y[j] = x[j] cos + x[i] sin
    return _turned(np.asarray(dy, tape.cos.dtype), tape.cos, -tape.sin, tape.interleaved)


def _turned(x: Array, cos: Array, sin: Array, interleaved: bool) -> Array:
    pairs = cos.shape[-1]
    i, j = slice(0, pairs), slice(pairs, 2 * pairs)
    if interleaved:
        i, j = slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)
    y = x.copy()
    y[..., i] = x[..., i] * cos - x[..., j] * sin
    y[..., j] = x[..., j] * cos + x[..., i] * sin
    return y
