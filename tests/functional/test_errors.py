"""Wrong calls: one table, with every argument of every public function in it, and what is said about it."""

import inspect
import re

import numpy as np
import pytest

from seqfuse import functional as F
from seqfuse._cells import CELLS

pytestmark = pytest.mark.once

T, B, I, H, V, C = 5, 2, 3, 4, 7, 6


def zeros(*shape, dtype=np.float64):
    return np.zeros(shape, dtype)


def right_arguments(cell):
    """A right call of the cell: (positional or named) -> value."""
    G = len(CELLS[cell].gates)
    states = {f"{s}0": zeros(B, H) for s in CELLS[cell].states}
    return {"x": zeros(T, B, I), "W": zeros(I, G * H), "U": zeros(H, G * H), "b": zeros(G * H), **states}


def weights(cell):
    return {name: value for name, value in right_arguments(cell).items() if name in "WUb"}


def dense_tape(**changes):
    return F.dense_forward(**{"x": zeros(T, I), "W": zeros(I, V), "b": zeros(V), **changes})[1]


# name -> the function and a right call of it
CALLS = {
    "dense": lambda: (F.dense, {"x": zeros(T, I), "W": zeros(I, V), "b": zeros(V)}),
    "dense_forward": lambda: (F.dense_forward, {"x": zeros(T, I), "W": zeros(I, V), "b": zeros(V)}),
    "dense_backward": lambda: (F.dense_backward, {"tape": dense_tape(), "dy": zeros(T, V)}),
    "embedding": lambda: (F.embedding, {"ids": [0, 1], "E": zeros(V, I)}),
    "embedding_forward": lambda: (F.embedding_forward, {"ids": [0, 1], "E": zeros(V, I)}),
    "embedding_backward": lambda: (
        F.embedding_backward,
        {"tape": F.embedding_forward([0, 1], zeros(V, I))[1], "dy": zeros(2, I)},
    ),
    "dropout": lambda: (F.dropout, {"x": zeros(T), "rate": 0.5, "seed": 1}),
    "dropout_forward": lambda: (F.dropout_forward, {"x": zeros(T), "rate": 0.5, "seed": 1}),
    "dropout_backward": lambda: (
        F.dropout_backward,
        {"tape": F.dropout_forward(zeros(T), 0.5, seed=1)[1], "dy": zeros(T)},
    ),
    "softmax_cross_entropy": lambda: (F.softmax_cross_entropy, {"logits": zeros(B, C), "labels": [0, 1]}),
    "softmax_cross_entropy_forward": lambda: (
        F.softmax_cross_entropy_forward,
        {"logits": zeros(B, C), "labels": [0, 1]},
    ),
    "softmax_cross_entropy_backward": lambda: (
        F.softmax_cross_entropy_backward,
        {"tape": F.softmax_cross_entropy_forward(zeros(B, C), [0, 1])[1]},
    ),
    "adam_update": lambda: (F.adam_update, {name: zeros(T) for name in ("params", "grads", "m", "v")} | {"step": 1}),
    "stream": lambda: (F.pack_lstm(**weights("lstm")).stream, {}),
    "stream.step": lambda: (F.pack_lstm(**weights("lstm")).stream(B).step, {"x": zeros(B, I)}),
    "stream.reset": lambda: (F.pack_lstm(**weights("lstm")).stream(B).reset, {}),
}


def call_of_cell(function, cell):
    return lambda: (getattr(F, function), right_arguments(cell))


def call_of_backward(cell):
    return lambda: (getattr(F, f"{cell}_backward"), {"tape": getattr(F, f"{cell}_forward")(**right_arguments(cell))[1]})


def call_of_pack(cell):
    return lambda: (getattr(F, f"pack_{cell}"), weights(cell))


def call_of_packed(cell):
    arguments = {name: value for name, value in right_arguments(cell).items() if name not in "WUb"}
    return lambda: (getattr(F, f"pack_{cell}")(**weights(cell)), arguments)


for cell_name in CELLS:
    CALLS |= {name: call_of_cell(name, cell_name) for name in (cell_name, f"{cell_name}_forward")}
    CALLS[f"{cell_name}_backward"] = call_of_backward(cell_name)
    CALLS[f"pack_{cell_name}"] = call_of_pack(cell_name)
    CALLS[f"packed_{cell_name}"] = call_of_packed(cell_name)

