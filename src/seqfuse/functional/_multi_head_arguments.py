"""What multi-head attention is given: arrays that fit together, and tables of rope that have every position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _arrays, _checks
from seqfuse.functional._scores import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seqfuse._arrays import Array
    from seqfuse.functional._scores import ScoreOptions

# Arguments that are arrays, in the order in which messages name them; weights with the symbols of their shapes.
ARRAYS = ("query", "Wq", "Wk", "Wv", "Wo", "bq", "bk", "bv", "bo", "key", "value")
NEEDED = ("query", "Wq", "Wk", "Wv", "Wo")
SYMBOLS = {
    "Wq": "(E, Hq, D)",
    "Wk": "(Ek, Hk, D)",
    "Wv": "(Ev, Hk, Dv)",
    "Wo": "(Hq, Dv, O)",
    "bq": "(Hq, D)",
    "bk": "(Hk, D)",
    "bv": "(Hk, Dv)",
    "bo": "(O,)",
}
ROPE = '(cos, sin) or (cos, sin, "interleaved")'


def read(function: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All of ARRAYS in the widest of their types, None for those that are."""
    there = {name: given[name] for name in ARRAYS if name in NEEDED or given[name] is not None}
    *arrays, _ = _arrays.widest(function, tuple(there), tuple(there.values()))
    return dict.fromkeys(ARRAYS) | dict(zip(there, arrays))


# ---- shapes ------------------------------------------------------------------------------------------------------


def shape_of(function: str, arrays: Mapping[str, Any]) -> Shape:
    """The sizes of inputs and weights that fit together."""
    query = arrays["query"]
    if query.ndim != 3:
        advice = "For one sequence pass query[None]" if query.ndim == 2 else ""
        _checks.refuse_shape(function, "query", "(B, Tq, E)", None, query.shape, advice)
    B, Tq, E = query.shape
    key, value = arrays["key"], arrays["value"]
    of_k = "Without key, query is read" if key is None else ""
    of_v = f"Without value, {'query' if key is None else 'key'} is read" if value is None else ""
    key = query if key is None else key
    value = key if value is None else value
    _input(function, "key", key, f"(B, Tk, Ek) = ({B}, Tk, Ek)", (B,))
    Tk, Ek = key.shape[1:]
    _input(function, "value", value, f"(B, Tk, Ev) = ({B}, {Tk}, Ev)", (B, Tk), of_k)
    Hq, D = _weights(function, "Wq", arrays["Wq"], (E, None, None))
    Hk, _ = _weights(function, "Wk", arrays["Wk"], (Ek, None, D), of_k)
    if Hk == 0 or Hq == 0:
        name, heads = ("Wq", "Hq") if Hq == 0 else ("Wk", "Hk")
        symbols = f"{SYMBOLS[name]} with {heads} at least 1"
        _checks.refuse_shape(function, name, symbols, None, arrays[name].shape)
    if Hq % Hk:
        raise ValueError(f"{function}: Wq must have Hq a multiple of Hk = {Hk}; got {arrays['Wq'].shape}")
    _, Dv = _weights(function, "Wv", arrays["Wv"], (value.shape[2], Hk, None), of_v)
    _, O = _weights(function, "Wo", arrays["Wo"], (Hq, Dv, None))
    for name, shape in (("bq", (Hq, D)), ("bk", (Hk, D)), ("bv", (Hk, Dv)), ("bo", (O,))):
        bias = arrays[name]
        if bias is not None and bias.shape != shape:
            flat = len(shape) == 2 and bias.shape == (shape[0] * shape[1],)
            advice = f"Pass {name}.reshape{shape}" if flat else ""
            _checks.refuse_shape(function, name, SYMBOLS[name], shape, bias.shape, advice)
    for what, sizes in (
        ("q (B, Tq, Hq, D)", (B, Tq, Hq, D)),
        ("k (B, Tk, Hk, D)", (B, Tk, Hk, D)),
        ("v (B, Tk, Hk, Dv)", (B, Tk, Hk, Dv)),
        ("the heads (B, Tq, Hq, Dv)", (B, Tq, Hq, Dv)),
        ("y (B, Tq, O)", (B, Tq, O)),
    ):
        _checks.sizes(function, what, *sizes)
    return Shape(B, Hq, Hk, Tq, Tk, D, Dv)


