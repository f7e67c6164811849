"""Arguments of multi-head attention: checked and converted to one dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _arrays, _checks
from seqfuse.functional._scores import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seqfuse._arrays import Array
    from seqfuse.functional._scores import ScoreOptions

# Names of the array arguments, in the order in which they are checked.
ARRAYS = ("query", "Wq", "Wk", "Wv", "Wo", "bq", "bk", "bv", "bo", "key", "value")
REQUIRED = ("query", "Wq", "Wk", "Wv", "Wo")
# Shapes of weights and biases, as written in messages.
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


def read_arrays(function: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all array arguments in their widest dtype, None for those that are None."""
    present = {name: given[name] for name in ARRAYS if name in REQUIRED or given[name] is not None}
    *arrays, _ = _arrays.widest(function, tuple(present), tuple(present.values()))
    return dict.fromkeys(ARRAYS) | dict(zip(present, arrays))


# ---- shapes ------------------------------------------------------------------------------------------------------


def shape_of(function: str, arrays: Mapping[str, Any]) -> Shape:
    """Return the sizes of inputs and weights. Refuse shapes that do not fit together."""
    query = arrays["query"]
    if query.ndim != 3:
        advice = "For one sequence pass query[None]" if query.ndim == 2 else ""
        _checks.refuse_shape(function, "query", "(B, Tq, E)", None, query.shape, advice)
    B, Tq, E = query.shape
    key, value = arrays["key"], arrays["value"]
    key_advice = "Without key, query is used as the key" if key is None else ""
    value_advice = f"Without value, {'query' if key is None else 'key'} is used as the value" if value is None else ""
    key = query if key is None else key
    value = key if value is None else value
    _check_input(function, "key", key, f"(B, Tk, Ek) = ({B}, Tk, Ek)", (B,))
    Tk, Ek = key.shape[1:]
    _check_input(function, "value", value, f"(B, Tk, Ev) = ({B}, {Tk}, Ev)", (B, Tk), key_advice)
    Hq, D = _check_weights(function, "Wq", arrays["Wq"], (E, None, None))
    Hk, _ = _check_weights(function, "Wk", arrays["Wk"], (Ek, None, D), key_advice)
    if Hk == 0 or Hq == 0:
        name, heads = ("Wq", "Hq") if Hq == 0 else ("Wk", "Hk")
        symbols = f"{SYMBOLS[name]} with {heads} at least 1"
        _checks.refuse_shape(function, name, symbols, None, arrays[name].shape)
    if Hq % Hk:
        raise ValueError(f"{function}: Wq must have Hq a multiple of Hk = {Hk}; got {arrays['Wq'].shape}")
    _, Dv = _check_weights(function, "Wv", arrays["Wv"], (value.shape[2], Hk, None), value_advice)
    _, O = _check_weights(function, "Wo", arrays["Wo"], (Hq, Dv, None))
    for name, shape in (("bq", (Hq, D)), ("bk", (Hk, D)), ("bv", (Hk, Dv)), ("bo", (O,))):
        bias = arrays[name]
        if bias is not None and bias.shape != shape:
            is_flat = len(shape) == 2 and bias.shape == (shape[0] * shape[1],)
            advice = f"Pass {name}.reshape{shape}" if is_flat else ""
            _checks.refuse_shape(function, name, SYMBOLS[name], shape, bias.shape, advice)
    for description, sizes in (
        ("q (B, Tq, Hq, D)", (B, Tq, Hq, D)),
        ("k (B, Tk, Hk, D)", (B, Tk, Hk, D)),
        ("v (B, Tk, Hk, Dv)", (B, Tk, Hk, Dv)),
        ("the heads (B, Tq, Hq, Dv)", (B, Tq, Hq, Dv)),
        ("y (B, Tq, O)", (B, Tq, O)),
    ):
        _checks.sizes(function, description, *sizes)
    return Shape(B, Hq, Hk, Tq, Tk, D, Dv)


