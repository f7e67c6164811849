"""Dropout, forward and backward. The pattern depends only on the seed."""

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
    """Tape of `dropout_forward` for `dropout_backward`: opaque, keeps the seed instead of a mask."""

    _kernels: Kernels
    _rate: float
    _seed: int
    _shape: tuple[int, ...]
    _dtype: np.dtype[np.floating]

    def __repr__(self) -> str:
        return f"<DropoutTape rate={self._rate} seed={self._seed} x={self._shape} {self._dtype}>"


def dropout(x: ArrayLike, rate: float, *, seed: int) -> Array:
    """Set random elements to 0 and scale the others by 1 / (1 - rate).

    See `dropout_forward` for the equation.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.
    rate : float
        Probability with which an element is dropped, in [0, 1).
    seed : int
        Seed of the pattern, in [0, 2**64). The same seed drops the same elements, so use a new one for every call.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. The result has the dtype of x. float16, bfloat16, bool and integer arrays are
        converted to float32.

    Raises
    ------
    ValueError
        If `rate` or `seed` is out of range.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The source is Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    The random numbers come from Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
    Element i, in C order, uses word i % 4 of the generator with the key `seed` and the counter i // 4. It is kept if
    that word is at least floor(rate * 2**32). The pattern does not depend on the number of threads.

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
    """Apply dropout and keep the tape for `dropout_backward`.

    Parameters
    ----------
    x : array_like
        Inputs of any shape.
    rate : float
        Probability with which an element is dropped, in [0, 1).
    seed : int
        Seed of the pattern, in [0, 2**64). The same seed drops the same elements, so use a new one for every call.

    Returns
    -------
    y : ndarray
        Outputs, in the shape of x. The result has the dtype of x. float16, bfloat16, bool and integer arrays are
        converted to float32.
    DropoutTape
        Opaque tape for `dropout_backward`. Keeps the seed, from which the backward function computes the pattern again.

    Raises
    ------
    ValueError
        If `rate` or `seed` is out of range.
    TypeError
        If an array has an unsupported dtype, such as complex or object.

    Notes
    -----
    The equation is::

        y = x / (1 - rate)    if the element is kept, with probability 1 - rate
        y = 0                 otherwise

    The source is Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    The random numbers come from Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
    Element i, in C order, uses word i % 4 of the generator with the key `seed` and the counter i // 4. It is kept if
    that word is at least floor(rate * 2**32). The pattern does not depend on the number of threads.

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
    return _drop(function, tape, x), tape


def _drop(function: str, tape: DropoutTape, x: Array) -> Array:
    """Return `x` with its dropped elements set to 0 and the others scaled."""
    _checks.sizes(function, "x", *tape._shape)
    y = np.empty(tape._shape, tape._dtype)
    if y.size:
        tape._kernels.dropout(x.reshape(-1), y.reshape(-1), tape._rate, tape._seed, _threads.current())
    return y


def dropout_backward(tape: DropoutTape, dy: ArrayLike) -> Array:
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

    Raises
    ------
    ValueError
        If the shape of `dy` does not fit.
    TypeError
        If `tape` comes from another function, or if an array has an unsupported dtype.

    Notes
    -----
    The equation is::

        dx = dy / (1 - rate)    if the element was kept
        dx = 0                  otherwise

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
        raise TypeError(f"{function}: tape must come from dropout_forward; got {type(tape).__name__}")
    gradient = _arrays.numbers(function, "dy", dy, tape._dtype)
    _checks.shape(function, "dy", "(...)", tape._shape, gradient.shape)
    return _drop(function, tape, gradient)
