"""Wrong calls of attention, and valid calls, for `functional/test_errors`.

CALLS       name -> function that returns the function to call and valid arguments
TABLE       name -> rows (argument, wrong value, error, part of the message)
"""

import numpy as np

from seqfuse import functional as F
from support.wrong_values import INDICES, KINDS, rows_of_flag, rows_of_numbers, zeros

B, HQ, HK, TQ, TK, D, DV = 2, 4, 2, 3, 5, 6, 7


def arrays():
    return {"q": zeros(B, HQ, TQ, D), "k": zeros(B, HK, TK, D), "v": zeros(B, HK, TK, DV)}


def valid_arguments():
    """Return valid arguments.

    Dropout is on, because only then a missing or wrong seed is an error.
    """
    return {**arrays(), "dropout": 0.5, "seed": 1}


SHAPE_ROWS = [
    *(row for name, a in arrays().items() for row in rows_of_numbers(name, *a.shape)),
    *((name, None, TypeError, f"{KINDS} object") for name in "qkv"),
    (
        "q",
        zeros(HQ, TQ, D),
        ValueError,
        "must be (B, Hq, Tq, D); got (4, 3, 6). For one row of the batch, pass q[None]",
    ),
    ("q", zeros(TQ, D), ValueError, "must be (B, Hq, Tq, D); got (3, 6)"),
    ("q", zeros(B, 0, TQ, D), ValueError, "must be (B, Hq, Tq, D) with Hq at least 1; got (2, 0, 3, 6)"),
    ("q", zeros(B, 3, TQ, D), ValueError, "must have Hq a multiple of Hk = 2; got (2, 3, 3, 6)"),
    ("k", zeros(B, HK, TK, D + 1), ValueError, "must be (B, Hk, Tk, D) = (2, Hk, Tk, 6); got (2, 2, 5, 7)"),
    ("k", zeros(B + 1, HK, TK, D), ValueError, "must be (B, Hk, Tk, D) = (2, Hk, Tk, 6); got (3, 2, 5, 6)"),
    ("k", zeros(HK, TK, D), ValueError, "must be (B, Hk, Tk, D) = (2, Hk, Tk, 6); got (2, 5, 6)"),
    ("k", zeros(B, 0, TK, D), ValueError, "must be (B, Hk, Tk, D) with Hk at least 1; got (2, 0, 5, 6)"),
    ("k", zeros(B, 1, TK, D), ValueError, "v must be (B, Hk, Tk, Dv) = (2, 1, 5, Dv); got (2, 2, 5, 7)"),
    (
        "k",
        zeros(B, HK, D, TK),
        ValueError,
        "must be (B, Hk, Tk, D) = (2, Hk, Tk, 6); got (2, 2, 6, 5). If it is transposed, pass k.swapaxes(2, 3)",
    ),
    (
        "q",
        zeros(B, TQ, HK * 2, D),
        ValueError,
        "got (2, 3, 4, 6). The heads axis precedes the time axis: pass q.swapaxes(1, 2)",
    ),
    ("v", zeros(B, HK, TK + 1, DV), ValueError, "must be (B, Hk, Tk, Dv) = (2, 2, 5, Dv); got (2, 2, 6, 7)"),
    ("v", zeros(B, HQ, TK, DV), ValueError, "must be (B, Hk, Tk, Dv) = (2, 2, 5, Dv); got (2, 4, 5, 7)"),
    ("v", zeros(HK, TK, DV), ValueError, "must be (B, Hk, Tk, Dv) = (2, 2, 5, Dv); got (2, 5, 7)"),
]

BROADCAST = "must have 2 to 4 axes that broadcast to (B, Hq, Tq, Tk) = (2, 4, 3, 5); got"
MASK_ROWS = [
    *rows_of_numbers("mask", TQ, TK),
    *(
        (
            "mask",
            zeros(TQ, TK, dtype=kind),
            TypeError,
            f"or float (added to the scores); got {kind}. Pass mask.astype(bool)",
        )
        for kind in ("int64", "uint8")
    ),
    ("mask", zeros(TK), ValueError, f"{BROADCAST} (5,). For one mask of the keys, pass mask[None]"),
    ("mask", True, ValueError, f"{BROADCAST} ()"),
    ("mask", zeros(1, B, HQ, TQ, TK), ValueError, f"{BROADCAST} (1, 2, 4, 3, 5)"),
    ("mask", zeros(TK, TQ), ValueError, f"{BROADCAST} (5, 3)"),
    (
        "mask",
        zeros(B, TK, dtype=bool),
        ValueError,
        f"{BROADCAST} (2, 5). For one mask of the keys per row of the batch, pass mask[:, None, None]",
    ),
    (
        "mask",
        zeros(B, TQ, TK),
        ValueError,
        f"{BROADCAST} (2, 3, 5). For one mask per row of the batch, pass mask[:, None]",
    ),
    ("mask", zeros(3, TQ, TK), ValueError, f"{BROADCAST} (3, 3, 5)"),
    ("mask", zeros(B, HQ, TQ + 1, TK), ValueError, f"{BROADCAST} (2, 4, 4, 5)"),
    ("mask", zeros(B, HQ, TQ, 2), ValueError, f"{BROADCAST} (2, 4, 3, 2)"),
]

