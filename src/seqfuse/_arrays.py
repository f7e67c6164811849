"""Conversion of arguments to arrays that the kernels can read or write in place, with at most one copy.

The kernels need arrays of one dtype (float32 or float64) in native byte order, aligned, with a contiguous last axis.
The other axes may have any strides. Arrays that meet these conditions are not copied.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Array: TypeAlias = NDArray[Any]

ndarray = np.ndarray
FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
INT64 = np.dtype(np.int64)

# NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED. One test of both flags takes 0.1 us, and C order is the usual case. Other
# layouts are tested by `readable`.
C_ALIGNED = 0x101
_WRITTEN = C_ALIGNED | 0x400  # and NPY_ARRAY_WRITEABLE

_ADVICE = {
    "c": "Pass its real part",
    "f": "Pass it as float64",
    "O": "Pass an array of numbers without None or objects",
}


def asarray(function: str, name: str, value: ArrayLike) -> Array:
    """Convert a value to a plain `numpy.ndarray`. Errors of NumPy are raised with the name of the argument."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{function}: {name} must be an array; got {type(value).__name__}. NumPy says: {error}") from error


def compute_dtype(function: str, name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype, float32 or float64, in which numbers of `dtype` are computed."""
    if dtype.kind == "f" and dtype.itemsize in (4, 8):
        return FLOAT32 if dtype.itemsize == 4 else FLOAT64
    if dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize == 2) or dtype.name == "bfloat16":
        return FLOAT32
    advice = f". {_ADVICE[dtype.kind]}" if dtype.kind in _ADVICE else ""
    raise TypeError(f"{function}: {name} must be float64, float32, half, integers or bool; got {dtype}{advice}")


def readable(array: Array, dtype: np.dtype[Any], either_order: bool = False) -> Array:
    """Return the array itself if a kernel can read it, otherwise a copy in C order.

    With `either_order` the kernel also reads matrices whose first axis is contiguous, such as a transposed matrix.
    """
    if array.dtype == dtype and array.flags.aligned:
        if array.flags.c_contiguous:
            return array
        if array.ndim and (array.strides[-1] == array.itemsize or array.shape[-1] == 1):
            return array
        if either_order and array.ndim == 2 and array.strides[0] == array.itemsize:
            return array
    return array.astype(dtype, order="C")


def numbers(function: str, name: str, value: ArrayLike, dtype: np.dtype[Any]) -> Array:
    """Convert a value to an array of the given dtype, which another argument determines."""
    if type(value) is ndarray and value.dtype is dtype and value.flags.num & C_ALIGNED == C_ALIGNED:
        return value
    array = asarray(function, name, value)
    compute_dtype(function, name, array.dtype)
    return readable(array, dtype)


def widen(function: str, name: str, value: ArrayLike, dtype: np.dtype[Any], needed: str, advice: str) -> Array:
    """Convert a value to an array of the dtype of an existing object. Raise TypeError if it would lose precision."""
    if getattr(value, "dtype", None) is not dtype:
        value = asarray(function, name, value)
        if compute_dtype(function, name, value.dtype) is FLOAT64 and dtype is FLOAT32:
            raise TypeError(f"{function}: {name} must be {needed}; got float64. {advice}")
    return numbers(function, name, value, dtype)


def widest(
    function: str,
    names: Sequence[str],
    values: Sequence[ArrayLike],
    b: ArrayLike | None = None,
    either_order: Sequence[str] = (),
) -> Sequence[Any]:
    """Convert values, and then the optional `b`, to the widest of their dtypes.

    float16, bfloat16, bool and integer arrays count as float32. If `b` is None, it remains None. `either_order` names
    the matrices that the kernel reads in C or Fortran order.
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
    read = [readable(array, dtype, name in either_order) for name, array in zip((*names, "b"), arrays)]
    return read if b is not None else [*read, None]


def guard(*arrays: Array | None) -> tuple[object, ...]:
    """Return weak references to arrays that a tape keeps views of.

    NumPy refuses to resize an array that has a weak reference, also with `refcheck=False`, which would free the memory
    of the views. For a view this is the array that owns its memory.
    """
    owners = [array if array.base is None else array.base for array in arrays if array is not None]
    try:
        return tuple(map(ref, owners))
    except TypeError:  # the memory belongs to another type of object, which NumPy does not resize
        return tuple([ref(owner) for owner in owners if isinstance(owner, ndarray)])


def rows(array: Array) -> Array:
    """Reshape an array (..., n) to (N, n). This is a view if the strides allow it, otherwise a copy."""
    shape = array.shape
    return array if len(shape) == 2 else array.reshape(math.prod(shape[:-1]), shape[-1])


def overlaps_itself(array: Array) -> bool:
    """Return whether two indices may refer to the same element.

    They do not if each stride is larger than the extent of all axes with smaller strides.
    """
    extent = array.itemsize
    for stride, length in sorted((abs(s), n) for s, n in zip(array.strides, array.shape) if n > 1):
        if stride < extent:
            return True
        extent += stride * (length - 1)
    return False


def overlap(a: Array, b: Array) -> bool:
    """Return whether two arrays share an element. True if this takes too long to determine."""
    try:
        return np.shares_memory(a, b, max_work=1000)  # type: ignore[arg-type]  # the stubs only allow the two special values
    except RuntimeError:  # numpy.exceptions.TooHardError; its module depends on the version
        return True


def _owner(array: Array) -> Array | None:
    """Return the array that owns the memory of an array, or None if NumPy did not allocate it."""
    owner = array if array.base is None else array.base
    return owner if type(owner) is ndarray and owner.flags.owndata else None


def share_no_memory(arrays: Sequence[Array], inputs: Sequence[Array | None]) -> bool:
    """Return whether arrays and inputs have different owners of their memory, so that they cannot overlap.

    This takes 3 us for a recurrent layer. `overlap` for every pair would take 30 us.
    """
    owners = {id(_owner(array)) for array in inputs if array is not None}
    owned = {id(_owner(array)) for array in arrays}
    return id(None) not in owners and id(None) not in owned and owners.isdisjoint(owned)


class Targets:
    """The arrays of an argument such as `into`, which a kernel writes or adds to.

    The kernel uses `work`. `work[i]` is the user's array, or a copy if the array is not in C order, is not aligned, or
    shares memory with an input. `store` copies the results back.
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
        """Copy the results to the user's arrays."""
        for given, work in zip(self.given, self.work):
            if work is not given:
                given[...] = work


class CheckedTargets(tuple[Any, ...]):
    """An argument `into` that needs no checks, because its arrays always fit and never overlap an input.

    Models use it for their own gradient buffers. Checking these at every step would take as long as a small product.
    """

    targets: Targets

    def __new__(cls, given: Sequence[Array | None]) -> CheckedTargets:
        checked = super().__new__(cls, given)
        checked.targets = object.__new__(Targets)
        checked.targets.given = checked.targets.work = tuple(array for array in given if array is not None)
        return checked


def _in_place(array: Array, inputs: Sequence[Array | None]) -> Array:
    """Return the array if a kernel may write to it directly, otherwise a copy."""
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
    """Check that a kernel's results can be written to an array."""
    if not isinstance(array, ndarray):
        raise TypeError(
            f"{function}: {name} must be a numpy.ndarray, because it is written to; got {type(array).__name__}"
        )
    if array.dtype != dtype:
        raise TypeError(f"{function}: {name} must be {dtype}, because it is written to; got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{function}: {name} must be {symbols} = {shape}; got {array.shape}")
    if not array.flags.writeable:
        raise ValueError(f"{function}: {name} must be writeable; got a read-only array")
    if not array.flags.c_contiguous and overlaps_itself(array):
        raise ValueError(f"{function}: {name} must not overlap itself; got strides {array.strides}")
