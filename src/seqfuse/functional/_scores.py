"""Arguments of attention that determine the scores: checked and converted for the kernels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from seqfuse._arrays import Array

ALIGNMENTS = ("top_left", "bottom_right")
MAX_WINDOW = 2**62  # more keys than this cannot exist, and positions still fit into 64 bits


class ScoreOptions(NamedTuple):
    """Options of the scores. The bindings read the fields by name."""

    scale: float | None  # None: 1 / sqrt(D)
    softcap: float  # 0: no softcap
    left: int  # number of keys before the position of a query that it may attend to; -1: all
    right: int  # number of keys after the position; -1: all. Causal attention has 0
    bottom_right: bool  # True: the last query is at the last key. False: the first query is at the first key
    lengths: Array | None  # (B,) int64
    mask: Array | None  # (B, Hq, Tq, Tk), strides of 0 along broadcast axes; bool or the dtype of q
    dropout: float
    seed: int


class Shape(NamedTuple):
    """Sizes of an attention call."""

    B: int
    Hq: int
    Hk: int
    Tq: int
    Tk: int
    D: int
    Dv: int

    @property
    def scores(self) -> tuple[int, int, int, int]:
        """Shape (B, Hq, Tq, Tk) of the scores."""
        return self.B, self.Hq, self.Tq, self.Tk


def shape_of(function: str, q: Array, k: Array, v: Array) -> Shape:
    """Return the sizes of queries, keys and values. Refuse shapes that do not fit together."""
    if q.ndim != 4 or q.shape[1] == 0:
        needed = "(B, Hq, Tq, D)" if q.ndim != 4 else "(B, Hq, Tq, D) with Hq at least 1"
        _checks.refuse_shape(
            function, "q", needed, None, q.shape, "For one row of the batch, pass q[None]" if q.ndim == 3 else ""
        )
    (B, Hq, Tq, D), symbols = q.shape, "(B, Hk, Tk, D)"
    if k.ndim == 4 and k.shape[1] == 0:
        _checks.refuse_shape(function, "k", f"{symbols} with Hk at least 1", None, k.shape)
    if k.ndim != 4 or k.shape[0] != B or k.shape[3] != D:
        transposed = k.ndim == 4 and k.shape[2] == D
        advice = "If it is transposed, pass k.swapaxes(2, 3)" if transposed else ""
        _checks.refuse_shape(function, "k", f"{symbols} = ({B}, Hk, Tk, {D})", None, k.shape, advice)
    _, Hk, Tk, _ = k.shape
    if v.ndim != 4 or v.shape[:3] != k.shape[:3]:
        _checks.refuse_shape(function, "v", f"(B, Hk, Tk, Dv) = ({B}, {Hk}, {Tk}, Dv)", None, v.shape)
    if Hq % Hk:
        advice = ". The heads axis precedes the time axis: pass q.swapaxes(1, 2)" if Tq % Hk == 0 else ""
        raise ValueError(f"{function}: q must have Hq a multiple of Hk = {Hk}; got {q.shape}{advice}")
    return Shape(B, Hq, Hk, Tq, Tk, D, v.shape[3])


def score_options(
    function: str,
    shape: Shape,
    dtype: np.dtype[Any],
    mask: Any,
    causal: Any,
    scale: Any,
    window: Any,
    softcap: Any,
    lengths: Any,
    dropout: Any,
    seed: Any,
) -> ScoreOptions:
    """Check the options of a call and return them, with the mask broadcast to (B, Hq, Tq, Tk)."""
    bottom_right, left, right = _window(function, shape, causal, window)
    rate = 0.0 if type(dropout) is float and dropout == 0 else _checks.fraction(function, "dropout", dropout)
    if rate and seed is None:
        raise ValueError(f"{function}: dropout={rate} needs a seed in [0, 2**64); got None")
    seed_number = 0 if seed is None else _checks.integer(function, "seed", seed, 0, 2**64 - 1, "in [0, 2**64)")
    return ScoreOptions(
        None if scale is None else _finite_number(function, "scale", scale),
        0.0 if softcap is None else _softcap(function, softcap, dtype),
        left,
        right,
        bottom_right,
        None if lengths is None else _lengths(function, lengths, shape),
        None if mask is None else broadcast_mask(function, mask, shape, dtype),
        rate,
        seed_number,
    )


def _window(function: str, shape: Shape, causal: Any, window: Any) -> tuple[bool, int, int]:
    """Return the alignment of the queries and the window.

    The results are: whether the last query is at the last key, the number of keys before its position that a query may
    attend to, and the number of keys after it. -1 means no limit.
    """
    choices = 'False, True, "top_left" or "bottom_right"'
    if not isinstance(causal, (bool, np.bool_, str)):
        raise TypeError(f"{function}: causal must be {choices}; got {causal!r}")
    if isinstance(causal, str) and causal not in ALIGNMENTS:
        raise ValueError(f"{function}: causal must be {choices}; got {causal!r}")
    left, right = (-1, -1) if window is None else _window_sides(function, window)
    if shape.Tq != shape.Tk and not isinstance(causal, str) and (causal or left >= 0 or right >= 0):
        name = "causal=True" if causal else f"window={tuple(window)}"
        raise ValueError(
            f"{function}: {name} needs Tq == Tk; got {shape.Tq} and {shape.Tk}. "
            'Pass causal="top_left" or causal="bottom_right"'
        )
    return causal == "bottom_right", left, 0 if causal else right


def _window_sides(function: str, window: Any) -> tuple[int, int]:
    """Return the two entries of a window as integers, -1 for None."""
    if not isinstance(window, (tuple, list)):
        raise TypeError(f"{function}: window must be None or (left, right); got {window!r}")
    if len(window) != 2:
        raise ValueError(f"{function}: window must be None or (left, right); got {window!r}")
    return _window_side(function, "left", window[0]), _window_side(function, "right", window[1])


def _window_side(function: str, name: str, value: Any) -> int:
    """Return an entry of a window as an integer, -1 for None."""
    if value is None:
        return -1
    number = _checks.index(value)
    if number is None:
        raise TypeError(f"{function}: window must have None or an integer for {name}; got {value!r}")
    if number < 0:
        raise ValueError(f"{function}: window must have {name} at least 0; got {number}. Pass None for no limit")
    return min(number, MAX_WINDOW)


def _lengths(function: str, lengths: Any, shape: Shape) -> Array:
    """Return the lengths as a new int64 array (B,)."""
    counts, given_shape = _checks.indices(function, "lengths", lengths, "0..Tk", shape.Tk, copy=True)
    _checks.shape(function, "lengths", "(B,)", (shape.B,), given_shape)
    return counts


def _number(function: str, name: str, value: Any) -> float:
    """Return a real number that is not a bool."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{function}: {name} must be a real number; got {value!r}")
    return _checks.real(function, name, value)


