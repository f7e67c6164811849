"""What a caller gives becomes arrays that the kernels read and write in place, at the price of at most one copy.

The kernels want one type (float32 or float64) in the machine's byte order, aligned, with a contiguous last axis;
the strides of the other axes may be anything. An array that is so already passes through untouched.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Array: TypeAlias = NDArray[Any]

ndarray = np.ndarray
FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
INT64 = np.dtype(np.int64)

# NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED. One question for both is the cheapest that NumPy answers about a layout
# (0.1 us), and C order is the usual case; other layouts are looked at more closely in `readable`.
C_ALIGNED = 0x101
_WRITTEN = C_ALIGNED | 0x400  # and NPY_ARRAY_WRITEABLE: a kernel can write to it as it is

_ADVICE = {
    "c": "Pass its real part",
    "f": "Pass it as float64",
    "O": "Pass an array of numbers without None or objects",
}


def asarray(function: str, name: str, value: ArrayLike) -> Array:
    """The value as a plain `numpy.ndarray`; what NumPy refuses is refused by name."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{function}: {name} must be an array; got {type(value).__name__}. NumPy says: {error}") from error


def compute_dtype(function: str, name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that numbers of `dtype` are computed in."""
    if dtype.kind == "f" and dtype.itemsize in (4, 8):
        return FLOAT32 if dtype.itemsize == 4 else FLOAT64
    if dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize == 2) or dtype.name == "bfloat16":
        return FLOAT32
    advice = f". {_ADVICE[dtype.kind]}" if dtype.kind in _ADVICE else ""
    raise TypeError(f"{function}: {name} must be float64, float32, half, integers or bool; got {dtype}{advice}")


def readable(array: Array, dtype: np.dtype[Any]) -> Array:
    """The array itself where a kernel can read it, else its one copy."""
    if array.dtype == dtype and array.flags.aligned:
        if array.flags.c_contiguous:
            return array
        if array.ndim and (array.strides[-1] == array.itemsize or array.shape[-1] == 1):
            return array
    return array.astype(dtype, order="C")


def numbers(function: str, name: str, value: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """The value in the type that the weights or logits have chosen."""
    if type(value) is ndarray and value.dtype is dtype and value.flags.num & C_ALIGNED == C_ALIGNED:
        return value
    array = asarray(function, name, value)
    compute_dtype(function, name, array.dtype)
    return readable(array, dtype)


def widen(function: str, name: str, value: ArrayLike, dtype: np.dtype[Any], needed: str, advice: str) -> Array:
    """The value in the type that something holds already, which is not to lose what the value says."""
    if getattr(value, "dtype", None) is not dtype:
        value = asarray(function, name, value)
        if compute_dtype(function, name, value.dtype) is FLOAT64 and dtype is FLOAT32:
            raise TypeError(f"{function}: {name} must be {needed}; got float64. {advice}")
    return numbers(function, name, value, dtype)


def widest(
    function: str, names: Sequence[str], values: Sequence[ArrayLike], b: ArrayLike | None = None
) -> Sequence[Any]:
    """The values, and after them `b`, in the widest of their types; half, bool and integers count as float32.

    `b` may be None, and then says nothing and stays None.
    """
    dtype = getattr(values[0], "dtype", None)
    if dtype is FLOAT32 or dtype is FLOAT64:
        for value in values if b is None else (*values, b):
            if type(value) is not ndarray or value.dtype is not dtype or value.flags.num & C_ALIGNED != C_ALIGNED:
                break
        else:
            return *values, b
    arrays = [asarray(function, name, value) for name, value in zip(names, values)]
    if b is not None:
        arrays.append(asarray(function, "b", b))
    counted = [compute_dtype(function, name, array.dtype) for name, array in zip((*names, "b"), arrays)]
    dtype = FLOAT64 if FLOAT64 in counted else FLOAT32
    read = [readable(array, dtype) for array in arrays]
    return read if b is not None else [*read, None]


def rows(array: Array) -> Array:
    """An array (..., n) as (N, n); a view where the strides allow one, else a copy."""
    shape = array.shape
    return array if len(shape) == 2 else array.reshape(math.prod(shape[:-1]), shape[-1])


def overlaps_itself(array: Array) -> bool:
    """Whether two indices may name one element; not where every axis steps over all that the shorter strides reach."""
    reach = array.itemsize
    for stride, length in sorted((abs(s), n) for s, n in zip(array.strides, array.shape) if n > 1):
        if stride < reach:
            return True
        reach += stride * (length - 1)
    return False


def overlap(a: Array, b: Array) -> bool:
    """Whether two arrays share an element; where that is too hard to tell, yes."""
    try:
        return np.shares_memory(a, b, max_work=1000)  # type: ignore[arg-type]  # the stubs know the two special values alone
    except RuntimeError:  # numpy.exceptions.TooHardError, which has moved about
        return True


def _owner(array: Array) -> Array | None:
    """The array that has allocated the memory of a view, or itself; None where that was not NumPy."""
    owner = array if array.base is None else array.base
    return owner if type(owner) is ndarray and owner.flags.owndata else None


def share_no_memory(arrays: Sequence[Array], inputs: Sequence[Array | None]) -> bool:
    """Whether no array shares memory with an input, as far as their owners say; False where it may.

    `overlap` for every pair of a recurrent layer takes 30 us, this 3.
    """
    owners = {id(_owner(array)) for array in inputs if array is not None}
    owned = {id(_owner(array)) for array in arrays}
    return id(None) not in owners and id(None) not in owned and owners.isdisjoint(owned)


class Targets:
    """Arrays of a caller that are written or added to: checked, and `work`, what a kernel writes in their place.

    `work[i]` is the array itself, or a copy where it is not in C order or not aligned, or where it shares memory with
    an input, which must be read as if it did not; `store` brings the copies back.
    """

    __slots__ = ("given", "work")

    def __init__(
        self,
        function: str,
        names: Sequence[str],
        given: Sequence[Any],
        symbols: Sequence[str],
        shapes: Sequence[tuple[int, ...]],
        dtype: np.dtype[Any],
        inputs: Sequence[Array | None],
    ) -> None:
        simple = True
        for name, array, symbol, shape in zip(names, given, symbols, shapes):
            fits = type(array) is ndarray and array.dtype is dtype and array.shape == shape
            if not fits or array.flags.num & _WRITTEN != _WRITTEN:
                simple = False
                _check_target(function, name, array, symbol, shape, dtype)
        for i, array in enumerate(given):
            for j in range(i):
                if overlap(array, given[j]):
                    raise ValueError(
                        f"{function}: {names[i]} must not overlap {names[j]}; got arrays that share memory"
                    )
        self.given = self.work = tuple(given)
        if not simple or not share_no_memory(given, inputs):
            self.work = tuple(_in_place(array, inputs) for array in given)

    def store(self) -> None:
        """Bring what the kernel wrote to where the caller wants it."""
        for given, work in zip(self.given, self.work):
            if work is not given:
                given[...] = work


class CheckedTargets(tuple[Any, ...]):
    """An `into` of arrays that fit what is added to them, and that no input shares memory with, call after call.

    A model's own buffer of gradients is so: looking at it at every step would cost as much as a small product.
    """

    targets: Targets

    def __new__(cls, given: Sequence[Array | None]) -> CheckedTargets:
        kept = super().__new__(cls, given)
        kept.targets = object.__new__(Targets)
        kept.targets.given = kept.targets.work = tuple(array for array in given if array is not None)
        return kept


def _in_place(array: Array, inputs: Sequence[Array | None]) -> Array:
    if (
        array.flags.c_contiguous
        and array.flags.aligned
        and not any(i is not None and overlap(array, i) for i in inputs)
    ):
        return array
    return array.copy(order="C")


def _check_target(
    function: str, name: str, array: Any, symbols: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> None:
    if not isinstance(array, ndarray):
        raise TypeError(f"{function}: {name} must be a numpy.ndarray, it is written to; got {type(array).__name__}")
    if array.dtype != dtype:
        raise TypeError(f"{function}: {name} must be {dtype}, it is written to; got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{function}: {name} must be {symbols} = {shape}; got {array.shape}")
    if not array.flags.writeable:
        raise ValueError(f"{function}: {name} must be writeable; got a read-only array")
    if not array.flags.c_contiguous and overlaps_itself(array):
        raise ValueError(f"{function}: {name} must not overlap itself; got strides {array.strides}")