KINDS = "must be float64, float32, half, integers or bool; got"
READ_ONLY = zeros(T)
READ_ONLY.flags.writeable = False


def rows_of_numbers(argument, *shape):
    """What is said of every argument that is read as real numbers."""
    ragged = [[1.0], [1.0, 2.0]]
    return [
        (argument, zeros(*shape, dtype=complex), TypeError, f"{KINDS} complex128. Pass its real part"),
        (argument, zeros(*shape, dtype=np.longdouble), TypeError, f"{KINDS} {np.dtype(np.longdouble)}. Pass it as"),
        (argument, zeros(*shape, dtype=object), TypeError, f"{KINDS} object. Pass an array of numbers"),
        (argument, "text", TypeError, f"{KINDS} <U4"),
        (argument, zeros(*shape, dtype="M8[s]"), TypeError, f"{KINDS} datetime64[s]"),
        (argument, ragged, ValueError, "must be an array; got list. NumPy says: "),
    ]


def rows_of_flag(argument):
    return [(argument, value, TypeError, f"must be True or False; got {value!r}") for value in (1, "yes", None)]


def rows_of_sequence(states):
    """What `cell`, `cell_forward` and a packed cell say of x, states, padding and flags."""
    rows = [
        *rows_of_numbers("x", T, B, I),
        ("x", None, TypeError, f"{KINDS} object"),
        ("x", zeros(T, I), ValueError, "must be (T, B, I); got (5, 3). For one sequence pass x[:, None]"),
        ("lengths", [1.0, 2.0], TypeError, "must be integers; got float64"),
        ("lengths", [True, True], TypeError, "must be integers; got bool"),
        ("lengths", [5, 6], ValueError, "must be in 0..T = 0..5; got 6 at [1]"),
        ("lengths", [-1, 2], ValueError, "must be in 0..T = 0..5; got -1 at [0]"),
        (
            "lengths",
            np.array([0, 2**64 - 1], np.uint64),
            ValueError,
            "must be in 0..T = 0..5; got 18446744073709551615",
        ),
        ("lengths", [1, 2, 3], ValueError, "must be (B,) = (2,); got (3,)"),
        ("mask", zeros(T, B, dtype=int), TypeError, "must be bool (T, B); got int64. Pass mask.astype(bool)"),
        ("mask", zeros(B, T, dtype=bool), ValueError, "must be (T, B) = (5, 2); got (2, 5)"),
        *(row for flag in ("reverse", "batch_first", "return_sequences") for row in rows_of_flag(flag)),
    ]
    for name in (f"{s}0" for s in states):
        rows += rows_of_numbers(name, B, H)
        rows.append((name, zeros(B, I), ValueError, "must be (B, H) = (2, 4); got (2, 3)"))
        rows.append(
            (name, zeros(1, B, H), ValueError, f"got (1, 2, 4). PyTorch's states have a leading axis: pass {name}[0]")
        )
    return rows


def rows_of_weights(G, packed):
    """What `cell`, `cell_forward` and `pack_cell` say of W, U and b."""
    GH, name, one = G * H, "H" if G == 1 else f"{G}*H", "PyTorch stores weights transposed: pass weight_"
    rows = [row for w, shape in (("W", (I, GH)), ("U", (H, GH)), ("b", (GH,))) for row in rows_of_numbers(w, *shape)]
    rows += [
        ("U", zeros(H, GH + 1), ValueError, f"must be (H, {name}) = (4, {GH}); got (4, {GH + 1})"),
        ("U", zeros(0, 0), ValueError, f"must be (H, {name}) with H at least 1; got (0, 0)"),
        ("b", zeros(GH + 1), ValueError, f"must be ({name},) = ({GH},) or (2, {name}) = (2, {GH}); got ({GH + 1},)"),
        ("b", zeros(3, GH), ValueError, f"got (3, {GH})"),
        ("W", zeros(GH), ValueError, f"must be (I, {name})"),
    ]
    if G > 1:
        rows.append(("U", zeros(GH, H), ValueError, f"= (4, {GH}); got ({GH}, 4). {one}hh.T"))
    if not packed:
        rows.append(("W", zeros(GH, I), ValueError, f"must be (I, {name}) = (3, {GH}); got ({GH}, 3). {one}ih.T"))
        rows.append(("W", zeros(I + 1, GH), ValueError, f"must be (I, {name}) = (3, {GH}); got (4, {GH})"))
    return rows


