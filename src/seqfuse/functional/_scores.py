"""What attention is told of its scores: checked, and as the kernels take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from seqfuse._arrays import Array

ALIGNMENTS = ("top_left", "bottom_right")
LARGEST_WINDOW = 2**62  # beyond it positions would leave 64 bits; more keys than that there cannot be


class ScoreOptions(NamedTuple):
    """How scores are computed; the kernels read the fields by name."""

    scale: float | None  # None: 1 / sqrt(D)
    softcap: float  # 0: none
    left: int  # keys before the position of a query that it may attend to; -1: all
    right: int  # keys behind it; -1: all; causal: 0
    bottom_right: bool  # the last query is at the last key; otherwise the first at the first
    lengths: Array | None  # (B,) int64
    mask: Array | None  # (B, Hq, Tq, Tk), strides of 0 where broadcast: bool, or the type computed in
    dropout: float
    seed: int


class Shape(NamedTuple):
    """The sizes of a call."""

    B: int
    Hq: int
    Hk: int
    Tq: int
    Tk: int
    D: int
    Dv: int

    @property
    def scores(self) -> tuple[int, int, int, int]:
        """(B, Hq, Tq, Tk)."""
        return self.B, self.Hq, self.Tq, self.Tk


def shape_of(function: str, q: Array, k: Array, v: Array) -> Shape:
    """The sizes of queries, keys and values that fit together."""
    if q.ndim != 4 or q.shape[1] == 0:
        what = "(B, Hq, Tq, D)" if q.ndim != 4 else "(B, Hq, Tq, D) with Hq at least 1"
        _checks.refuse_shape(
            function, "q", what, None, q.shape, "For one row of a batch pass q[None]" if q.ndim == 3 else ""
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
        advice = ". Heads stand before time: pass q.swapaxes(1, 2)" if Tq % Hk == 0 else ""
        raise ValueError(f"{function}: q must have Hq a multiple of Hk = {Hk}; got {q.shape}{advice}")
    return Shape(B, Hq, Hk, Tq, Tk, D, v.shape[3])


def options_of(
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
    """All of a call's options; a mask is broadcast to (B, Hq, Tq, Tk)."""
    bottom_right, left, right = _window(function, shape, causal, window)
    rate = 0.0 if type(dropout) is float and dropout == 0 else _checks.fraction(function, "dropout", dropout)
    if rate and seed is None:
        raise ValueError(f"{function}: dropout={rate} needs a seed in [0, 2**64); got None")
    key = 0 if seed is None else _checks.integer(function, "seed", seed, 0, 2**64 - 1, "in [0, 2**64)")
    return ScoreOptions(
        None if scale is None else _finite(function, "scale", scale),
        0.0 if softcap is None else _softcap(function, softcap, dtype),
        left,
        right,
        bottom_right,
        None if lengths is None else _lengths(function, lengths, shape),
        None if mask is None else mask_of(function, mask, shape, dtype),
        rate,
        key,
    )


def _window(function: str, shape: Shape, causal: Any, window: Any) -> tuple[bool, int, int]:
    """How queries are aligned, and how many keys before and behind its position each may attend to; -1: all."""
    either = 'False, True, "top_left" or "bottom_right"'
    if not isinstance(causal, (bool, np.bool_, str)):
        raise TypeError(f"{function}: causal must be {either}; got {causal!r}")
    if isinstance(causal, str) and causal not in ALIGNMENTS:
        raise ValueError(f"{function}: causal must be {either}; got {causal!r}")
    left, right = (-1, -1) if window is None else _sides(function, window)
    if shape.Tq != shape.Tk and not isinstance(causal, str) and (causal or left >= 0 or right >= 0):
        name = "causal=True" if causal else f"window={tuple(window)}"
        raise ValueError(
            f"{function}: {name} needs Tq == Tk; got {shape.Tq} and {shape.Tk}. "
            'Say causal="top_left" or causal="bottom_right"'
        )
    return causal == "bottom_right", left, 0 if causal else right


def _sides(function: str, window: Any) -> tuple[int, int]:
    if not isinstance(window, (tuple, list)):
        raise TypeError(f"{function}: window must be None or (left, right); got {window!r}")
    if len(window) != 2:
        raise ValueError(f"{function}: window must be None or (left, right); got {window!r}")
    return _side(function, "left", window[0]), _side(function, "right", window[1])


def _side(function: str, name: str, value: Any) -> int:
    if value is None:
        return -1
    number = _checks.index(value)
    if number is None:
        raise TypeError(f"{function}: window must have None or an integer for {name}; got {value!r}")
    if number < 0:
        raise ValueError(f"{function}: window must have {name} at least 0; got {number}. Pass None for no limit")
    return min(number, LARGEST_WINDOW)


def _lengths(function: str, lengths: Any, shape: Shape) -> Array:
    counts, given = _checks.indices(function, "lengths", lengths, "0..Tk", shape.Tk, copy=True)
    _checks.shape(function, "lengths", "(B,)", (shape.B,), given)
    return counts


def _number(function: str, name: str, value: Any) -> float:
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{function}: {name} must be a real number; got {value!r}")
    return _checks.real(function, name, value)


def _finite(function: str, name: str, value: Any) -> float:
    number = _number(function, name, value)
    if not math.isfinite(number):
        raise ValueError(f"{function}: {name} must be finite; got {number}")
    return number


def _softcap(function: str, value: Any, dtype: np.dtype[Any]) -> float:
    number = _number(function, "softcap", value)
    if not 0 < number < math.inf:
        needed = "greater than 0 and finite"
        raise ValueError(f"{function}: softcap must be {needed}; got {number}. Pass None for no limit")
    limits = np.finfo(dtype)
    return min(max(number, float(limits.tiny)), float(limits.max))


def mask_of(function: str, mask: Any, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """A mask of 2 to 4 axes as (B, Hq, Tq, Tk), with strides of 0 where broadcast: bool, or the type computed in."""
    array = _arrays.asarray(function, "mask", mask)
    if array.dtype.kind in "iu":
        raise TypeError(
            f"{function}: mask must be bool, True where a query may attend, or numbers that are added to the scores; "
            f"got {array.dtype}. Pass mask.astype(bool)"
        )
    if array.dtype != bool:
        with np.errstate(over="ignore"):  # what float32 has no room for is infinite
            array = _arrays.numbers(function, "mask", array, dtype)
    elif array.ndim and array.shape[-1] != 1 and array.strides[-1] != 1:
        array = np.ascontiguousarray(array)
    fits = 2 <= array.ndim <= 4 and all(n in (1, whole) for n, whole in zip(array.shape[::-1], shape.scores[::-1]))
    if not fits:
        _refuse_mask(function, shape, array.shape)
    return np.broadcast_to(array, shape.scores)


def _refuse_mask(function: str, shape: Shape, got: tuple[int, ...]) -> NoReturn:
    advice = {
        (shape.Tk,): ". For a mask of keys pass mask[None]",
        (shape.B, shape.Tk): ". For a mask of keys of each row pass mask[:, None, None]",
        (shape.B, shape.Tq, shape.Tk): ". For one mask a row pass mask[:, None]",
    }.get(got, "")
    needed = f"2 to 4 axes that broadcast to (B, Hq, Tq, Tk) = {shape.scores}"
    raise ValueError(f"{function}: mask must have {needed}; got {got}{advice}")
