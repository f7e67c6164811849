"""The argument `into` of backward functions: gradients of parameters are added to existing arrays."""

from __future__ import annotations

from typing import Any

from seqfuse._cells import Array


def accumulate(into: tuple[Array | None, ...] | None, grads: tuple[Array | None, ...]) -> tuple[Any, ...]:
    """Return the gradients, or add them to the arrays of `into` in place and return those.

    An entry is None if there is no gradient.

    Examples
    --------
    >>> import numpy as np
    >>> total = np.ones(2)
    >>> accumulate((total, None), (np.array([1.0, 2.0]), None))
    (array([2., 3.]), None)
    """
    if into is None:
        return grads
    for total, grad in zip(into, grads, strict=True):
        if grad is not None:
            assert total is not None, "into needs an array for every gradient"
            total += grad
    return tuple(total if grad is not None else None for total, grad in zip(into, grads, strict=True))