def rows_of_options(cell):
    if cell != "gru":
        return []
    wrong = [("update_gate", v, ValueError, f'must be "previous" or "candidate"; got {v!r}') for v in ("both", None)]
    return [*rows_of_flag("reset_after"), *wrong]


def rows_of_backward(cell, states):
    G = len(CELLS[cell].gates)
    GH, name = G * H, "H" if G == 1 else f"{G}*H"
    right = (zeros(I, GH), zeros(H, GH), zeros(GH))
    shared = zeros(H * GH * 2)
    overlapping = (right[0], shared[: H * GH].reshape(H, GH), shared[:GH])
    frozen = zeros(GH)
    frozen.flags.writeable = False
    rows = [
        ("tape", None, TypeError, f"must be what {cell}_forward returned; got NoneType"),
        ("tape", dense_tape(), TypeError, f"must be what {cell}_forward returned; got DenseTape"),
        *rows_of_numbers("dy", T, B, H),
        ("dy", zeros(T, B, H - 1), ValueError, "must be (T, B, H) = (5, 2, 4); got (5, 2, 3)"),
        *rows_of_flag("need_dx"),
        ("into", {}, TypeError, "must be a tuple (dW, dU, db); got dict"),
        ("into", right[:2], ValueError, "must be a tuple (dW, dU, db); got 2 entries"),
        ("into", overlapping, ValueError, "db must not overlap dU; got arrays that share memory"),
        ("into", (right[0].T, *right[1:]), ValueError, f"dW must be (I, {name}) = (3, {GH}); got ({GH}, 3)"),
        ("into", (right[0], zeros(H), right[2]), ValueError, f"dU must be (H, {name}) = (4, {GH}); got (4,)"),
        ("into", (*right[:2], None), TypeError, "db must be a numpy.ndarray, it is written to; got NoneType"),
        ("into", (*right[:2], right[2].tolist()), TypeError, "db must be a numpy.ndarray, it is written to; got list"),
        ("into", (*right[:2], zeros(GH, dtype="f4")), TypeError, "db must be float64, it is written to; got float32"),
        ("into", (*right[:2], zeros(GH, dtype=">f8")), TypeError, "db must be float64, it is written to; got >f8"),
        ("into", (*right[:2], frozen), ValueError, "db must be writeable; got a read-only array"),
        (
            "into",
            (np.lib.stride_tricks.as_strided(zeros(1), (I, GH), (0, 0)), *right[1:]),
            ValueError,
            "dW must not overlap itself; got strides (0, 0)",
        ),
    ]
    for d in (f"d{s}" for s in states):
        rows += [*rows_of_numbers(d, B, H), (d, zeros(H), ValueError, "must be (B, H) = (2, 4); got (4,)")]
    return rows


def rows_of_integers(argument, symbol, count):
    return [
        (argument, [0.0, 1.0], TypeError, "must be integers; got float64"),
        (argument, [0, -1], ValueError, f"must be in 0..{symbol}-1 = 0..{count - 1}; got -1 at [1]. "),
        (argument, [0, count], ValueError, f"must be in 0..{symbol}-1 = 0..{count - 1}; got {count} at [1]. "),
        (argument, [[0], [0, 1]], ValueError, "must be an array; got list"),
    ]


def rows_of_number(argument, *out_of_range):
    return [
        (argument, "0.5", TypeError, "must be a real number; got '0.5'"),
        (argument, None, TypeError, "must be a real number; got None"),
        (argument, 1j, TypeError, "must be a real number; got 1j"),
        *((argument, value, ValueError, f"must be {needed}; got {value}") for value, needed in out_of_range),
    ]


def rows_of_target(argument, needed):
    return [
        (argument, [0.0] * T, TypeError, f"{argument} must be a numpy.ndarray"),
        (argument, zeros(T + 1), ValueError, f"{argument} must be {needed}; got (6,)"),
        (argument, READ_ONLY, ValueError, f"{argument} must be writeable; got a read-only array"),
    ]