CAUSAL_CHOICES = 'must be False, True, "top_left" or "bottom_right"; got'
PASS_ALIGNMENT = 'Pass causal="top_left" or causal="bottom_right"'
POSITION_ROWS = [
    ("causal", True, ValueError, f"causal=True needs Tq == Tk; got 3 and 5. {PASS_ALIGNMENT}"),
    *(("causal", value, ValueError, f"{CAUSAL_CHOICES} {value!r}") for value in ("left", "top-left", "", "True")),
    *(("causal", value, TypeError, f"{CAUSAL_CHOICES} {value!r}") for value in (1, 0, None, ["top_left"])),
    ("window", (1, 1), ValueError, f"window=(1, 1) needs Tq == Tk; got 3 and 5. {PASS_ALIGNMENT}"),
    ("window", (None, 0), ValueError, f"window=(None, 0) needs Tq == Tk; got 3 and 5. {PASS_ALIGNMENT}"),
    *(
        ("window", value, TypeError, f"must be None or (left, right); got {value!r}")
        for value in (3, "ab", {1, 2}, 1.5, True)
    ),
    *(
        ("window", value, ValueError, f"must be None or (left, right); got {value!r}")
        for value in ((1,), (1, 2, 3), (), [1])
    ),
    *(
        ("window", value, TypeError, f"must have None or an integer for {name}; got {wrong!r}")
        for value, name, wrong in (
            ((1.0, 2), "left", 1.0),
            ((1, "2"), "right", "2"),
            ((True, 2), "left", True),
            ([1, 2.5], "right", 2.5),
        )
    ),
    ("window", (-1, 2), ValueError, "must have left at least 0; got -1. Pass None for no limit"),
    ("window", (1, -1), ValueError, "must have right at least 0; got -1. Pass None for no limit"),
]

NO_LIMIT = "Pass None for no limit"
NUMBER_ROWS = [
    *(("scale", value, TypeError, f"must be a real number; got {value!r}") for value in ("1", 1j, [1.0])),
    *(("scale", value, ValueError, f"must be finite; got {value}") for value in (np.nan, np.inf, -np.inf)),
    ("scale", 10**400, ValueError, "must be finite; got inf"),
    *(("softcap", value, TypeError, f"must be a real number; got {value!r}") for value in ("1", True, 1j, [1.0])),
    *(
        ("softcap", value, ValueError, f"must be greater than 0 and finite; got {float(value)}. {NO_LIMIT}")
        for value in (0, -1, float("nan"), np.inf, 0.0)
    ),
    *(("dropout", value, TypeError, f"must be a real number; got {value!r}") for value in ("0.5", None, 1j)),
    *(("dropout", value, ValueError, f"must be in [0, 1); got {value}") for value in (1.0, -0.1, float("nan"))),
    ("seed", None, ValueError, "dropout=0.5 needs a seed in [0, 2**64); got None"),
    ("seed", 1.5, TypeError, f"{INDICES} 1.5"),
    ("seed", True, TypeError, f"{INDICES} True"),
    ("seed", -1, ValueError, "must be in [0, 2**64); got -1"),
    ("seed", 2**64, ValueError, "must be in [0, 2**64); got 18446744073709551616"),
    ("lengths", [1.0, 2.0], TypeError, "must be integers; got float64"),
    ("lengths", [True, True], TypeError, "must be integers; got bool"),
    ("lengths", [5, 6], ValueError, "must be in 0..Tk = 0..5; got 6 at [1]"),
    ("lengths", [-1, 2], ValueError, "must be in 0..Tk = 0..5; got -1 at [0]"),
    ("lengths", np.array([0, 2**64 - 1], np.uint64), ValueError, "must be in 0..Tk = 0..5; got 18446744073709551615"),
    ("lengths", [1, 2, 3], ValueError, "must be (B,) = (2,); got (3,)"),
    ("lengths", 3, ValueError, "must be (B,) = (2,); got ()"),
    *rows_of_flag("return_lse"),
]

BACKWARD_ROWS = [
    ("tape", None, TypeError, "must come from attention_forward; got NoneType"),
    ("tape", (1, 2), TypeError, "must come from attention_forward; got tuple"),
    *rows_of_numbers("dy", B, HQ, TQ, DV),
    ("dy", None, TypeError, f"{KINDS} object"),
    ("dy", zeros(B, HQ, TQ, D), ValueError, "must be (B, Hq, Tq, Dv) = (2, 4, 3, 7); got (2, 4, 3, 6)"),
    ("dy", zeros(HQ, TQ, DV), ValueError, "must be (B, Hq, Tq, Dv) = (2, 4, 3, 7); got (4, 3, 7)"),
    ("dy", 1.0, ValueError, "must be (B, Hq, Tq, Dv) = (2, 4, 3, 7); got ()"),
    *rows_of_numbers("dlse", B, HQ, TQ),
    ("dlse", zeros(B, HQ, TQ, 1), ValueError, "must be (B, Hq, Tq) = (2, 4, 3); got (2, 4, 3, 1)"),
    ("dlse", 1.0, ValueError, "must be (B, Hq, Tq) = (2, 4, 3); got ()"),
    *rows_of_flag("need_dmask"),
    ("need_dmask", True, ValueError, "need_dmask=True needs an additive mask; got none"),
]

CALLS, TABLE = {}, {}
for _name in ("attention", "attention_forward"):
    CALLS[_name] = lambda name=_name: (getattr(F, name), valid_arguments())
    TABLE[_name] = [*SHAPE_ROWS, *MASK_ROWS, *POSITION_ROWS, *NUMBER_ROWS]
CALLS["attention_backward"] = lambda: (
    F.attention_backward,
    {"tape": F.attention_forward(**arrays())[1], "dy": zeros(B, HQ, TQ, DV), "dlse": zeros(B, HQ, TQ)},
)
TABLE["attention_backward"] = BACKWARD_ROWS
