"""Weights of layers, and the buffers that hold all weights and gradients of a model."""

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

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.regularizers import Regularizer

__all__ = ["Parameters", "Weight"]


def __dir__() -> list[str]:
    return sorted(__all__)


CACHE_LINE = 64  # bytes; each weight starts at a cache line, so that no two threads write to the same one


class Weight:
    """Array of a layer with a name, which training may change.

    Parameters
    ----------
    name : str
        Name of the weight in its layer, as in Keras: "kernel", "recurrent_kernel", "bias", ...
    path : str
        Name of the layer, a slash, and the name of the weight.
    value : ndarray
        The values.
    trainable : bool, optional
        Whether gradients are computed for the weight.
    regularizer : Regularizer, optional
        Penalty that a model adds to its loss.

    Attributes
    ----------
    name, path, value, trainable, regularizer
        The arguments. The layer reads ``value`` at every call. Change it with `assign` and do not keep a reference to
        it: a model moves the values to a buffer of its own.

    Examples
    --------
    >>> from seqfuse.layers import Dense
    >>> layer = Dense(2, name="dense_example")
    >>> layer.build((None, 3))
    >>> layer.weights
    [<Weight dense_example/kernel (3, 2) float32>, <Weight dense_example/bias (2,) float32>]
    """

    __slots__ = ("name", "path", "regularizer", "trainable", "value")

    def __init__(
        self, name: str, path: str, value: Array, trainable: bool = True, regularizer: Regularizer | None = None
    ) -> None:
        self.name, self.path, self.value, self.trainable, self.regularizer = name, path, value, trainable, regularizer

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the values."""
        return self.value.dtype

    def numpy(self) -> Array:
        """Return a copy of the values.

        Returns
        -------
        ndarray
            The copy.
        """
        return self.value.copy()

    def assign(self, value: ArrayLike) -> None:
        """Set the values.

        Parameters
        ----------
        value : array_like
            New values, of the same shape.

        Raises
        ------
        ValueError
            If the shape differs.
        """
        array = np.asarray(value)
        _checks.shape(self.path, "value", "the shape of the weight", self.shape, array.shape)
        self.value[...] = array

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self.value, dtype=dtype) if copy is not False else np.asarray(self.value, dtype=dtype)

    def __repr__(self) -> str:
        return f"<Weight {self.path} {self.shape} {self.dtype}>"


# ---- weights without memory --------------------------------------------------------------------------------------

_without_numbers = ContextVar("without_numbers", default=False)


@contextlib.contextmanager
def without_numbers() -> Iterator[None]:
    """Create weights without memory inside this context, to check the shapes in a file before allocating anything."""
    token = _without_numbers.set(True)
    try:
        yield
    finally:
        _without_numbers.reset(token)


def placeholder(shape: Sequence[int], dtype: np.dtype[Any]) -> Array | None:
    """Return a read-only array of zeros that needs no memory, inside `without_numbers`; None outside of it."""
    return np.broadcast_to(np.zeros((), dtype), tuple(shape)) if _without_numbers.get() else None


# ---- buffers of a model ------------------------------------------------------------------------------------------


class Gradients(list[Any]):
    """List of arrays for ``backward(..., into=)``, with results of checks that need to run only once."""

    plan: Any = None  # set by a model: which arrays belong to which layer
    checked_targets: Any = None  # set for a layer: the arrays after the checks of seqfuse.functional

    @staticmethod
    def checked(into: list[Any], given: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return `given`, the arrays of `into` in the form that ``seqfuse.functional`` accepts.

        If `into` is a `Gradients`, the functions check the arrays only at the first call.
        """
        if not isinstance(into, Gradients):
            return given
        if into.checked_targets is None:
            into.checked_targets = CheckedTargets(given)
        return into.checked_targets  # type: ignore[no-any-return]


