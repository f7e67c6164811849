"""Dropout whose pattern is a function of the seed alone, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _threads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse._kernels import Kernels


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class DropoutTape:
    """What `dropout_backward` reads: no mask is kept, the seed gives it again."""

    _kernels: Kernels
    _rate: float
    _seed: int
    _shape: tuple[int, ...]
    _dtype: np.dtype[np.floating]

    def __repr__(self) -> str:
        return f"<DropoutTape rate={self._rate} seed={self._seed} x={self._shape} {self._dtype}>"


def dropout(x: ArrayLike, rate: float, *, seed: int) -> Array:
    """y = x / (1 - rate) where an element is kept, 0 where it is dropped, which happens with probability `rate`.

    Parameters
    ----------
    x : (...)        any shape
    rate : float in [0, 1)
    seed : int in [0, 2**64)        one seed, one pattern; take another for every call

    Returns
    -------
    y : (...)        in the type of x; half, bool and integers become float32

    Raises
    ------
    ValueError        rate or seed is out of range
    TypeError        a kind of number that is not computed with

    Notes
    -----
    Element i in C order is word i % 4 of Philox4x32-10 with the key `seed` and the counter i // 4, and is kept where
    that word is at least floor(rate * 2**32). Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y = F.dropout(np.ones(1000), 0.5, seed=1)
    >>> np.unique(y)
    array([0., 2.])
    >>> bool((y == F.dropout(np.ones(1000), 0.5, seed=1)).all())
    True
    """
    y, _ = _forward("dropout", x, rate, seed)
    return y


def dropout_forward(x: ArrayLike, rate: float, *, seed: int) -> tuple[Array, DropoutTape]:
    """As `dropout`, and the tape for `dropout_backward`.

    Parameters
    ----------
    x, rate, seed : as for `dropout`

    Returns
    -------
    y : (...)
    DropoutTape        opaque; it keeps the seed, not the mask

    Raises
    ------
    ValueError, TypeError        as `dropout`

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.dropout_forward(np.ones(3), 0.5, seed=1)
    >>> tape
    <DropoutTape rate=0.5 seed=1 x=(3,) float64>
    """
    return _forward("dropout_forward", x, rate, seed)


def _forward(function: str, x: Any, rate: float, seed: int) -> tuple[Array, DropoutTape]:
    x, _ = _arrays.widest(function, ("x",), (x,))
    rate = _checks.fraction(function, "rate", rate)
    seed = _checks.integer(function, "seed", seed, 0, 2**64 - 1, "in [0, 2**64)")
    tape = DropoutTape(_backend.kernels, rate, seed, x.shape, x.dtype)
    return _scaled(function, tape, x), tape


def _scaled(function: str, tape: DropoutTape, x: Array) -> Array:
    _checks.sizes(function, "x", *tape._shape)
    y = np.empty(tape._shape, tape._dtype)
    if y.size:
        tape._kernels.dropout(x.reshape(-1), y.reshape(-1), tape._rate, tape._seed, _threads.current())
    return y


def dropout_backward(tape: DropoutTape, dy: ArrayLike) -> Array:
    """Gradient of `dropout_forward`: dx = dy / (1 - rate) where an element was kept, else 0.

    Parameters
    ----------
    tape : DropoutTape        from `dropout_forward`
    dy : (...)        gradient of y

    Returns
    -------
    dx : (...)

    Raises
    ------
    ValueError        a shape disagrees
    TypeError        a kind of number that is not computed with

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import functional as F
    >>> y, tape = F.dropout_forward(np.ones(1000), 0.5, seed=1)
    >>> bool((F.dropout_backward(tape, np.ones(1000)) == y).all())
    True
    """
    function = "dropout_backward"
    if not isinstance(tape, DropoutTape):
        raise TypeError(f"{function}: tape must be what dropout_forward returned; got {type(tape).__name__}")
    gradient = _arrays.numbers(function, "dy", dy, tape._dtype)
    _checks.shape(function, "dy", "(...)", tape._shape, gradient.shape)
    return _scaled(function, tape, gradient)
