"""Random initializers whose distribution does not depend on the shape, and orthogonal matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.initializers.base import RandomInitializer

if TYPE_CHECKING:
    from seqfuse._arrays import Array


class RandomUniform(RandomInitializer):
    """Uniform distribution in [minval, maxval). Rounding to float32 may return `maxval` itself.

    Parameters
    ----------
    minval : float, default -0.05
        Lower bound.
    maxval : float, default 0.05
        Upper bound, at least `minval`.
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.

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


class RandomNormal(RandomInitializer):
    """Normal distribution.

    Parameters
    ----------
    mean : float, default 0.0
        Mean.
    stddev : float, default 0.05
        Standard deviation, at least 0.
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.

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
    """Normal distribution truncated at two standard deviations from the mean.

    Values outside the limits are sampled again. The truncated distribution has a standard deviation of
    0.8796 * stddev.

    Parameters
    ----------
    mean : float, default 0.0
        Mean.
    stddev : float, default 0.05
        Standard deviation before the truncation, at least 0.
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> w = initializers.TruncatedNormal(stddev=0.1, seed=1)((100, 100))
    >>> bool(abs(w).max() <= 0.2)
    True
    """

    def values(self, shape: tuple[int, ...]) -> Array:
        return self.mean + self.stddev * truncated_normal(self.generator(), shape)


class Orthogonal(RandomInitializer):
    """Random orthogonal matrix: orthonormal columns, or orthonormal rows if there are more columns than rows.

    A weight with more than two axes is treated as one matrix whose columns are the last axis. The recurrent weights of
    all gates of a cell, (H, G*H), are one matrix.

    Parameters
    ----------
    gain : float, default 1.0
        Factor of the matrix.
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.

    Raises
    ------
    ValueError
        If it is called with fewer than two axes.

    Notes
    -----
    The matrix is the factor Q of a QR factorization whose R has a positive diagonal; otherwise Q would not be uniformly
    distributed (Mezzadri 2007).

    References
    ----------
    Saxe, McClelland and Ganguli 2014, arXiv:1312.6120. Mezzadri 2007, arXiv:math-ph/0609050.

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
        # The last bits of LAPACK's result depend on the CPU and on the number of BLAS threads. They are 2**-29 of the
        # last bit of a float32, so a float32 weight differs about once in 10**7 numbers; float64 weights do differ.
        from numpy.linalg import qr

        q, r = qr(normal(self.generator(), (max(rows, columns), min(rows, columns))))
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
        return self.gain * (q.T if rows < columns else q).reshape(shape)


# ---- distributions -----------------------------------------------------------------------------------------------


def uniform(generator: Any, shape: tuple[int, ...], minimum: float, maximum: float) -> Array:
    """Return uniform random numbers in [minimum, maximum)."""
    return np.asarray(minimum + (maximum - minimum) * generator.random(shape))


def normal(generator: Any, shape: tuple[int, ...]) -> Array:
    """Return normal random numbers with mean 0 and standard deviation 1."""
    return np.asarray(generator.standard_normal(shape))


def truncated_normal(generator: Any, shape: tuple[int, ...]) -> Array:
    """Return normal random numbers; those outside [-2, 2] are sampled again."""
    values = normal(generator, (math.prod(shape),))
    outside = np.flatnonzero(abs(values) > 2)
    while outside.size:  # 4.6 % of the numbers in the first round
        values[outside] = normal(generator, outside.shape)
        outside = outside[abs(values[outside]) > 2]
    return values.reshape(shape)
