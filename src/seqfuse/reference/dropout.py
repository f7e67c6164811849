"""Dropout, forward and backward, with a counter-based random number generator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqfuse._cells import Array
from seqfuse.reference.dtypes import computed_dtype


@dataclass(frozen=True)
class DropoutTape:
    """Tape of `dropout_forward` for `dropout_backward`. The pattern is computed again from the seed."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    rate: float
    seed: int


def philox4x32(counter: npt.ArrayLike, key: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    """Return four random 32-bit words for each counter, from Philox4x32-10.

    Parameters
    ----------
    counter : array_like of int, shape (4, N)
        32-bit words.
    key : array_like of int, shape (2,)
        32-bit words.

    Returns
    -------
    ndarray of uint32, shape (4, N)
        Random words.

    Notes
    -----
    Each of the ten rounds computes, with hi and lo the upper and lower 32 bits of a product::

        c = hi(M1 c2) ^ c1 ^ k0,  lo(M1 c2),  hi(M0 c0) ^ c3 ^ k1,  lo(M0 c0)
        k = k + (W0, W1)

    The source is Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3",
    https://doi.org/10.1145/2063384.2063405.

    Examples
    --------
    >>> [hex(word) for word in philox4x32([0, 0, 0, 0], [0, 0])]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    M0, M1, W0, W1 = np.array([0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85], dtype=np.uint64)
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    c0, c1, c2, c3 = np.asarray(counter, np.uint64)
    k0, k1 = np.asarray(key, np.uint64)
    for _ in range(10):
        p0, p1 = M0 * c0, M1 * c2  # 64 bits each
        c0, c1, c2, c3 = p1 >> half ^ c1 ^ k0, p1 & low, p0 >> half ^ c3 ^ k1, p0 & low
        k0, k1 = k0 + W0 & low, k1 + W1 & low
    return np.array([c0, c1, c2, c3], dtype=np.uint32)


def dropout_mask(shape: tuple[int, ...], rate: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return which elements dropout keeps.

    Element i, in C order, uses word i % 4 of the counter i // 4. It is kept if the word is at least floor(rate *
    2**32).

    Examples
    --------
    >>> dropout_mask((2, 5), 0.5, seed=0).astype(int)
    array([[0, 1, 1, 1, 1],
           [0, 1, 0, 0, 0]])
    """
    size = math.prod(shape)
    block = np.arange((size + 3) // 4, dtype=np.uint64)
    zero = np.zeros_like(block)
    counter = [block & np.uint64(0xFFFFFFFF), block >> np.uint64(32), zero, zero]
    words = philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF])
    return (words.T.reshape(-1)[:size] >= math.floor(rate * 2**32)).reshape(shape)


def dropout(x: npt.ArrayLike, rate: float, *, seed: int) -> Array:
    """Set random elements to 0 and scale the others by 1 / (1 - rate).

    See `dropout_forward` for the equation.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.
    rate : float
        Probability with which an element is dropped, in [0, 1).
    seed : int
        Seed of the pattern, in [0, 2**64). The same seed drops the same elements.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. float16, bfloat16, bool and integer arrays are converted to float32.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The source is Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html. The random words are those of
    `philox4x32`. The factor 1 / (1 - rate) is rounded to the dtype of the computation.

    Examples
    --------
    >>> import numpy as np
    >>> dropout(np.ones(5), 0.5, seed=0)
    array([0., 2., 2., 2., 2.])
    """
    return dropout_forward(x, rate, seed=seed)[0]


def dropout_forward(x: npt.ArrayLike, rate: float, *, seed: int) -> tuple[Array, DropoutTape]:
    """Apply dropout and keep the tape for `dropout_backward`.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.
    rate : float
        Probability with which an element is dropped, in [0, 1).
    seed : int
        Seed of the pattern, in [0, 2**64). The same seed drops the same elements.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. float16, bfloat16, bool and integer arrays are converted to float32.
    DropoutTape
        Opaque tape for `dropout_backward`.

    Raises
    ------
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y = x / (1 - rate)    if the element is kept
        y = 0                 otherwise

    The source is Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html. The random words are those of
    `philox4x32`. The factor 1 / (1 - rate) is rounded to the dtype of the computation.

    Examples
    --------
    >>> y, tape = dropout_forward([1.0, 1.0], 0.5, seed=0)
    >>> y
    array([0., 2.])
    """
    x = np.asarray(x, computed_dtype(x))
    tape = DropoutTape(x.shape, x.dtype, rate, seed)
    return _drop(x, tape), tape


def dropout_backward(tape: DropoutTape, dy: npt.ArrayLike) -> Array:
    """Compute the gradient of `dropout_forward`.

    Parameters
    ----------
    tape : DropoutTape
        Tape from `dropout_forward`. It is not modified and may be used again.
    dy : array_like
        Gradient of y, in the shape of x.

    Returns
    -------
    dx : ndarray
        Gradient of x.

    Notes
    -----
    The equation is::

        dx = dy / (1 - rate)    if the element was kept
        dx = 0                  otherwise

    Examples
    --------
    >>> y, tape = dropout_forward([1.0, 1.0], 0.5, seed=0)
    >>> dropout_backward(tape, [3.0, 3.0])
    array([0., 6.])
    """
    # forward: y = x * keep_scale if kept, else 0
    return _drop(np.asarray(dy, tape.dtype), tape)


def _drop(x: Array, tape: DropoutTape) -> Array:
    """Return x with its dropped elements set to 0 and the others scaled."""
    keep_scale = tape.dtype.type(1 / (1 - tape.rate))
    return np.asarray(np.where(dropout_mask(tape.shape, tape.rate, tape.seed), x * keep_scale, tape.dtype.type(0)))
