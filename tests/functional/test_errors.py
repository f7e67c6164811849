"""Tests of error messages: a table with invalid values of every argument of every public function."""

import inspect
import re

import numpy as np
import pytest
from support import (
    wrong_attention_calls,
    wrong_cache_calls,
    wrong_ctc_calls,
    wrong_multi_head_calls,
    wrong_recurrent_calls,
    wrong_transformer_calls,
    wrong_weight_calls,
)
from support.wrong_recurrent_calls import weights
from support.wrong_values import (
    FRACTIONS,
    INDICES,
    KINDS,
    READ_ONLY,
    B,
    C,
    H,
    I,
    T,
    V,
    rows_of_activation,
    rows_of_flag,
    rows_of_integers,
    rows_of_number,
    rows_of_numbers,
    rows_of_rows,
    rows_of_target,
    zeros,
)

from seqfuse import functional as F
from seqfuse._cells import CELLS


def dense_tape(**changes):
    return F.dense_forward(**{"x": zeros(T, I), "W": zeros(I, V), "b": zeros(V), **changes})[1]


def readout_arguments():
    return {"h": zeros(T, H), "x": zeros(T, I), "W": zeros(H, V), "V": zeros(I, V), "c": zeros(V)}


# name -> the function and a valid call
CALLS = {
    "dense": lambda: (F.dense, {"x": zeros(T, I), "W": zeros(I, V), "b": zeros(V)}),
    "dense_forward": lambda: (F.dense_forward, {"x": zeros(T, I), "W": zeros(I, V), "b": zeros(V)}),
    "dense_backward": lambda: (F.dense_backward, {"tape": dense_tape(), "dy": zeros(T, V)}),
    "readout": lambda: (F.readout, readout_arguments()),
    "readout_forward": lambda: (F.readout_forward, readout_arguments()),
    "readout_backward": lambda: (
        F.readout_backward,
        {"tape": F.readout_forward(**readout_arguments())[1], "dy": zeros(T, V)},
    ),
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
OTHERS = (
    wrong_attention_calls,
    wrong_cache_calls,
    wrong_ctc_calls,
    wrong_multi_head_calls,
    wrong_recurrent_calls,
    wrong_transformer_calls,
    wrong_weight_calls,
)
for module in OTHERS:
    CALLS |= module.CALLS

TABLE = {
    "dense_backward": [
        ("tape", 3, TypeError, "must come from dense_forward; got int"),
        *rows_of_numbers("dy", T, V),
        ("dy", zeros(T, I), ValueError, "must be (..., O) = (5, 7); got (5, 3)"),
        *rows_of_flag("need_dx"),
        ("into", zeros(I, V), TypeError, "must be a tuple (dW, db); got ndarray"),
        ("into", (zeros(I, V),), ValueError, "must be a tuple (dW, db); got 1 entries"),
        ("into", (zeros(V, I), zeros(V)), ValueError, "dW must be (I, O) = (3, 7); got (7, 3)"),
    ],
    "readout_backward": [
        ("tape", dense_tape(), TypeError, "must come from readout_forward; got DenseTape"),
        *rows_of_numbers("dy", T, V),
        ("dy", zeros(T, I), ValueError, "must be (..., O) = (5, 7); got (5, 3)"),
        *rows_of_flag("need_dx"),
        ("into", zeros(H, V), TypeError, "must be a tuple (dW, dV, dc); got ndarray"),
        ("into", (zeros(H, V), zeros(V)), ValueError, "must be a tuple (dW, dV, dc); got 2 entries"),
        ("into", (zeros(H, V), zeros(H, V), zeros(V)), ValueError, "dV must be (I, O) = (3, 7); got (4, 7)"),
        (
            "into",
            (zeros(H, V), None, zeros(V)),
            TypeError,
            "dV must be a numpy.ndarray, because it is written to; got None",
        ),
        (
            "into",
            (zeros(H, V), zeros(I, V), zeros(V, dtype="f4")),
            TypeError,
            "dc must be float64, because it is written to",
        ),
    ],
    "embedding_backward": [
        ("tape", None, TypeError, "must come from embedding_forward; got NoneType"),
        *rows_of_numbers("dy", 2, I),
        ("dy", zeros(I), ValueError, "must be (..., D) = (2, 3); got (3,)"),
        ("into", zeros(I, V), ValueError, "must be (V, D) = (7, 3); got (3, 7)"),
        ("into", (zeros(V, I),), TypeError, "must be a numpy.ndarray, because it is written to; got tuple"),
    ],
    "dropout_backward": [
        ("tape", None, TypeError, "must come from dropout_forward; got NoneType"),
        *rows_of_numbers("dy", T),
        ("dy", zeros(T, 1), ValueError, "must be (...) = (5,); got (5, 1)"),
    ],
    "softmax_cross_entropy_backward": [
        ("tape", None, TypeError, "must come from softmax_cross_entropy_forward; got NoneType"),
        *rows_of_number("dloss"),
    ],
    "adam_update": [
        (
            "params",
            [0.0] * T,
            TypeError,
            "must be a numpy.ndarray of float32 or float64, because it is written to; got list",
        ),
        ("params", zeros(T, dtype=int), TypeError, "must be a numpy.ndarray of float32 or float64"),
        ("params", READ_ONLY, ValueError, "must be writeable; got a read-only array"),
        *rows_of_numbers("grads", T),
        ("grads", zeros(T - 1), ValueError, "must be the shape of params = (5,); got (4,)"),
        *rows_of_target("m", "the shape of params = (5,)"),
        *rows_of_target("v", "the shape of params = (5,)"),
        ("v", zeros(T, dtype=np.float32), TypeError, "must be float64, because it is written to; got float32"),
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
        ("out", zeros(B, H, dtype=np.float32), TypeError, "must be float64, because it is written to; got float32"),
        ("out", [[0.0] * H] * B, TypeError, "must be a numpy.ndarray, because it is written to; got list"),
    ],
    "stream.reset": rows_of_rows("rows", B),
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
    TABLE[f"readout{suffix}"] = [
        *(row for name, value in readout_arguments().items() for row in rows_of_numbers(name, *value.shape)),
        *rows_of_activation("activation"),
        ("h", 1.0, ValueError, "must be (..., H); got ()"),
        ("x", zeros(B, I), ValueError, "must be (..., I) = (5, I); got (2, 3)"),
        ("x", 1.0, ValueError, "must be (..., I) = (5, I); got ()"),
        ("x", None, ValueError, "must be (..., I), because V is given; got None. Pass None for V to leave it out"),
        ("V", None, ValueError, "must be (I, O), because x is given; got None. Pass None for x to leave it out"),
        ("W", None, TypeError, f"{KINDS} object"),
        ("W", zeros(V, H), ValueError, "must be (H, O) = (4, O); got (7, 4). PyTorch stores weights transposed"),
        ("W", zeros(H), ValueError, "must be (H, O) = (4, O); got (4,)"),
        ("V", zeros(V, I), ValueError, "must be (I, O) = (3, O); got (7, 3). PyTorch stores weights transposed"),
        ("V", zeros(I, C), ValueError, "must be (I, O) = (3, 7); got (3, 6)"),
        ("c", zeros(1, V), ValueError, "must be (O,) = (7,); got (1, 7)"),
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
for module in OTHERS:
    TABLE |= module.TABLE

# Messages that are the same for any array, flag or number.
GENERAL = (
    KINDS,
    "must be an array",
    "must be True or False",
    "must be integers",
    "must be a real number",
    "must be one of",
)


def chosen_rows():
    """Return rows that contain every argument of every function, and every message of an operation.

    Variants of an operation read arguments by the same code (`lstm`, `lstm_forward`, `pack_lstm`, the packed call), and
    so do all cells what their messages have in common.
    """
    seen = set()
    for function, rows in TABLE.items():
        operation = re.sub(r"^(pack|packed)_|_forward$", "", function)
        operation = "cell" if operation in CELLS else operation
        for i, row in enumerate(rows):
            argument, _, _, message = row
            said = message if message.startswith(GENERAL) else (argument, message)
            marks = {(function, argument), (operation, said)}
            if not marks <= seen:
                seen |= marks
                yield pytest.param(function, *row, id=f"{function}-{argument}-{i}")


ROWS = list(chosen_rows())


@pytest.mark.parametrize(("function", "argument", "value", "error", "message"), ROWS)
def test_error_names_argument_requirement_and_value(function, argument, value, error, message):
    called, arguments = CALLS[function]()
    with pytest.raises(error, match=re.escape(message)) as caught:
        called(**{**arguments, argument: value})
    assert type(caught.value) is error
    said = str(caught.value)
    assert said.startswith(f"{function}: ")
    names_part_of_into = argument == "into" and said[len(function) + 2 :][:2] in ("dW", "dU", "db", "dV", "dc", "dg")
    assert argument in said or names_part_of_into


@pytest.mark.parametrize("function", sorted(CALLS))
def test_valid_call_is_accepted(function):
    called, arguments = CALLS[function]()
    called(**arguments)


def test_table_contains_every_argument_of_every_public_function():
    public = {name: getattr(F, name) for name in F.__all__ if inspect.isfunction(getattr(F, name))}
    public |= {f"packed_{name}": F.Packed.__call__ for name in CELLS}
    public |= {"stream": F.Packed.stream, "stream.step": F.Stream.step, "stream.reset": F.Stream.reset}
    public |= {"KVCache": F.KVCache}
    public |= {f"cache.{name}": getattr(F.KVCache, name) for name in ("append", "attend", "reset")}
    assert set(public) == set(TABLE)
    for name, function in public.items():
        assert set(inspect.signature(function).parameters) - {"self"} == {row[0] for row in TABLE[name]}, name