class Parameters:
    """Buffers with the values and the gradients of several weights, which an optimizer updates in one pass.

    Parameters
    ----------
    weights : sequence of Weight
        The weights, all of one dtype. Their values move to the buffer.

    Attributes
    ----------
    values, gradients : ndarray, shape (N,)
        The buffers. Each weight starts at a cache line; zeros fill the rest of its last line.
    segments : list of (str, int, int)
        For each weight its path, and the start and the end of its segment in the buffers.
    into : list of ndarray
        Views of ``gradients`` in the shapes of the weights, for ``backward(..., into=)``.
    regularized : list of (Regularizer, ndarray, ndarray)
        For each weight with a regularizer: the regularizer, the values and the gradient.

    Raises
    ------
    TypeError
        If the weights have different dtypes.

    Examples
    --------
    >>> from seqfuse.layers import Dense
    >>> from seqfuse.layers.weight import Parameters
    >>> layer = Dense(2)
    >>> layer.build((None, 3))
    >>> parameters = Parameters(layer.trainable_weights)
    >>> [gradient.shape for gradient in parameters.into]
    [(3, 2), (2,)]
    """

    def __init__(self, weights: Sequence[Weight]) -> None:
        self.weights = list(weights)
        dtypes = {weight.dtype for weight in weights}
        if len(dtypes) > 1:
            names = ", ".join(f"{weight.path} {weight.dtype}" for weight in weights)
            raise TypeError(
                f"Model: trainable weights must be of one type; got {names}. Give every layer the same dtype"
            )
        dtype = dtypes.pop() if dtypes else np.dtype(np.float32)
        line = CACHE_LINE // dtype.itemsize
        self.segments: list[tuple[str, int, int]] = []
        end = 0
        for weight in weights:
            start, end = end, end + -(-weight.value.size // line) * line
            self.segments.append((weight.path, start, end))
        self.values, self.gradients = _aligned_zeros(end, dtype), _aligned_zeros(end, dtype)
        self.into = Gradients(self._view(self.gradients, i) for i in range(len(weights)))
        self._views = [self._view(self.values, i) for i in range(len(weights))]
        for weight, view in zip(weights, self._views):
            view[...] = weight.value
            weight.value = view
        self.regularized = [
            (weight.regularizer, weight.value, gradient)
            for weight, gradient in zip(weights, self.into)
            if weight.regularizer is not None
        ]

    def __reduce__(self) -> tuple[type[Parameters], tuple[list[Weight]]]:
        # A copy of a view has memory of its own, so a copied weight would not be part of the copied buffer.
        return Parameters, (self.weights,)

    def _view(self, flat: Array, i: int) -> Array:
        """Return the segment of weight `i` in a buffer, in the shape of the weight."""
        weight, (_, start, _) = self.weights[i], self.segments[i]
        return flat[start : start + weight.value.size].reshape(weight.shape)

    def hold(self, weights: Sequence[Weight]) -> bool:
        """Check whether these are the weights, and all of their values are still in the buffer.

        Parameters
        ----------
        weights : sequence of Weight
            The weights to compare with, in order.

        Returns
        -------
        bool
            False if another model has moved a weight to its own buffer since.
        """
        return len(weights) == len(self.weights) and all(map(operator.is_, weights, self.weights)) and self.at_home()

    def at_home(self) -> bool:
        """Check whether the values of all weights are still in the buffer.

        Returns
        -------
        bool
            False if another model has moved a weight to its own buffer since.
        """
        for weight, view in zip(self.weights, self._views):  # noqa: SIM110  # runs per step; a generator is slower
            if weight.value is not view:
                return False
        return True


def _aligned_zeros(n: int, dtype: np.dtype[Any]) -> Array:
    """Return zeros of shape (n,) that start at a cache line."""
    raw = np.zeros(n * dtype.itemsize + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + n * dtype.itemsize].view(dtype)


def count(weights: Sequence[Weight]) -> int:
    """Return the number of elements of all weights."""
    return sum(math.prod(weight.shape) for weight in weights)
