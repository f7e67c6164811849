"""The activation functions in NumPy, their slopes and constants, and the parser of activation arguments.

A definition consists of two functions: `value` is f(a), and `slope` is f'(a), which may also use y = f(a). They compute
in the dtype of `a`, never overflow, and propagate NaN. At a kink, `slope` is the slope of the left side. The slope of
hard_sigmoid is 0 at both of its kinks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, NamedTuple, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from seqfuse import _names

Array: TypeAlias = npt.NDArray[Any]
# An activation argument: a name, or a tuple of a name and its constants.
ActivationLike: TypeAlias = str | tuple[str] | tuple[str, float] | tuple[str, float, float]


class Definition(NamedTuple):
    """An activation function without values for its constants."""

    value: Callable[[Array, float, float], Array]  # (a, alpha, beta) -> y
    slope: Callable[[Array, Array, float, float], Array]  # (a, y, alpha, beta) -> dy/da
    constants: tuple[tuple[str, float], ...] = ()  # names and defaults of alpha and beta, if it has them


class Activation(NamedTuple):
    """An activation function with its constants; 0 for a constant that it does not have."""

    name: str
    alpha: float
    beta: float

    def value(self, a: Array) -> Array:
        """Return f(a)."""
        return DEFINITIONS[self.name].value(a, self.alpha, self.beta)

    def slope(self, a: Array, y: Array) -> Array:
        """Return f'(a), given y = f(a)."""
        return DEFINITIONS[self.name].slope(a, y, self.alpha, self.beta)


def sigmoid(a: Array) -> Array:
    """Return 1 / (1 + exp(-a)). It cannot overflow, because exp is applied only to nonpositive numbers."""
    e = np.exp(-np.abs(a))
    return np.asarray(np.where(a < 0, e, 1) / (1 + e))


def _softsign(a: Array) -> Array:
    size = np.minimum(np.abs(a), np.finfo(a.dtype).max)  # avoids inf / inf
    return np.asarray(np.copysign(size / (1 + size), a))


def _softsign_slope(a: Array) -> Array:
    root = 1 / (1 + np.abs(a))
    return np.asarray(root * root)


def _either(condition: Array, yes: Any, no: Any, like: Array) -> Array:
    """Return `yes` where the condition is True and `no` elsewhere, in the dtype of `like`."""
    return np.where(condition, np.asarray(yes, like.dtype), np.asarray(no, like.dtype))


DEFINITIONS: Mapping[str, Definition] = {
    "tanh": Definition(
        lambda a, alpha, beta: np.tanh(a),
        lambda a, y, alpha, beta: 1 - y * y,
    ),
    "sigmoid": Definition(
        lambda a, alpha, beta: sigmoid(a),
        lambda a, y, alpha, beta: y * (1 - y),
    ),
    "relu": Definition(
        lambda a, alpha, beta: np.maximum(a, 0),
        lambda a, y, alpha, beta: _either(a > 0, 1, 0, a),
    ),
    "linear": Definition(
        lambda a, alpha, beta: a,
        lambda a, y, alpha, beta: np.ones_like(a),
    ),
    "hard_sigmoid": Definition(
        lambda a, alpha, beta: np.clip(alpha * a + beta, 0, 1),
        lambda a, y, alpha, beta: _either((y > 0) & (y < 1), alpha, 0, a),
        (("alpha", 1 / 6), ("beta", 0.5)),
    ),
    "softsign": Definition(
        lambda a, alpha, beta: _softsign(a),
        lambda a, y, alpha, beta: _softsign_slope(a),
    ),
    "softplus": Definition(  # log(1 + exp(a))
        lambda a, alpha, beta: np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a))),
        lambda a, y, alpha, beta: sigmoid(a),
    ),
    "elu": Definition(
        lambda a, alpha, beta: np.where(a > 0, a, alpha * np.expm1(np.minimum(a, 0))),
        lambda a, y, alpha, beta: _either(a > 0, 1, alpha * np.exp(np.minimum(a, 0)), a),
        (("alpha", 1.0),),
    ),
    "leaky_relu": Definition(
        lambda a, alpha, beta: np.where(a > 0, a, alpha * a),
        lambda a, y, alpha, beta: _either(a > 0, 1, alpha, a),
        (("alpha", 0.2),),
    ),
}


def _with_defaults(name: str, *given: float) -> Activation:
    """Return an activation with the given constants, and defaults for the others."""
    defaults = [default for _, default in DEFINITIONS[name].constants]
    alpha, beta = (*given, *defaults[len(given) :], 0.0, 0.0)[:2]
    return Activation(name, alpha, beta)


_NAMED = {name: _with_defaults(name) for name in DEFINITIONS}
TANH, SIGMOID, RELU, LINEAR = (_NAMED[name] for name in ("tanh", "sigmoid", "relu", "linear"))


def parse(function: str, argument: str, value: Any) -> Activation:
    """Convert an activation argument of a function to an `Activation`.

    Parameters
    ----------
    function, argument : str
        Names of the function and the argument, for messages.
    value : str, tuple or Activation
        Name, or tuple of the name and its constants. A name needs only one lookup in a dict.

    Raises
    ------
    ValueError
        If there is no such function, or if a constant does not exist or is not finite.
    TypeError
        If `value` is not a name or a tuple, or if a constant is not a real number.

    Examples
    --------
    >>> parse("lstm", "activation", "elu")
    Activation(name='elu', alpha=1.0, beta=0.0)
    >>> parse("lstm", "activation", ("hard_sigmoid", 0.2))
    Activation(name='hard_sigmoid', alpha=0.2, beta=0.5)
    """
    try:
        return _NAMED[value]
    except (KeyError, TypeError):
        pass
    if isinstance(value, Activation):
        return value
    if isinstance(value, str):
        _refuse_name(function, argument, value)
    if not isinstance(value, tuple) or not value or not isinstance(value[0], str):
        got = repr(value) if isinstance(value, tuple) else type(value).__name__
        raise TypeError(f"{function}: {argument} must be a name or a tuple (name, alpha, beta); got {got}")
    name, *given = value
    if name not in DEFINITIONS:
        _refuse_name(function, argument, name)
    constants = [constant for constant, _ in DEFINITIONS[name].constants]
    if len(given) > len(constants):
        form = f"({', '.join((repr(name), *constants))})" if constants else f"{name!r}, which has no constants"
        raise ValueError(f"{function}: {argument} must be {form}; got {value!r}")
    return _with_defaults(name, *(_finite(function, argument, c, number) for c, number in zip(constants, given)))


def _refuse_name(function: str, argument: str, name: str) -> NoReturn:
    """Raise the error for an unknown name, with the most similar name."""
    near = _names.nearest(name, DEFINITIONS)
    advice = f". Did you mean {near!r}?" if near else ""
    raise ValueError(f"{function}: {argument} must be one of {', '.join(DEFINITIONS)}; got {name!r}{advice}")


def _finite(function: str, argument: str, constant: str, number: Any) -> float:
    """Check that a constant is a finite real number."""
    try:
        real = None if isinstance(number, (str, bytes, bool, np.bool_)) else float(number)
    except (TypeError, ValueError):
        real = None
    except OverflowError:
        real = float("inf")
    if real is None:
        raise TypeError(f"{function}: {argument} must have a real number for {constant}; got {number!r}")
    if not isfinite(real):
        raise ValueError(f"{function}: {argument} must have a finite {constant}; got {number!r}")
    return real