def _finite_number(function: str, name: str, value: Any) -> float:
    """Return a finite real number."""
    number = _number(function, name, value)
    if not math.isfinite(number):
        raise ValueError(f"{function}: {name} must be finite; got {number}")
    return number


def _softcap(function: str, value: Any, dtype: np.dtype[Any]) -> float:
    """Return the softcap, clamped to the normal range of `dtype`."""
    number = _number(function, "softcap", value)
    if not 0 < number < math.inf:
        needed = "greater than 0 and finite"
        raise ValueError(f"{function}: softcap must be {needed}; got {number}. Pass None for no limit")
    limits = np.finfo(dtype)
    return min(max(number, float(limits.tiny)), float(limits.max))


def broadcast_mask(function: str, mask: Any, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """Return a mask of 2 to 4 axes broadcast to (B, Hq, Tq, Tk), with strides of 0 along broadcast axes.

    The result is bool or has the dtype of the computation.
    """
    array = _arrays.asarray(function, "mask", mask)
    if array.dtype.kind in "iu":
        raise TypeError(
            f"{function}: mask must be bool (True where a query may attend) or float (added to the scores); "
            f"got {array.dtype}. Pass mask.astype(bool)"
        )
    if array.dtype != bool:
        with np.errstate(over="ignore"):  # values beyond the range of float32 become infinite
            array = _arrays.numbers(function, "mask", array, dtype)
    elif array.ndim and array.shape[-1] != 1 and array.strides[-1] != 1:
        array = np.ascontiguousarray(array)
    fits = 2 <= array.ndim <= 4 and all(
        n in (1, full_size) for n, full_size in zip(array.shape[::-1], shape.scores[::-1])
    )
    if not fits:
        _refuse_mask(function, shape, array.shape)
    return np.broadcast_to(array, shape.scores)


def _refuse_mask(function: str, shape: Shape, shape_given: tuple[int, ...]) -> NoReturn:
    """Raise an error that states the needed shape of the mask, with advice for common mistakes."""
    advice = {
        (shape.Tk,): ". For one mask of the keys, pass mask[None]",
        (shape.B, shape.Tk): ". For one mask of the keys per row of the batch, pass mask[:, None, None]",
        (shape.B, shape.Tq, shape.Tk): ". For one mask per row of the batch, pass mask[:, None]",
    }.get(shape_given, "")
    needed = f"2 to 4 axes that broadcast to (B, Hq, Tq, Tk) = {shape.scores}"
    raise ValueError(f"{function}: mask must have {needed}; got {shape_given}{advice}")
