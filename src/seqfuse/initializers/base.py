"""Base classes of the initializers: a function from shape and type to an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks, _seeds
from seqfuse._config import Configured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from seqfuse._arrays import Array


class Initializer(Configured):
    """Base class of the initializers. A subclass defines `values`, or `__call__` as in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.initializers import Initializer
    >>> class Ramp(Initializer):
    ...     def values(self, shape):
    ...         return np.linspace(0.0, 1.0, num=int(np.prod(shape))).reshape(shape)
    >>> Ramp()((3,))
    array([0. , 0.5, 1. ], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = "float32") -> Array:
        """Return the initial values of a weight.

        Parameters
        ----------
        shape : tuple of int
            Shape of the weight.
        dtype : dtype_like, default "float32"
            Type of the result, float32 or float64. None means float32.

        Returns
        -------
        ndarray, shape `shape`
            A new array. The values are computed in float64 and then rounded to `dtype`.

        Raises
        ------
        ValueError
            If a size is negative, or the initializer does not support the shape.
        TypeError
            If `shape` is not a tuple of integers, or `dtype` is another type.
        """
        function = type(self).__name__
        result_dtype = _checks.float_dtype(function, "float32" if dtype is None else dtype)
        if not isinstance(shape, (tuple, list)):
            raise TypeError(f"{function}: shape must be a tuple of integers; got {shape!r}")
        sizes = tuple(_checks.integer(function, "shape", size, 0) for size in shape)
        _checks.sizes(function, "shape", *sizes)
        return np.asarray(self.values(sizes)).astype(result_dtype, order="C")

    def values(self, shape: tuple[int, ...]) -> Array:
        """Return the values in float64.

        Parameters
        ----------
        shape : tuple of int
            Shape of the weight, already checked.

        Returns
        -------
        ndarray, shape `shape`
            Values.
        """
        raise NotImplementedError(f"{type(self).__name__} must define values(shape); got no definition")


class RandomInitializer(Initializer):
    """Base class of the random initializers.

    One object returns the same values at every call, as in Keras. Without a seed, it takes the next seed of the
    process when it is created; that seed follows from `utils.set_random_seed`.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed
        self._seed_sequence = _seeds.SeedGenerator(seed, function=type(self).__name__).next()

    def generator(self) -> Any:
        """Return a new numpy.random.Generator for the seed."""
        from numpy.random import PCG64, Generator  # imported here because it takes 15 ms

        return Generator(PCG64(self._seed_sequence))
