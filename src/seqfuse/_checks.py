"""Whether the arguments of a call fit together, and the messages where they do not.

    <function>: <argument> must be <symbols> = <numbers>; got <actual>. <what to do>

The path of a call that is right costs a comparison or two an argument; what is wrong is found out afterwards.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from seqfuse._arrays import INT64, asarray, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from seqfuse._arrays import Array

# No more elements than this in what a call allocates: eight arrays of them, in float64, fit in the address space.
MOST_ELEMENTS = 2**56


def shape(
    function: str, name: str, symbols: str, needed: tuple[int, ...], got: tuple[int, ...], advice: str = ""
) -> None:
    """Refuse a shape that is not the needed one."""
    if got != needed:
        _refuse_shape(function, name, symbols, needed, got, advice)


def _refuse_shape(
    function: str, name: str, symbols: str, needed: object, got: tuple[int, ...], advice: str = ""
) -> NoReturn:
    numbers_of_symbols = "" if needed is None else f" = {needed}"
    raise ValueError(f"{function}: {name} must be {symbols}{numbers_of_symbols}; got {got}{advice and '. ' + advice}")


def sizes(function: str, what: str, *lengths: int) -> None:
    """Refuse to allocate more than an address space holds; what the allocator refuses is its own MemoryError."""
    elements = 1
    for length in lengths:
        elements *= length or 1  # an empty array with a huge axis is no better
    if elements > MOST_ELEMENTS:
        raise ValueError(f"{function}: {what} must have at most 2**56 elements; got {lengths}")


# ---- recurrent cells ---------------------------------------------------------------------------------------------


def inputs(function: str, x: Array, batch_first: bool) -> Array:
    """x as (T, B, I), whichever way it came."""
    if x.ndim != 3:
        advice = "For one sequence pass x[:, None]" if x.ndim == 2 and not batch_first else ""
        advice = "For one sequence pass x[None]" if x.ndim == 2 and batch_first else advice
        _refuse_shape(function, "x", "(B, T, I)" if batch_first else "(T, B, I)", None, x.shape, advice)
    return x.swapaxes(0, 1) if batch_first else x


def weights(function: str, gates: int, features: int, W: Array, U: Array, b: Array | None) -> int:
    """H, once W, U and b fit it, each other and I = `features`."""
    shape_of_U = U.shape
    if len(shape_of_U) == 2:
        units: int
        units, columns = shape_of_U
        fits = columns == gates * units and units and W.shape == (features, columns)
        if fits and (b is None or b.shape == (columns,) or b.shape == (2, columns)):
            return units
    _refuse_weights(function, gates, features, W.shape, shape_of_U, () if b is None else b.shape)


def _refuse_weights(
    function: str, gates: int, features: int, W: tuple[int, ...], U: tuple[int, ...], b: tuple[int, ...]
) -> NoReturn:
    columns = "H" if gates == 1 else f"{gates}*H"
    units = _intended_units(gates, features, W, U)
    if units is None:
        _refuse_shape(function, "U", f"(H, {columns})", None, U)
    if units == 0:
        raise ValueError(f"{function}: U must be (H, {columns}) with H at least 1; got {U}")
    needed = (features, gates * units)
    transposed = "PyTorch stores weights transposed: pass weight_{}.T"
    if gates == 3:  # the GRU, which would run and be wrong
        transposed += ", its gates r, z, n put in the order z, r, n"
    shape(function, "W", f"(I, {columns})", needed, W, transposed.format("ih") if W == needed[::-1] else "")
    needed = (units, gates * units)
    shape(function, "U", f"(H, {columns})", needed, U, transposed.format("hh") if U == needed[::-1] else "")
    _refuse_shape(function, "b", f"({columns},) = {(gates * units,)} or (2, {columns})", (2, gates * units), b)


def _intended_units(gates: int, features: int, W: tuple[int, ...], U: tuple[int, ...]) -> int | None:
    """H as the weights most likely mean it."""
    if len(U) == 2 and U[1] == gates * U[0]:
        return U[0]
    if len(U) == 2 and U[0] == gates * U[1]:
        return U[1]
    if len(W) == 2 and W[0] == features and W[1] % gates == 0:
        return W[1] // gates
    return None


def state(function: str, name: str, value: ArrayLike, batch: int, units: int, dtype: np.dtype[Any]) -> Array:
    """A state, or the gradient of one, as (B, H)."""
    array = numbers(function, name, value, dtype)
    if array.shape != (batch, units):
        advice = f"PyTorch's states have a leading axis: pass {name}[0]" if array.shape == (1, batch, units) else ""
        _refuse_shape(function, name, "(B, H)", (batch, units), array.shape, advice)
    return array


def real_steps(
    function: str, lengths: ArrayLike | None, mask: ArrayLike | None, steps: int, batch: int, batch_first: bool
) -> NDArray[np.bool_] | None:
    """Which steps are real, (T, B) in C order and our own; None where all are."""
    real: Any = None
    if lengths is not None:
        counts, shape_of_lengths = indices(function, "lengths", lengths, "0..T", steps, copy=False)
        shape(function, "lengths", "(B,)", (batch,), shape_of_lengths)
        real = np.arange(steps)[:, None] < counts
    if mask is not None:
        chosen = asarray(function, "mask", mask)
        symbols = "(B, T)" if batch_first else "(T, B)"
        if chosen.dtype != bool:
            raise TypeError(f"{function}: mask must be bool {symbols}; got {chosen.dtype}. Pass mask.astype(bool)")
        shape(function, "mask", symbols, (batch, steps) if batch_first else (steps, batch), chosen.shape)
        chosen = chosen.T if batch_first else chosen
        real = np.array(chosen, order="C") if real is None else real & chosen
    return None if real.all() else np.ascontiguousarray(real)


# ---- single values ---------------------------------------------------------------------------------------------


def flags(function: str, names: Sequence[str], values: Sequence[object]) -> list[bool]:
    """The values, all of which are True or False."""
    for name, value in zip(names, values):
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{function}: {name} must be True or False; got {value!r}")
    return [bool(value) for value in values]


def into(function: str, names: tuple[str, ...], given: Any, bias: bool) -> None:
    """Refuse what is not one entry a name, the last of which, `db`, is None where there is no bias."""
    listed = f"({', '.join(names)})"
    if not isinstance(given, (tuple, list)):
        raise TypeError(f"{function}: into must be a tuple {listed}; got {type(given).__name__}")
    if len(given) != len(names):
        raise ValueError(f"{function}: into must be a tuple {listed}; got {len(given)} entries")
    if not bias and given[-1] is not None:
        raise ValueError(f"{function}: into must have None for db, because b was None; got {type(given[-1]).__name__}")


def integer(function: str, name: str, value: Any, low: int, high: int | None = None, bounds: str = "") -> int:
    """A single integer in low..high, both included."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{function}: {name} must be an integer; got {value!r}")
    if number < low or (high is not None and number > high):
        raise ValueError(f"{function}: {name} must be {bounds or f'at least {low}'}; got {number}")
    return number


