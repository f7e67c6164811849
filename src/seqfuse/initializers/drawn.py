"""Initializers that draw from a distribution which the shape does not change, and orthogonal matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.initializers.base import Drawn

if TYPE_CHECKING:
    from seqfuse._arrays import Array


class RandomUniform(Drawn):
    """Numbers in [minval, maxval), each as likely; rounding may reach maxval.

    Parameters
    ----------
    minval, maxval : float
    seed : int or None        one object draws the same at every call, with or without it

    Examples
    --------
    >>> from seqfuse import initializers
    >>> w = initializers.RandomUniform(-0.1, 0.1, seed=1)((100, 100))
    >>> bool(abs(w).max() < 0.1)
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.minval = _checks.real("RandomUniform", "minval", minval)
        self.maxval = _checks.real("RandomUniform", "maxval", maxval, self.minval)

    def values(self, shape: tuple[int, ...]) -> Array:
        return uniform(self.generator(), shape, self.minval, self.maxval)


class RandomNormal(Drawn):
    """Numbers of a normal distribution.

    Parameters
    ----------
    mean, stddev : float
    seed : int or None        one object draws the same at every call, with or without it

    Examples
    --------
    >>> from seqfuse import initializers
    >>> w = initializers.RandomNormal(stddev=0.1, seed=1)((100, 100))
    >>> f"{w.std():.2f}"
    '0.10'
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = _checks.real(type(self).__name__, "mean", mean)
        self.stddev = _checks.real(type(self).__name__, "stddev", stddev, 0.0)

    def values(self, shape: tuple[int, ...]) -> Array:
        return self.mean + self.stddev * normal(self.generator(), shape)


class TruncatedNormal(RandomNormal):
    """Numbers of a normal distribution; one further than 2 stddev from the mean is drawn again.

    What is left has a standard deviation of 0.8796 stddev.

    Parameters
    ----------
    mean, stddev : float        of the distribution before it is cut
    seed : int or None        one object draws the same at every call, with or without it

    Examples
    --------
    >>> from seqfuse import initializers
    >>> w = initializers.TruncatedNormal(stddev=0.1, seed=1)((100, 100))
    >>> bool(abs(w).max() <= 0.2)
    True
    """

    def values(self, shape: tuple[int, ...]) -> Array:
        return self.mean + self.stddev * truncated_normal(self.generator(), shape)


class Orthogonal(Drawn):
    """gain times a matrix with orthonormal columns, or rows where it is wider than high.

    More than two axes are one matrix (all but the last, the last); that of the gates of a cell, (H, G*H), is one too.

    Parameters
    ----------
    gain : float
    seed : int or None        one object draws the same at every call, with or without it

    Raises
    ------
    ValueError        when called: fewer than two axes

    Notes
    -----
    Saxe, McClelland and Ganguli, 2014, arXiv:1312.6120. The sign of each column is that of a QR factorization with a
    positive diagonal, without which Q is not uniformly distributed (Mezzadri, 2007, arXiv:math-ph/0609050).

    Examples
    --------
    >>> from seqfuse import initializers
    >>> q = initializers.Orthogonal(seed=1)((2, 6), "float64")
    >>> (q @ q.T).round(12) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = _checks.real("Orthogonal", "gain", gain)

    def values(self, shape: tuple[int, ...]) -> Array:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: shape must be (rows, columns) or have more axes; got {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        # LAPACK's last bits depend on the CPU and on BLAS's threads. They are 2**-29 of what float32 keeps, so that a
        # number is rounded otherwise about once in 10**7: float32 weights are nearly always the same, float64 are not.
        from numpy.linalg import qr

        q, r = qr(normal(self.generator(), (max(rows, columns), min(rows, columns))))
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
        return self.gain * (q.T if rows < columns else q).reshape(shape)


# ---- the distributions -------------------------------------------------------------------------------------------


def uniform(generator: Any, shape: tuple[int, ...], low: float, high: float) -> Array:
    return np.asarray(low + (high - low) * generator.random(shape))


def normal(generator: Any, shape: tuple[int, ...]) -> Array:
    """Mean 0, standard deviation 1."""
    return np.asarray(generator.standard_normal(shape))


def truncated_normal(generator: Any, shape: tuple[int, ...]) -> Array:
    """`normal`, of which what is beyond 2 is drawn again."""
    values = normal(generator, (math.prod(shape),))
    beyond = np.flatnonzero(abs(values) > 2)
    while beyond.size:  # 4.6 % the first time
        values[beyond] = normal(generator, beyond.shape)
        beyond = beyond[abs(values[beyond]) > 2]
    return values.reshape(shape)
