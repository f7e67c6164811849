"""Wrong calls of multi-head attention, and valid calls, for `functional/test_errors`.

    CALLS       name -> function that returns the function to call and valid arguments
    TABLE       name -> rows (argument, wrong value, error, part of the message)

The sizes are those of the calls of attention, whose rows contain the wrong options.
"""

import numpy as np

from seqfuse import functional as F
from support.wrong_attention_calls import DV, HK, HQ, MASK_ROWS, NUMBER_ROWS, POSITION_ROWS, TK, TQ, B, D
from support.wrong_values import INDICES, KINDS, READ_ONLY, rows_of_flag, rows_of_numbers, zeros

E, EK, EV, O = 8, 9, 10, 11


def arrays():
    return {
        "query": zeros(B, TQ, E),
        "Wq": zeros(E, HQ, D),
        "Wk": zeros(EK, HK, D),
        "Wv": zeros(EV, HK, DV),
        "Wo": zeros(HQ, DV, O),
        "bq": zeros(HQ, D),
        "bk": zeros(HK, D),
        "bv": zeros(HK, DV),
        "bo": zeros(O),
        "key": zeros(B, TK, EK),
        "value": zeros(B, TK, EV),
    }


def valid_arguments():
    """Return valid arguments.

    Dropout is on, because only then a missing or wrong seed is an error.
    """
    return {**arrays(), "rope": F.rotary_tables(TK, D), "dropout": 0.5, "seed": 1}


PYTORCH_ADVICE = "For weights of PyTorch, use multi_head_attention_weights_from_torch"
SHAPE_ROWS = [
    *(row for name, a in arrays().items() for row in rows_of_numbers(name, *a.shape)),
    *((name, None, TypeError, f"{name} {KINDS} object") for name in ("query", "Wq", "Wk", "Wv", "Wo")),
    ("query", zeros(TQ, E), ValueError, "must be (B, Tq, E); got (3, 8). For one sequence pass query[None]"),
    ("query", 1.0, ValueError, "must be (B, Tq, E); got ()"),
    ("key", zeros(TK, EK), ValueError, "must be (B, Tk, Ek) = (2, Tk, Ek); got (5, 9)"),
    ("key", zeros(B + 1, TK, EK), ValueError, "must be (B, Tk, Ek) = (2, Tk, Ek); got (3, 5, 9)"),
    (
        "key",
        None,
        ValueError,
        "value must be (B, Tk, Ev) = (2, 3, Ev); got (2, 5, 10). Without key, query is used as the key",
    ),
    ("value", zeros(TK, EV), ValueError, "must be (B, Tk, Ev) = (2, 5, Ev); got (5, 10)"),
    ("value", zeros(B, TQ, EV), ValueError, "must be (B, Tk, Ev) = (2, 5, Ev); got (2, 3, 10)"),
    (
        "value",
        None,
        ValueError,
        "Wv must be (Ev, Hk, Dv) = (9, 2, Dv); got (10, 2, 7). Without value, key is used as the value",
    ),
    ("Wq", zeros(E + 1, HQ, D), ValueError, "must be (E, Hq, D) = (8, Hq, D); got (9, 4, 6)"),
    ("Wq", zeros(E, HQ * D), ValueError, "= (8, Hq, D); got (8, 24). Pass Wq.reshape(E, Hq, D)"),
    ("Wq", zeros(3 * E, E), ValueError, f"must be (E, Hq, D) = (8, Hq, D); got (24, 8). {PYTORCH_ADVICE}"),
    ("Wq", zeros(E, E), ValueError, f"must be (E, Hq, D) = (8, Hq, D); got (8, 8). {PYTORCH_ADVICE}"),
    ("Wq", zeros(E, 0, D), ValueError, "must be (E, Hq, D) with Hq at least 1; got (8, 0, 6)"),
    ("Wq", zeros(E, 3, D), ValueError, "must have Hq a multiple of Hk = 2; got (8, 3, 6)"),
    ("Wk", zeros(EK + 1, HK, D), ValueError, "must be (Ek, Hk, D) = (9, Hk, 6); got (10, 2, 6)"),
    ("Wk", zeros(EK, HK, D + 1), ValueError, "must be (Ek, Hk, D) = (9, Hk, 6); got (9, 2, 7)"),
    ("Wk", zeros(EK, 0, D), ValueError, "must be (Ek, Hk, D) with Hk at least 1; got (9, 0, 6)"),
    ("Wk", zeros(EK, HK * D), ValueError, "must be (Ek, Hk, D) = (9, Hk, 6); got (9, 12). Pass Wk.reshape(Ek, Hk, D)"),
    ("Wk", zeros(HQ * D, EK), ValueError, f"must be (Ek, Hk, D) = (9, Hk, 6); got (24, 9). {PYTORCH_ADVICE}"),
    ("Wk", zeros(EK + 1), ValueError, "must be (Ek, Hk, D) = (9, Hk, 6); got (10,)"),
    ("Wv", zeros(EV + 1, HK, DV), ValueError, "must be (Ev, Hk, Dv) = (10, 2, Dv); got (11, 2, 7)"),
    ("Wv", zeros(EV, HK + 1, DV), ValueError, "must be (Ev, Hk, Dv) = (10, 2, Dv); got (10, 3, 7)"),
    ("Wv", zeros(HQ * D, EV), ValueError, f"must be (Ev, Hk, Dv) = (10, 2, Dv); got (24, 10). {PYTORCH_ADVICE}"),
    ("Wo", zeros(HQ, DV + 1, O), ValueError, "must be (Hq, Dv, O) = (4, 7, O); got (4, 8, 11)"),
    ("Wo", zeros(HQ * DV, O), ValueError, "must be (Hq, Dv, O) = (4, 7, O); got (28, 11). Pass Wo.reshape(Hq, Dv, O)"),
    ("Wo", zeros(O, HQ * DV), ValueError, f"must be (Hq, Dv, O) = (4, 7, O); got (11, 28). {PYTORCH_ADVICE}"),
    ("bq", zeros(HQ * D), ValueError, "must be (Hq, D) = (4, 6); got (24,). Pass bq.reshape(4, 6)"),
    ("bk", zeros(HQ, D), ValueError, "must be (Hk, D) = (2, 6); got (4, 6)"),
    ("bv", zeros(HK, D), ValueError, "must be (Hk, Dv) = (2, 7); got (2, 6)"),
    ("bo", zeros(1, O), ValueError, "must be (O,) = (11,); got (1, 11)"),
]