def real(function: str, name: str, value: Any, low: float | None = None) -> float:
    """A single real number, at least `low`."""
    try:
        number = None if isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise TypeError(f"{function}: {name} must be a real number; got {value!r}")
    if low is not None and not number >= low:
        raise ValueError(f"{function}: {name} must be at least {low}; got {number}")
    return number


def fraction(function: str, name: str, value: Any) -> float:
    """A single real number in [0, 1)."""
    number = real(function, name, value)
    if not 0 <= number < 1:
        raise ValueError(f"{function}: {name} must be in [0, 1); got {number}")
    return number


# ---- arrays of integers ------------------------------------------------------------------------------------------


def integers(function: str, name: str, value: ArrayLike) -> Array:
    """The value as an array of integers of any type."""
    array = asarray(function, name, value)
    if array.dtype.kind not in "iu":
        if array.size == 0 and not hasattr(value, "dtype"):  # an empty list, which NumPy takes for float64
            return array.astype(INT64)
        raise TypeError(f"{function}: {name} must be integers; got {array.dtype}")
    return array


def indices(
    function: str, name: str, value: ArrayLike, symbols: str, most: int, copy: bool, advice: str = ""
) -> tuple[Array, tuple[int, ...]]:
    """Integers in 0..most, both included, as flat int64, and the shape that they came in."""
    array = integers(function, name, value)
    flat = array.astype(INT64, order="C", copy=copy).reshape(-1)
    if flat.size and int(flat.view(np.uint64).max()) > most:  # seen as unsigned, what is negative is huge
        where = tuple(np.argwhere((array < 0) | (array > most))[0].tolist())
        place = f" at [{', '.join(map(str, where))}]" if where else ""
        got = f"{array[where]}{place}{advice and '. ' + advice}"
        raise ValueError(f"{function}: {name} must be in {symbols} = 0..{most}; got {got}")
    return flat, array.shape
