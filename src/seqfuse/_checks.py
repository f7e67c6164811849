"""Checks of arguments, and their error messages.

    <function>: <argument> must be <symbols> = <numbers>; got <actual>. <what to do>

For valid arguments a check costs one or two comparisons. The cause of an error is determined only if there is one.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from seqfuse._arrays import FLOAT32, FLOAT64, INT64, asarray, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from seqfuse._arrays import Array

# Maximum number of elements of an array that a call allocates. Eight such float64 arrays fit in the address space.
MAX_ELEMENTS = 2**56


def shape(
    function: str, name: str, symbols: str, needed: tuple[int, ...], got: tuple[int, ...], advice: str = ""
) -> None:
    """Check that a shape is the needed one."""
    if got != needed:
        refuse_shape(function, name, symbols, needed, got, advice)


def refuse_shape(
    function: str, name: str, symbols: str, needed: object, got: tuple[int, ...], advice: str = ""
) -> NoReturn:
    """Raise the error for a wrong shape. `needed` is None if the sizes are unknown."""
    numbers_of_symbols = "" if needed is None else f" = {needed}"
    raise ValueError(f"{function}: {name} must be {symbols}{numbers_of_symbols}; got {got}{advice and '. ' + advice}")


def sizes(function: str, what: str, *lengths: int) -> None:
    """Check that an array fits in the address space. A smaller one may still raise a MemoryError of NumPy."""
    elements = 1
    for length in lengths:
        elements *= length or 1  # an empty array with a huge axis is refused too
    if elements > MAX_ELEMENTS:
        raise ValueError(f"{function}: {what} must have at most 2**56 elements; got {lengths}")


# ---- recurrent cells ---------------------------------------------------------------------------------------------


def state(
    function: str, name: str, value: ArrayLike, batch: int, units: int, dtype: np.dtype[Any], pair: bool = False
) -> Array:
    """Check a state or its gradient (B, H). With `pair`, explain that h and c are separate arguments."""
    if pair and isinstance(value, (tuple, list)) and len(value) == 2 and np.ndim(value[0]) > 1:
        raise ValueError(f"{function}: h0 must be (B, H) = {(batch, units)}; got a pair. Pass h0 and c0 separately")
    array = numbers(function, name, value, dtype)
    if array.shape != (batch, units):
        advice = f"PyTorch's states have a leading axis: pass {name}[0]" if array.shape == (1, batch, units) else ""
        refuse_shape(function, name, "(B, H)", (batch, units), array.shape, advice)
    return array


def recurrent_mask(function: str, value: ArrayLike, batch: int, units: int, dtype: np.dtype[Any]) -> Array:
    """Check a recurrent mask (B, H)."""
    array = numbers(function, "recurrent_mask", value, dtype)
    if array.shape != (batch, units):
        advice = "The same mask is used at every step" if array.ndim == 3 else ""
        if array.shape == (units,):
            advice = f"For one mask for all rows pass np.broadcast_to(recurrent_mask, {(batch, units)})"
        refuse_shape(function, "recurrent_mask", "(B, H)", (batch, units), array.shape, advice)
    return array


def peephole(function: str, value: ArrayLike, units: int, dtype: np.dtype[Any]) -> Array:
    """Check peephole weights. Return them as (3, H) in C order."""
    array = numbers(function, "peephole", value, dtype)
    if array.shape != (3, units):
        advice = "Pass one row per gate: i, f, o" if array.shape == (3 * units,) else ""
        refuse_shape(function, "peephole", "(3, H)", (3, units), array.shape, advice)
    return np.ascontiguousarray(array)


def valid_steps(
    function: str, lengths: ArrayLike | None, mask: ArrayLike | None, steps: int, batch: int, batch_first: bool
) -> NDArray[np.bool_] | None:
    """Return which steps are valid, (T, B) in a new array in C order; None if all are."""
    valid: Any = None
    if lengths is not None:
        counts, shape_of_lengths = indices(function, "lengths", lengths, "0..T", steps, copy=False)
        shape(function, "lengths", "(B,)", (batch,), shape_of_lengths)
        valid = np.arange(steps)[:, None] < counts
    if mask is not None:
        chosen = asarray(function, "mask", mask)
        symbols = "(B, T)" if batch_first else "(T, B)"
        if chosen.dtype != bool:
            raise TypeError(f"{function}: mask must be bool {symbols}; got {chosen.dtype}. Pass mask.astype(bool)")
        shape(function, "mask", symbols, (batch, steps) if batch_first else (steps, batch), chosen.shape)
        chosen = chosen.T if batch_first else chosen
        valid = np.array(chosen, order="C") if valid is None else valid & chosen
    return None if valid.all() else np.ascontiguousarray(valid)


# ---- single values ---------------------------------------------------------------------------------------------


def flags(function: str, names: Sequence[str], values: Sequence[object]) -> list[bool]:
    """Check that all values are True or False."""
    for name, value in zip(names, values):
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{function}: {name} must be True or False; got {value!r}")
    return [bool(value) for value in values]


def into(function: str, names: Sequence[str], given: Any, absent: Sequence[str] = ()) -> None:
    """Check that `into` has one entry per name, and None for the names in `absent`."""
    listed = f"({', '.join(names)}{',' * (len(names) == 1)})"
    if not isinstance(given, (tuple, list)):
        raise TypeError(f"{function}: into must be a tuple {listed}; got {type(given).__name__}")
    if len(given) != len(names):
        raise ValueError(f"{function}: into must be a tuple {listed}; got {len(given)} entries")
    for name, entry in zip(names, given):
        if name in absent and entry is not None:
            why = f"None for {name}, because {name[1:]} was None"
            raise ValueError(f"{function}: into must have {why}; got {type(entry).__name__}")


def index(value: Any) -> int | None:
    """Return a value as an int. None if it is not an integer; True and False are not."""
    try:
        return None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        return None


def integer(function: str, name: str, value: Any, low: int, high: int | None = None, bounds: str = "") -> int:
    """Check that a value is an integer in low..high, both included."""
    number = index(value)
    if number is None:
        raise TypeError(f"{function}: {name} must be an integer; got {value!r}")
    if number < low or (high is not None and number > high):
        raise ValueError(f"{function}: {name} must be {bounds or f'at least {low}'}; got {number}")
    return number


def real(function: str, name: str, value: Any, low: float | None = None) -> float:
    """Check that a value is a real number, and at least `low`."""
    try:
        number = None if isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError):
        number = None
    except OverflowError:  # an integer beyond the largest float
        number = math.inf if value > 0 else -math.inf
    if number is None:
        raise TypeError(f"{function}: {name} must be a real number; got {value!r}")
    if low is not None and not number >= low:
        raise ValueError(f"{function}: {name} must be at least {low}; got {number}")
    return number


def fraction(function: str, name: str, value: Any) -> float:
    """Check that a value is a real number in [0, 1)."""
    number = real(function, name, value)
    if not 0 <= number < 1:
        raise ValueError(f"{function}: {name} must be in [0, 1); got {number}")
    return number


def clip(function: str, value: Any) -> float:
    """Check that `clip` is a real number greater than 0."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{function}: clip must be a real number; got {value!r}")
    number = real(function, "clip", value)
    if not number > 0:
        raise ValueError(f"{function}: clip must be greater than 0; got {number}. Pass None for no limit")
    return number