FRACTIONS = [(1.0, "in [0, 1)"), (-0.1, "in [0, 1)"), (float("nan"), "in [0, 1)")]
INDICES = "must be an integer; got"
TABLE = {
    "dense_backward": [
        ("tape", 3, TypeError, "must be what dense_forward returned; got int"),
        *rows_of_numbers("dy", T, V),
        ("dy", zeros(T, I), ValueError, "must be (..., O) = (5, 7); got (5, 3)"),
        *rows_of_flag("need_dx"),
        ("into", zeros(I, V), TypeError, "must be a tuple (dW, db); got ndarray"),
        ("into", (zeros(I, V),), ValueError, "must be a tuple (dW, db); got 1 entries"),
        ("into", (zeros(V, I), zeros(V)), ValueError, "dW must be (I, O) = (3, 7); got (7, 3)"),
    ],
    "embedding_backward": [
        ("tape", None, TypeError, "must be what embedding_forward returned; got NoneType"),
        *rows_of_numbers("dy", 2, I),
        ("dy", zeros(I), ValueError, "must be (..., D) = (2, 3); got (3,)"),
        ("into", zeros(I, V), ValueError, "must be (V, D) = (7, 3); got (3, 7)"),
        ("into", (zeros(V, I),), TypeError, "must be a numpy.ndarray, it is written to; got tuple"),
    ],
    "dropout_backward": [
        ("tape", None, TypeError, "must be what dropout_forward returned; got NoneType"),
        *rows_of_numbers("dy", T),
        ("dy", zeros(T, 1), ValueError, "must be (...) = (5,); got (5, 1)"),
    ],
    "softmax_cross_entropy_backward": [
        ("tape", None, TypeError, "must be what softmax_cross_entropy_forward returned; got NoneType"),
        *rows_of_number("dloss"),
    ],
    "adam_update": [
        ("params", [0.0] * T, TypeError, "must be a numpy.ndarray of float32 or float64, it is written to; got list"),
        ("params", zeros(T, dtype=int), TypeError, "must be a numpy.ndarray of float32 or float64"),
        ("params", READ_ONLY, ValueError, "must be writeable; got a read-only array"),
        *rows_of_numbers("grads", T),
        ("grads", zeros(T - 1), ValueError, "must be the shape of params = (5,); got (4,)"),
        *rows_of_target("m", "the shape of params = (5,)"),
        *rows_of_target("v", "the shape of params = (5,)"),
        ("v", zeros(T, dtype=np.float32), TypeError, "must be float64, it is written to; got float32"),
        ("step", 0, ValueError, "must be at least 1; got 0"),
        ("step", 1.0, TypeError, f"{INDICES} 1.0"),
        *rows_of_number("learning_rate", (-0.5, "at least 0"), (float("nan"), "at least 0")),
        *rows_of_number("beta_1", *FRACTIONS),
        *rows_of_number("beta_2", *FRACTIONS),
        *rows_of_number("epsilon", (-1.0, "at least 0")),
        *rows_of_number("grad_scale"),
    ],
    "stream": [
        ("batch", 0, ValueError, "must be at least 1; got 0"),
        ("batch", 2.0, TypeError, f"{INDICES} 2.0"),
        ("batch", True, TypeError, f"{INDICES} True"),
        ("batch", 2**60, ValueError, "the state (batch, H) must have at most 2**56 elements"),
    ],
    "stream.step": [
        *rows_of_numbers("x", B, I),
        ("x", zeros(I), ValueError, "must be (batch, I) = (2, 3); got (3,)"),
        ("out", zeros(B, I), ValueError, "must be (batch, H) = (2, 4); got (2, 3)"),
        ("out", zeros(B, H, dtype=np.float32), TypeError, "must be float64, it is written to; got float32"),
        ("out", [[0.0] * H] * B, TypeError, "must be a numpy.ndarray, it is written to; got list"),
    ],
    "stream.reset": [
        ("rows", [0.5], TypeError, "must be integers; got float64"),
        ("rows", [B], ValueError, "must be in 0..batch-1 = 0..1; got 2 at [0]"),
        ("rows", -1, ValueError, "must be in 0..batch-1 = 0..1; got -1"),
        ("rows", [[0]], ValueError, "must be an integer or (n,); got (1, 1)"),
        ("rows", [True], ValueError, "must be (batch,) = (2,); got (1,)"),
    ],
}
for suffix in ("", "_forward"):
    TABLE[f"dense{suffix}"] = [
        *(row for name, shape in (("x", (T, I)), ("W", (I, V)), ("b", (V,))) for row in rows_of_numbers(name, *shape)),
        ("x", 1.0, ValueError, "must be (..., I); got ()"),
        (
            "W",
            zeros(V, I),
            ValueError,
            "must be (I, O) = (3, O); got (7, 3). PyTorch stores weights transposed: pass weight.T",
        ),
        ("W", zeros(I), ValueError, "must be (I, O) = (3, O); got (3,)"),
        ("b", zeros(1, V), ValueError, "must be (O,) = (7,); got (1, 7)"),
    ]
    TABLE[f"embedding{suffix}"] = [
        *rows_of_integers("ids", "V", V),
        *rows_of_numbers("E", V, I),
        ("E", zeros(V), ValueError, "must be (V, D); got (7,)"),
    ]
    TABLE[f"dropout{suffix}"] = [
        *rows_of_numbers("x", T),
        *rows_of_number("rate", *FRACTIONS),
        ("seed", None, TypeError, f"{INDICES} None"),
        ("seed", 1.5, TypeError, f"{INDICES} 1.5"),
        ("seed", -1, ValueError, "must be in [0, 2**64); got -1"),
        ("seed", 2**64, ValueError, "must be in [0, 2**64); got 18446744073709551616"),
    ]
    TABLE[f"softmax_cross_entropy{suffix}"] = [
        *rows_of_numbers("logits", B, C),
        ("logits", zeros(B, 0), ValueError, "must be (..., C) with C at least 1; got (2, 0)"),
        *rows_of_integers("labels", "C", C),
        ("labels", [0], ValueError, "must be (...) = (2,); got (1,)"),
    ]