ROPE_CHOICES = 'must be (cos, sin) or (cos, sin, "interleaved"); got'
TABLES = zeros(TK, D // 2)
ROPE_ROWS = [
    ("rope", TABLES, TypeError, f"{ROPE_CHOICES} ndarray"),
    ("rope", "interleaved", TypeError, f"{ROPE_CHOICES} str"),
    ("rope", (TABLES,), ValueError, f"{ROPE_CHOICES} 1 entries"),
    *(
        ("rope", (TABLES, TABLES, wrong), ValueError, f'"interleaved" or nothing after cos and sin; got {wrong!r}')
        for wrong in ("halves", True, None)
    ),
    ("rope", (TABLES.astype(complex), TABLES), TypeError, f"cos of rope {KINDS} complex128"),
    ("rope", (TABLES, None), TypeError, f"sin of rope {KINDS} object"),
    ("rope", (zeros(TK, D), zeros(TK, D)), ValueError, "cos of rope must be (P, R/2) with R at most D = 6; got (5, 6)"),
    ("rope", (zeros(TK), zeros(TK)), ValueError, "cos of rope must be (P, R/2) with R at most D = 6; got (5,)"),
    ("rope", (TABLES, TABLES[1:]), ValueError, "sin of rope must be the shape of cos = (5, 3); got (4, 3)"),
    (
        "rope",
        (TABLES[1:], TABLES[1:]),
        ValueError,
        "with P at least max(Tq, Tk) = 5; got (4, 3). Make tables with more positions",
    ),
]

WEIGHTS = "(dWq, dWk, dWv, dWo, dbq, dbk, dbv, dbo)"


def into(**changes):
    """Return the arrays of `into`, in the order of the weights."""
    names = ("Wq", "Wk", "Wv", "Wo", "bq", "bk", "bv", "bo")
    return tuple(changes.get(f"d{name}", arrays()[name]) for name in names)


WRITTEN = "must be a numpy.ndarray, because it is written to; got"
BACKWARD_ROWS = [
    ("tape", None, TypeError, "must come from multi_head_attention_forward; got NoneType"),
    (
        "tape",
        F.dense_forward(zeros(1, 1), zeros(1, 1))[1],
        TypeError,
        "multi_head_attention_forward; got DenseTape",
    ),
    *rows_of_numbers("dy", B, TQ, O),
    ("dy", zeros(B, TQ, O + 1), ValueError, "must be (B, Tq, O) = (2, 3, 11); got (2, 3, 12)"),
    ("dy", zeros(TQ, O), ValueError, "must be (B, Tq, O) = (2, 3, 11); got (3, 11)"),
    *rows_of_flag("need_dx"),
    *rows_of_flag("need_dmask"),
    ("need_dmask", True, ValueError, "need_dmask=True needs an additive mask; got none"),
    ("into", zeros(E), TypeError, f"must be a tuple {WEIGHTS}; got ndarray"),
    ("into", into()[:4], ValueError, f"must be a tuple {WEIGHTS}; got 4 entries"),
    ("into", into(dWq=zeros(E, HQ * D)), ValueError, "dWq must be (E, Hq, D) = (8, 4, 6); got (8, 24)"),
    ("into", into(dWk=None), TypeError, f"dWk {WRITTEN} NoneType"),
    (
        "into",
        into(dWv=zeros(EV, HK, DV, dtype="f4")),
        TypeError,
        "dWv must be float64, because it is written to; got float32",
    ),
    ("into", into(dWo=[[[0.0]]]), TypeError, f"dWo {WRITTEN} list"),
    ("into", into(dbo=READ_ONLY), ValueError, "dbo must be (O,) = (11,); got (5,)"),
    ("into", into(dbq=(same := zeros(E, HQ, D))[0], dWq=same), ValueError, "dbq must not overlap dWq"),
]


# ---- PyTorch's weights -----------------------------------------------------------------------------------------------


def parameters():
    return {
        "in_proj_weight": zeros(3 * E, E),
        "in_proj_bias": zeros(3 * E),
        "out_proj_weight": zeros(E, E),
        "out_proj_bias": zeros(E),
        "heads": 4,
    }


TORCH_WEIGHT_ROWS = [
    *(row for name, a in parameters().items() if name != "heads" for row in rows_of_numbers(name, *a.shape)),
    ("in_proj_weight", zeros(E, 3 * E), ValueError, "must be (3*E, E) = (24, 8); got (8, 24)"),
    ("in_proj_weight", None, TypeError, f"{KINDS} object"),
    ("in_proj_weight", [zeros(E, E)] * 2, ValueError, "must be (3*E, E) = (24, 8); got (2, 8, 8)"),
    (
        "in_proj_weight",
        (zeros(E, EK), zeros(E, EK), zeros(E, EV)),
        ValueError,
        "in_proj_weight[0] must be (E, E) = (8, 8); got (8, 9)",
    ),
    (
        "in_proj_weight",
        (zeros(E, E), zeros(EK, E), zeros(E, EV)),
        ValueError,
        "in_proj_weight[1] must be (E, kdim) = (8, kdim); got (9, 8)",
    ),
    (
        "in_proj_weight",
        (zeros(E, E), zeros(E, EK), zeros(E)),
        ValueError,
        "in_proj_weight[2] must be (E, vdim) = (8, vdim); got (8,)",
    ),
    ("in_proj_weight", (zeros(E, E), None, zeros(E, E)), TypeError, f"in_proj_weight[1] {KINDS} object"),
    ("in_proj_bias", zeros(E), ValueError, "must be (3*E,) = (24,); got (8,)"),
    ("out_proj_weight", zeros(E, E + 1), ValueError, "must be (E, E); got (8, 9)"),
    ("out_proj_weight", zeros(E), ValueError, "must be (E, E); got (8,)"),
    ("out_proj_bias", zeros(E + 1), ValueError, "must be (E,) = (8,); got (9,)"),
    ("heads", 3, ValueError, "must divide E = 8; got 3"),
    ("heads", 0, ValueError, "must be at least 1; got 0"),
    ("heads", 2.0, TypeError, f"{INDICES} 2.0"),
]

CALLS, TABLE = {}, {}
for _name in ("multi_head_attention", "multi_head_attention_forward"):
    CALLS[_name] = lambda name=_name: (getattr(F, name), valid_arguments())
    OPTION_ROWS = [row for row in (*MASK_ROWS, *POSITION_ROWS, *NUMBER_ROWS) if row[0] != "return_lse"]
    TABLE[_name] = [*SHAPE_ROWS, *ROPE_ROWS, *OPTION_ROWS]
CALLS["multi_head_attention_backward"] = lambda: (
    F.multi_head_attention_backward,
    {"tape": F.multi_head_attention_forward(**arrays())[1], "dy": np.zeros((B, TQ, O))},
)
TABLE["multi_head_attention_backward"] = BACKWARD_ROWS
CALLS["multi_head_attention_weights_from_torch"] = lambda: (F.multi_head_attention_weights_from_torch, parameters())
TABLE["multi_head_attention_weights_from_torch"] = TORCH_WEIGHT_ROWS