def float_dtype(function: str, value: DTypeLike, said: str = "") -> np.dtype[Any]:
    """Convert a dtype to float32 or float64. An error message quotes `said`, if it is given, instead of the dtype."""
    try:
        dtype = None if value is None else np.dtype(value)  # NumPy reads None as float64
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or dtype not in (FLOAT32, FLOAT64):
        raise TypeError(
            f"{function}: dtype must be float32 or float64; got {said or (value if dtype is None else dtype)}"
        )
    return FLOAT32 if dtype == FLOAT32 else FLOAT64


# ---- arrays of integers ------------------------------------------------------------------------------------------


def integers(function: str, name: str, value: ArrayLike) -> Array:
    """Convert a value to an array of integers of any dtype."""
    array = asarray(function, name, value)
    if array.dtype.kind not in "iu":
        if array.size == 0 and not hasattr(value, "dtype"):  # NumPy converts an empty list to float64
            return array.astype(INT64)
        raise TypeError(f"{function}: {name} must be integers; got {array.dtype}")
    return array


def indices(
    function: str, name: str, value: ArrayLike, symbols: str, high: int, copy: bool, advice: str = ""
) -> tuple[Array, tuple[int, ...]]:
    """Check integers in 0..high, both included. Return them as flat int64, and their shape."""
    array = integers(function, name, value)
    flat = array.astype(INT64, order="C", copy=copy).reshape(-1)
    if flat.size and int(flat.view(np.uint64).max()) > high:  # as unsigned integers, negative numbers are huge
        where = tuple(np.argwhere((array < 0) | (array > high))[0].tolist())
        place = f" at [{', '.join(map(str, where))}]" if where else ""
        got = f"{array[where]}{place}{advice and '. ' + advice}"
        raise ValueError(f"{function}: {name} must be in {symbols} = 0..{high}; got {got}")
    return flat, array.shape


def rows_of_batch(function: str, rows: ArrayLike, batch: int) -> Array:
    """Convert row numbers, or a bool array (batch,), to row numbers of a batch as int64."""
    chosen = asarray(function, "rows", rows)
    if chosen.dtype == bool:
        shape(function, "rows", "(batch,)", (batch,), chosen.shape)
        return np.flatnonzero(chosen)
    if chosen.ndim > 1:
        raise ValueError(f"{function}: rows must be an integer or (n,); got {chosen.shape}")
    return indices(function, "rows", rows, "0..batch-1", batch - 1, copy=False)[0]
