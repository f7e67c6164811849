"""Penalties on weights, with Keras's names: a value that joins the loss, and its derivative that joins the gradient."""

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
    """A penalty on a weight. Others derive from this and define both methods: nothing here differentiates by itself."""

    def __call__(self, w: Array) -> float:
        """The penalty, as `value`."""
        return self.value(w)

    def value(self, w: Array) -> float:
        """The penalty of a weight, or of anything of its kind.

        Parameters
        ----------
        w : array of any shape

        Returns
        -------
        float        summed in float64
        """
        raise NotImplementedError(f"{type(self).__name__} must define value(w)")

    def add_gradient(self, w: Array, into: Array) -> None:
        """Add the derivative of `value`.

        Parameters
        ----------
        w : array of any shape
        into : array of that shape        added to in place, in its own type
        """
        raise NotImplementedError(f"{type(self).__name__} must define add_gradient(w, into)")


class L1L2(Regularizer):
    """l1 * sum(abs(w)) + l2 * sum(w**2)

    Parameters
    ----------
    l1, l2 : float        at least 0; None is the default

    Raises
    ------
    ValueError        a factor that is negative or not finite

    Notes
    -----
    The derivative is l1 * sign(w) + 2 * l2 * w; that of abs(w) at 0 is taken as 0.

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
    """l1 * sum(abs(w))

    Parameters
    ----------
    l1 : float        at least 0; None is the default

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
    """l2 * sum(w**2)

    Parameters
    ----------
    l2 : float        at least 0; None is the default

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse import regularizers
    >>> regularizers.L2(0.5).value(np.array([-3.0, 2.0]))
    6.5
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)


l1, l2, l1_l2 = L1, L2, L1L2  # Keras's module has these names too

_CLASSES: dict[str, type[Regularizer]] = {"l1": L1, "l2": L2, "l1l2": L1L2}
_registry.register(__name__, [Regularizer, L1, L2, L1L2])


def get(identifier: Any, function: str = "regularizers.get", argument: str = "identifier") -> Regularizer | None:
    """The regularizer that an argument of a layer stands for.

    Parameters
    ----------
    identifier : a name ("l1", "l2", "l1_l2": factors of 0.01), a regularizer, its class, or
        {"class_name": ..., "config": ...}; None stays None
    function, argument : str        who an error says asked for it, and as what

    Returns
    -------
    Regularizer        or what else has its `value` and `add_gradient`

    Raises
    ------
    ValueError        a name that there is not; the message suggests the near one
    TypeError        nothing of these; a function alone is not enough, since nothing differentiates it

    Examples
    --------
    >>> from seqfuse import regularizers
    >>> regularizers.get("l2")
    L2(l2=0.01)
    """
    if isinstance(identifier, str) and identifier.lower() in ("l1_l2", "l1l2"):
        return L1L2(0.01, 0.01)  # what Keras documents; the class alone, made without factors, would be no penalty
    found = _config.get_instance(function, identifier, _CLASSES, argument)
    if found is None or (hasattr(found, "value") and hasattr(found, "add_gradient")):
        return found  # type: ignore[no-any-return]
    raise TypeError(
        f"{function}: {argument} must be a name or have value and add_gradient; got {found!r}"
        f"{'. Derive a class from Regularizer: the derivative of a function is not known' if callable(found) else ''}"
    )