def _input(function: str, name: str, x: Array, needed: str, first: tuple[int, ...], advice: str = "") -> None:
    """Refuse an input without three axes, the first ones those."""
    if x.ndim != 3 or x.shape[: len(first)] != first:
        _checks.refuse_shape(function, name, needed, None, x.shape, advice)


def _weights(function: str, name: str, W: Array, fixed: tuple[int | None, ...], advice: str = "") -> tuple[int, int]:
    """The last two sizes of weights with three axes, once those that are known fit."""
    symbols = SYMBOLS[name]
    if W.ndim != 3 or any(n is not None and n != got for n, got in zip(fixed, W.shape)):
        letters = symbols.strip("()").split(", ")
        needed = ", ".join(letter if n is None else str(n) for letter, n in zip(letters, fixed))
        advice = advice if W.ndim == 3 else _advice(name, W, fixed)
        _checks.refuse_shape(function, name, f"{symbols} = ({needed})", None, W.shape, advice)
    return W.shape[1], W.shape[2]


def _advice(name: str, W: Array, fixed: tuple[int | None, ...]) -> str:
    """What to do with a matrix, which may be Keras's with its heads side by side, or PyTorch's, which is transposed."""
    if W.ndim != 2:
        return ""
    flat = (fixed[0] or 0) * (fixed[1] or 0) if name == "Wo" else fixed[0]
    if W.shape[1] == flat:
        return "multi_head_attention_weights makes these arrays of PyTorch's"
    return f"Pass {name}.reshape{SYMBOLS[name]}" if W.shape[0] == flat else ""


# ---- rotary positions --------------------------------------------------------------------------------------------


class Rope(NamedTuple):
    """By what queries and keys are turned."""

    cos: Array  # (P, R/2)
    sin: Array
    interleaved: bool
    positions: Array | None  # of the queries, (Tq,) or (B, Tq); None: query i is at i. Key j is at j


def rope_of(function: str, rope: Any, shape: Shape, dtype: np.dtype[Any], options: ScoreOptions) -> Rope:
    """The tables, which have a row for every position."""
    if not isinstance(rope, (tuple, list)):
        raise TypeError(f"{function}: rope must be {ROPE}; got {type(rope).__name__}")
    if len(rope) not in (2, 3):
        raise ValueError(f"{function}: rope must be {ROPE}; got {len(rope)} entries")
    if len(rope) == 3 and not (isinstance(rope[2], str) and rope[2] == "interleaved"):
        raise ValueError(f'{function}: rope must have nothing or "interleaved" behind cos and sin; got {rope[2]!r}')
    cos = _arrays.numbers(function, "cos of rope", rope[0], dtype)
    sin = _arrays.numbers(function, "sin of rope", rope[1], dtype)
    if cos.ndim != 2 or 2 * cos.shape[1] > shape.D:
        needed = f"(P, R/2) with R at most D = {shape.D}"
        _checks.refuse_shape(function, "cos of rope", needed, None, cos.shape)
    _checks.shape(function, "sin of rope", "the shape of cos", cos.shape, sin.shape)
    bottom_right, lengths = options.bottom_right, options.lengths
    symbols, rows = ("Tk", shape.Tk) if bottom_right else ("max(Tq, Tk)", max(shape.Tq, shape.Tk))
    if cos.shape[0] < max(rows, min(shape.Tq, 1)):  # a query in front of all keys is turned too, by row 0
        needed = f"(P, R/2) with P at least {symbols} = {rows}" if rows else "(P, R/2) with P at least 1"
        _checks.refuse_shape(function, "cos of rope", needed, None, cos.shape, "Make tables of more positions")
    positions = None
    if bottom_right:
        ends = shape.Tk if lengths is None else lengths[:, None]
        positions = np.maximum(np.arange(shape.Tq) + (ends - shape.Tq), 0)
    return Rope(cos, sin, len(rope) == 3, positions)
