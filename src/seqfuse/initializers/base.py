"""What every initializer is: a shape and a type in, an array out, the same for one seed."""

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
    """First values of a weight. Others derive from this and define `values`, or `__call__` as in Keras.

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
        """First values of a weight.

        Parameters
        ----------
        shape : tuple of int        of the weight
        dtype : float32 or float64        None is float32

        Returns
        -------
        array        of that shape and type, the caller's own; drawn in float64, so that both types hold the same
                     numbers but for their rounding

        Raises
        ------
        ValueError        a size below 0, or a shape that this initializer has no values for
        TypeError        shape is no tuple of integers, or dtype another kind of number
        """
        function = type(self).__name__
        chosen = _checks.float_dtype(function, "float32" if dtype is None else dtype)
        if not isinstance(shape, (tuple, list)):
            raise TypeError(f"{function}: shape must be a tuple of integers; got {shape!r}")
        sizes = tuple(_checks.integer(function, "shape", size, 0) for size in shape)
        _checks.sizes(function, "shape", *sizes)
        return np.asarray(self.values(sizes)).astype(chosen, order="C")

    def values(self, shape: tuple[int, ...]) -> Array:
        """The values in float64, of a shape that has been checked."""
        raise NotImplementedError(f"{type(self).__name__} must define values(shape)")


class Drawn(Initializer):
    """Values that are drawn: one object draws the same at every call, as in Keras; without a seed it takes the next
    of the process when it is made, which follows from `utils.set_random_seed`."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed
        self._drawn_from = _seeds.SeedGenerator(seed, function=type(self).__name__).next()

    def generator(self) -> Any:
        """A numpy.random.Generator at its start."""
        from numpy.random import PCG64, Generator  # `import numpy` leaves it out: 15 ms

        return Generator(PCG64(self._drawn_from))
