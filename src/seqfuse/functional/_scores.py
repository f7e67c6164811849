"""What attention is told of its scores: checked, and as the kernels take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _arrays, _checks

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse._kernels import ScoreOptions

ALIGNMENTS = ("top_left", "bottom_right")
LARGEST_WINDOW = 2**62  # beyond it positions would leave 64 bits; more keys than that there cannot be


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
    for name, symbols, array in (("q", "(B, Hq, Tq, D)", q), ("k", "(B, Hk, Tk, D)", k), ("v", "(B, Hk, Tk, Dv)", v)):
        if array.ndim != 4:
            advice = f"For one head pass {name}[:, None]" if array.ndim == 3 else ""
            _checks.refuse_shape(function, name, symbols, None, array.shape, advice)
    (B, Hq, Tq, D), (_, Hk, Tk, _), Dv = q.shape, k.shape, v.shape[3]
    if k.shape[0] != B or k.shape[3] != D:
        advice = "Its axes 1 and 2 are exchanged: pass k.swapaxes(1, 2)" if k.shape == (B, Tk, Hk, D) != k.shape else ""
        needed = f"(B, Hk, Tk, D) = ({B}, Hk, Tk, {D})"
        _checks.refuse_shape(function, "k", needed, None, k.shape, advice)
    if v.shape[:3] != k.shape[:3]:
        needed = f"(B, Hk, Tk, Dv) = ({B}, {Hk}, {Tk}, Dv)"
        _checks.refuse_shape(function, "v", needed, None, v.shape)
    if Hk == 0 or Hq % Hk or Hq == 0:
        raise ValueError(f"{function}: Hq must be a multiple of Hk, and neither 0; got Hq = {Hq} and Hk = {Hk}")
    return Shape(B, Hq, Hk, Tq, Tk, D, Dv)


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
    rate = _checks.fraction(function, "dropout", dropout) if dropout else 0.0
    if rate and seed is None:
        raise ValueError(f"{function}: seed must be an integer in [0, 2**64), because dropout is {rate}; got None")
    key = 0 if seed is None else _checks.integer(function, "seed", seed, 0, 2**64 - 1, "in [0, 2**64)")
    return (
        1 / math.sqrt(shape.D or 1) if scale is None else _finite(function, "scale", scale),
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
    left = right = -1
    if window is not None:
        if not isinstance(window, (tuple, list)) or len(window) != 2:
            raise TypeError(f"{function}: window must be (left, right), each an integer or None; got {window!r}")
        left, right = (
            -1 if n is None else min(_checks.integer(function, "window", n, 0), LARGEST_WINDOW) for n in window
        )
    if isinstance(causal, (bool, np.bool_)):
        name, aligned = ("causal=True", False) if causal else ("window", left < 0 and right < 0)
        if (causal or window is not None) and not aligned and shape.Tq != shape.Tk:
            raise ValueError(
                f"{function}: {name} needs Tq == Tk; got {shape.Tq} and {shape.Tk}. "
                'Say causal="top_left" or causal="bottom_right"'
            )
    elif not isinstance(causal, str):
        raise TypeError(f"{function}: causal must be True, False, or one of {', '.join(ALIGNMENTS)}; got {causal!r}")
    elif causal not in ALIGNMENTS:
        raise ValueError(f"{function}: causal must be True, False, or one of {', '.join(ALIGNMENTS)}; got {causal!r}")
    return causal == "bottom_right", left, 0 if causal else right


def _lengths(function: str, lengths: Any, shape: Shape) -> Array:
    counts, given = _checks.indices(function, "lengths", lengths, "0..Tk", shape.Tk, copy=False)
    _checks.shape(function, "lengths", "(B,)", (shape.B,), given)
    return counts


def _finite(function: str, name: str, value: Any) -> float:
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{function}: {name} must be a real number; got {value!r}")
    number = _checks.real(function, name, value)
    if not math.isfinite(number):
        raise ValueError(f"{function}: {name} must be finite; got {number}")
    return number


def _softcap(function: str, value: Any, dtype: np.dtype[Any]) -> float:
    number = _finite(function, "softcap", value)
    if not number > 0:
        raise ValueError(f"{function}: softcap must be greater than 0; got {number}. Pass None for no limit")
    limits = np.finfo(dtype)
    return min(max(number, float(limits.tiny)), float(limits.max))


def mask_of(function: str, mask: Any, shape: Shape, dtype: np.dtype[Any]) -> Array:
    """A mask of 2 to 4 axes as (B, Hq, Tq, Tk): bool, or numbers of the type computed in; strides of 0 where broadcast."""
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
        needed = f"broadcastable to (B, Hq, Tq, Tk) = {shape.scores}, with 2 to 4 axes"
        advice = "For a mask of keys pass mask[:, None, None, :]" if array.shape == (shape.B, shape.Tk) else ""
        _checks.refuse_shape(function, "mask", needed, None, array.shape, advice)
    return np.broadcast_to(array, shape.scores)