def _check_input(function: str, name: str, x: Array, needed: str, leading: tuple[int, ...], advice: str = "") -> None:
    """Refuse an input that does not have three axes or does not begin with the sizes `leading`."""
    if x.ndim != 3 or x.shape[: len(leading)] != leading:
        _checks.refuse_shape(function, name, needed, None, x.shape, advice)


def _check_weights(
    function: str, name: str, W: Array, known_sizes: tuple[int | None, ...], advice: str = ""
) -> tuple[int, int]:
    """Return the last two sizes of weights with three axes. Refuse sizes that differ from the known ones."""
    symbols = SYMBOLS[name]
    if W.ndim != 3 or any(n is not None and n != actual for n, actual in zip(known_sizes, W.shape)):
        axis_symbols = symbols.strip("()").split(", ")
        needed = ", ".join(symbol if n is None else str(n) for symbol, n in zip(axis_symbols, known_sizes))
        advice = advice if W.ndim == 3 else _matrix_advice(name, W, known_sizes)
        _checks.refuse_shape(function, name, f"{symbols} = ({needed})", None, W.shape, advice)
    return W.shape[1], W.shape[2]


def _matrix_advice(name: str, W: Array, known_sizes: tuple[int | None, ...]) -> str:
    """Return advice for weights that are a matrix.

    The matrix may be in the layout of Keras with the heads side by side, or in the transposed layout of PyTorch.
    """
    if W.ndim != 2:
        return ""
    columns = (known_sizes[0] or 0) * (known_sizes[1] or 0) if name == "Wo" else known_sizes[0]
    if W.shape[1] == columns:
        return "For weights of PyTorch, use multi_head_attention_weights_from_torch"
    return f"Pass {name}.reshape{SYMBOLS[name]}" if W.shape[0] == columns else ""


# ---- rotary positions --------------------------------------------------------------------------------------------


class Rope(NamedTuple):
    """Tables and positions of rotary position embeddings."""

    cos: Array  # (P, R/2)
    sin: Array
    interleaved: bool
    positions: (
        Array | None
    )  # of the queries, (Tq,) or (B, Tq). None: query i is at position i. Key j is always at position j


def read_rope(function: str, rope: Any, shape: Shape, dtype: np.dtype[Any], options: ScoreOptions) -> Rope:
    """Check the argument `rope` and return its tables and positions. Refuse tables without a row for every position."""
    if not isinstance(rope, (tuple, list)):
        raise TypeError(f"{function}: rope must be {ROPE}; got {type(rope).__name__}")
    if len(rope) not in (2, 3):
        raise ValueError(f"{function}: rope must be {ROPE}; got {len(rope)} entries")
    if len(rope) == 3 and not (isinstance(rope[2], str) and rope[2] == "interleaved"):
        raise ValueError(f'{function}: rope must have "interleaved" or nothing after cos and sin; got {rope[2]!r}')
    cos = _arrays.numbers(function, "cos of rope", rope[0], dtype)
    sin = _arrays.numbers(function, "sin of rope", rope[1], dtype)
    if cos.ndim != 2 or 2 * cos.shape[1] > shape.D:
        needed = f"(P, R/2) with R at most D = {shape.D}"
        _checks.refuse_shape(function, "cos of rope", needed, None, cos.shape)
    _checks.shape(function, "sin of rope", "the shape of cos", cos.shape, sin.shape)
    bottom_right, lengths = options.bottom_right, options.lengths
    symbols, rows = ("Tk", shape.Tk) if bottom_right else ("max(Tq, Tk)", max(shape.Tq, shape.Tk))
    if cos.shape[0] < max(rows, min(shape.Tq, 1)):  # a query before the first key uses row 0
        needed = f"(P, R/2) with P at least {symbols} = {rows}" if rows else "(P, R/2) with P at least 1"
        _checks.refuse_shape(function, "cos of rope", needed, None, cos.shape, "Make tables with more positions")
    positions = None
    if bottom_right:
        ends = shape.Tk if lengths is None else lengths[:, None]
        positions = np.maximum(np.arange(shape.Tq) + (ends - shape.Tq), 0)
    return Rope(cos, sin, len(rope) == 3, positions)
