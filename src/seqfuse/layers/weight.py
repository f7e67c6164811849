"""One array that a layer learns or keeps, and a model's arrays side by side in one buffer."""

from __future__ import annotations

import contextlib
import math
import operator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse._arrays import CheckedTargets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from seqfuse._arrays import Array
    from seqfuse.regularizers import Regularizer

__all__ = ["Parameters", "Weight"]


def __dir__() -> list[str]:
    return sorted(__all__)


LINE = 64  # bytes of a cache line: every weight starts at one, and no two threads write to one


class Weight:
    """An array with a name: `value` is read by the layer at every call; a model may move it into its buffer.

    Attributes
    ----------
    name : str        as Keras names it: kernel, recurrent_kernel, bias, ...
    value : ndarray        the numbers; write into it with `assign`, and keep no reference to it
    trainable : bool        whether gradients are computed for it
    regularizer : Regularizer or None        what a model adds to its loss for it
    path : str        the layer's name, a slash, and the name
    """

    __slots__ = ("name", "path", "regularizer", "trainable", "value")

    def __init__(
        self, name: str, path: str, value: Array, trainable: bool = True, regularizer: Regularizer | None = None
    ) -> None:
        self.name, self.path, self.value, self.trainable, self.regularizer = name, path, value, trainable, regularizer

    @property
    def shape(self) -> tuple[int, ...]:
        """Of value."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of value."""
        return self.value.dtype

    def numpy(self) -> Array:
        """A copy of the numbers."""
        return self.value.copy()

    def assign(self, value: Any) -> None:
        """Write other numbers of the same shape.

        Raises
        ------
        ValueError        another shape
        """
        array = np.asarray(value)
        _checks.shape(self.path, "value", "of the shape of the weight", self.shape, array.shape)
        self.value[...] = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.value, dtype=dtype) if copy is not False else np.asarray(self.value, dtype=dtype)

    def __repr__(self) -> str:
        return f"<Weight {self.path} {self.shape} {self.dtype}>"


_sketching = ContextVar("sketching", default=False)


@contextlib.contextmanager
def without_numbers() -> Iterator[None]:
    """Within it, new weights have shapes and no memory: what a file says is looked at before anything is allocated."""
    token = _sketching.set(True)
    try:
        yield
    finally:
        _sketching.reset(token)


def sketch(shape: Sequence[int], dtype: np.dtype[Any]) -> Array | None:
    """Within `without_numbers` zeros of this shape that take no memory, and cannot be written; else None."""
    return np.broadcast_to(np.zeros((), dtype), tuple(shape)) if _sketching.get() else None


class Gradients(list[Any]):
    """Arrays that `backward(..., into=)` adds to, of a buffer of their own, and what was worked out once for them."""

    plan: Any = None  # of a model: which of them are whose
    checked_targets: Any = None  # of a layer: as its functional takes them

    @staticmethod
    def checked(into: list[Any], given: tuple[Any, ...]) -> tuple[Any, ...]:
        """`given`, made of the arrays of `into`, as an `into` of functional: looked at once if that can be."""
        if not isinstance(into, Gradients):
            return given
        if into.checked_targets is None:
            into.checked_targets = CheckedTargets(given)
        return into.checked_targets  # type: ignore[no-any-return]


class Parameters:
    """Weights in one buffer and their gradients in another: what an optimizer goes over in one pass.

    Attributes
    ----------
    values, gradients : (N,)        flat; the part of a weight starts at a cache line, filled up with zeros to the next
    segments : list of (path, start, stop)        the parts
    into : list of ndarray        views of gradients in the shapes of the weights, for `backward(..., into=)`
    regularized : list of (regularizer, value, gradient)        of the weights that have one
    """

    def __init__(self, weights: Sequence[Weight]) -> None:
        self.weights = list(weights)
        kinds = {weight.dtype for weight in weights}
        if len(kinds) > 1:
            names = ", ".join(f"{weight.path} {weight.dtype}" for weight in weights)
            raise TypeError(
                f"Model: trainable weights must be of one type; got {names}. Give every layer the same dtype"
            )
        dtype = kinds.pop() if kinds else np.dtype(np.float32)
        line = LINE // dtype.itemsize
        self.segments: list[tuple[str, int, int]] = []
        end = 0
        for weight in weights:
            start, end = end, end + -(-weight.value.size // line) * line
            self.segments.append((weight.path, start, end))
        self.values, self.gradients = _zeros(end, dtype), _zeros(end, dtype)
        self.into = Gradients(self._part(self.gradients, i) for i in range(len(weights)))
        self._home = [self._part(self.values, i) for i in range(len(weights))]
        for weight, home in zip(weights, self._home):
            home[...] = weight.value
            weight.value = home
        self.regularized = [
            (weight.regularizer, weight.value, gradient)
            for weight, gradient in zip(weights, self.into)
            if weight.regularizer is not None
        ]

    def __reduce__(self) -> tuple[type[Parameters], tuple[list[Weight]]]:
        # a copied view has memory of its own: the weights of a copy would not lie in its buffer
        return Parameters, (self.weights,)

    def _part(self, flat: Array, i: int) -> Array:
        weight, (_, start, _) = self.weights[i], self.segments[i]
        return flat[start : start + weight.value.size].reshape(weight.shape)

    def hold(self, weights: Sequence[Weight]) -> bool:
        """Whether these are the weights, and none has been moved to the buffer of another model since."""
        return len(weights) == len(self.weights) and all(map(operator.is_, weights, self.weights)) and self.at_home()

    def at_home(self) -> bool:
        """Whether no weight has been moved to the buffer of another model since."""
        for weight, home in zip(self.weights, self._home):  # noqa: SIM110  # at every step; a generator costs more
            if weight.value is not home:
                return False
        return True


def _zeros(n: int, dtype: np.dtype[Any]) -> Array:
    """(n,) that starts at a cache line."""
    raw = np.zeros(n * dtype.itemsize + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + n * dtype.itemsize].view(dtype)


def count(weights: Sequence[Weight]) -> int:
    """How many numbers there are in all."""
    return sum(math.prod(weight.shape) for weight in weights)
