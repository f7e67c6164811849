"""Regularizers with Keras's names: penalties on weights that are added to the loss, and their gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks, _config, _registry

if TYPE_CHECKING:
    from seqfuse._arrays import Array

__all__ = ["L1", "L1L2", "L2", "Regularizer", "get", "l1", "l1_l2", "l2"]


def __dir__() -> list[str]:
    return sorted(__all__)


class Regularizer(_config.Configured):
    """Base class of the regularizers. A subclass defines `value` and `add_gradient`.

    Examples
    --------
    >>> from seqfuse.regularizers import L2, Regularizer
    >>> isinstance(L2(), Regularizer)
    True
    """

    def __call__(self, w: Array) -> float:
        """Return the penalty; the same as `value`."""
        return self.value(w)

    def value(self, w: Array) -> float:
        """Return the penalty of a weight.

        Parameters
        ----------
        w : ndarray, any shape
            Weight.

        Returns
        -------
        float
            Penalty, summed in float64.
        """
        raise NotImplementedError(f"{type(self).__name__} must define value(w); got no definition")

    def add_gradient(self, w: Array, into: Array) -> None:
        """Add the gradient of `value` to an array.

        Parameters
        ----------
        w : ndarray, any shape
            Weight.
        into : ndarray, shape of w
            Array that the gradient is added to, in place.
        """
        raise NotImplementedError(f"{type(self).__name__} must define add_gradient(w, into); got no definition")


class L1L2(Regularizer):
    """L1 and L2 penalty: l1 * sum(abs(w)) + l2 * sum(w**2).

    Parameters
    ----------
    l1 : float, default 0.0
        Factor of the L1 penalty, at least 0. None means the default.
    l2 : float, default 0.0
        Factor of the L2 penalty, at least 0. None means the default.

    Raises
    ------
    ValueError
        If a factor is negative or not finite.

    Notes
    -----
    The gradient is l1 * sign(w) + 2 * l2 * w. The derivative of abs(w) at w = 0 is taken to be 0.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import regularizers
    >>> w, gradient = np.array([-3.0, 0.0, 2.0]), np.zeros(3)
    >>> penalty = regularizers.L1L2(l1=1.0, l2=0.5)
    >>> penalty.value(w)
    11.5
    >>> penalty.add_gradient(w, gradient)
    >>> gradient
    array([-4.,  0.,  3.])
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = self._factor("l1", l1, 0.0)
        self.l2 = self._factor("l2", l2, 0.0)

    def _factor(self, name: str, value: float | None, default: float) -> float:
        """Return a checked factor, `default` for None."""
        function = type(self).__name__
        factor = _checks.real(function, name, default if value is None else value, 0.0)
        if math.isinf(factor):
            raise ValueError(f"{function}: {name} must be finite; got {factor}")
        return factor

    def value(self, w: Array) -> float:
        total = 0.0
        if self.l1:
            total += self.l1 * float(np.abs(w).sum(dtype=np.float64))
        if self.l2:
            total += self.l2 * float(np.square(w, dtype=np.float64).sum())
        return total

    def add_gradient(self, w: Array, into: Array) -> None:
        if self.l1:
            into += self.l1 * np.sign(w)
        if self.l2:
            into += 2 * self.l2 * w


class L1(L1L2):
    """L1 penalty: l1 * sum(abs(w)).

    Parameters
    ----------
    l1 : float, default 0.01
        Factor, at least 0. None means the default.

    Raises
    ------
    ValueError
        If the factor is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import regularizers
    >>> regularizers.L1(0.5).value(np.array([-3.0, 2.0]))
    2.5
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)


class L2(L1L2):
    """L2 penalty: l2 * sum(w**2).

    Parameters
    ----------
    l2 : float, default 0.01
        Factor, at least 0. None means the default.

    Raises
    ------
    ValueError
        If the factor is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import regularizers
    >>> regularizers.L2(0.5).value(np.array([-3.0, 2.0]))
    6.5
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)


l1, l2, l1_l2 = L1, L2, L1L2  # names that Keras's module also has

_CLASSES: dict[str, type[Regularizer]] = {"l1": L1, "l2": L2, "l1l2": L1L2}
_registry.register(__name__, [Regularizer, L1, L2, L1L2])


def get(identifier: Any, function: str = "regularizers.get", argument: str = "identifier") -> Regularizer | None:
    """Return a regularizer from a name, a class, an object or a configuration.

    Parameters
    ----------
    identifier : str, Regularizer, type, dict or None
        A name ("l1", "l2" or "l1_l2", with factors of 0.01), a regularizer, its class, or
        ``{"class_name": ..., "config": ...}``. None is returned as it is.
    function : str, default "regularizers.get"
        Name that error messages begin with.
    argument : str, default "identifier"
        Argument that error messages name.

    Returns
    -------
    Regularizer or None
        The regularizer, or an object of another class that has `value` and `add_gradient`.

    Raises
    ------
    ValueError
        If no regularizer has the name. The message suggests the nearest one.
    TypeError
        If `identifier` is of another kind. A plain function is refused, because its gradient is unknown.

    Examples
    --------
    >>> from seqfuse import regularizers
    >>> regularizers.get("l2")
    L2(l2=0.01)
    """
    if isinstance(identifier, str) and identifier.lower() in ("l1_l2", "l1l2"):
        return L1L2(0.01, 0.01)  # documented by Keras; L1L2() would have no effect
    found = _config.get_instance(function, identifier, _CLASSES, argument)
    if found is None or (hasattr(found, "value") and hasattr(found, "add_gradient")):
        return found  # type: ignore[no-any-return]
    raise TypeError(
        f"{function}: {argument} must be a name or have value and add_gradient; got {found!r}"
        f"{'. Derive a class from Regularizer: the gradient of a function is unknown' if callable(found) else ''}"
    )