for cell_name, cell in CELLS.items():
    G = len(cell.gates)
    of_sequence, of_options = rows_of_sequence(cell.states), rows_of_options(cell_name)
    for name in (cell_name, f"{cell_name}_forward"):
        TABLE[name] = [*of_sequence, *rows_of_weights(G, packed=False), *of_options]
    TABLE[f"{cell_name}_backward"] = rows_of_backward(cell_name, cell.states)
    TABLE[f"pack_{cell_name}"] = [*rows_of_weights(G, packed=True), *of_options]
    TABLE[f"packed_{cell_name}"] = [
        *of_sequence,
        ("x", zeros(T, B, I + 1), ValueError, "must be (T, B, I) = (5, 2, 3); got (5, 2, 4)"),
    ]
    if "c" not in cell.states:
        no_c = f"must be None, {cell_name} has no such state; got ndarray"
        TABLE[f"packed_{cell_name}"].append(("c0", zeros(B, H), ValueError, no_c))

ROWS = [
    pytest.param(function, *row, id=f"{function}-{row[0]}-{i}")
    for function, rows in TABLE.items()
    for i, row in enumerate(rows)
]


@pytest.mark.parametrize(("function", "argument", "value", "error", "message"), ROWS)
def test_a_wrong_argument_is_named_with_what_it_needs_and_what_it_got(function, argument, value, error, message):
    called, arguments = CALLS[function]()
    with pytest.raises(error, match=re.escape(message)) as caught:
        called(**{**arguments, argument: value})
    assert type(caught.value) is error
    said = str(caught.value)
    assert said.startswith(f"{function}: ")
    assert argument in said or (argument, said[len(function) + 2 :][:2]) in {
        ("into", "dW"),
        ("into", "dU"),
        ("into", "db"),
    }


@pytest.mark.parametrize("function", sorted(CALLS))
def test_a_right_call_is_not_refused(function):
    called, arguments = CALLS[function]()
    called(**arguments)


def test_every_argument_of_every_public_function_is_in_the_table():
    public = {name: getattr(F, name) for name in F.__all__ if inspect.isfunction(getattr(F, name))}
    public |= {f"packed_{name}": F.Packed.__call__ for name in CELLS}
    public |= {"stream": F.Packed.stream, "stream.step": F.Stream.step, "stream.reset": F.Stream.reset}
    assert set(public) == set(TABLE)
    for name, function in public.items():
        assert set(inspect.signature(function).parameters) - {"self"} == {row[0] for row in TABLE[name]}, name
