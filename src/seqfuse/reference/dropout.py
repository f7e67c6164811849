"""Dropout from a counter-based generator: element i is kept or not by (seed, i) alone, in any order."""

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
    """What `dropout_backward` reads: all of it is regenerated from the seed."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    rate: float
    seed: int


def philox4x32(counter: npt.ArrayLike, key: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    """Philox4x32-10: four random words for each counter.

        ten rounds of   c = (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0));   k = k + (W0, W1)

    Parameters
    ----------
    counter : (4, N)        32-bit words
    key : (2,)        32-bit words

    Returns
    -------
    (4, N)        32-bit words

    Notes
    -----
    Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", https://doi.org/10.1145/2063384.2063405.

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


def kept(shape: tuple[int, ...], rate: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which elements stay: those whose random word, of 32 bits, is at least floor(rate * 2**32).

    Element i, in C order, takes word i mod 4 of the counter i div 4.

    Examples
    --------
    >>> kept((2, 5), 0.5, seed=0).astype(int)
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
    """Set a share of the elements to 0 and scale the others, so that the expected value stays.

        y = x / (1 - rate) where kept, else 0

    Parameters
    ----------
    x : (...)        inputs
    rate : float        the share that is dropped, in [0, 1)
    seed : int        of the choice, in [0, 2**64); the same seed drops the same elements

    Returns
    -------
    (...)        y

    Raises
    ------
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html. The random words are Philox4x32-10's,
    see `philox4x32`; 1 / (1 - rate) is rounded to the type computed in.

    Examples
    --------
    >>> import numpy as np
    >>> dropout(np.ones(5), 0.5, seed=0)
    array([0., 2., 2., 2., 2.])
    """
    return dropout_forward(x, rate, seed=seed)[0]


def dropout_forward(x: npt.ArrayLike, rate: float, *, seed: int) -> tuple[Array, DropoutTape]:
    """Run `dropout` and keep the tape for `dropout_backward`.

    Parameters, equation and errors are those of `dropout`.

    Returns
    -------
    (...)        y
    DropoutTape        opaque, for `dropout_backward`

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
    """Differentiate `dropout`.

        dx = dy / (1 - rate) where kept, else 0

    Parameters
    ----------
    tape : DropoutTape        of `dropout_forward`; not changed, and may be used again
    dy : (...)        gradient of y

    Returns
    -------
    (...)        dx

    Examples
    --------
    >>> y, tape = dropout_forward([1.0, 1.0], 0.5, seed=0)
    >>> dropout_backward(tape, [3.0, 3.0])
    array([0., 6.])
    """
    # forward: y = x * factor where kept, else 0
    return _drop(np.asarray(dy, tape.dtype), tape)


def _drop(x: Array, tape: DropoutTape) -> Array:
    factor = tape.dtype.type(1 / (1 - tape.rate))
    return np.asarray(np.where(kept(tape.shape, tape.rate, tape.seed), x * factor, tape.dtype.type(0)))
