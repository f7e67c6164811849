"""Wrong calls of KVCache and its methods, and valid calls, for `functional/test_errors`.

CALLS       name -> function that returns the function to call and valid arguments
TABLE       name -> rows (argument, wrong value, error, part of the message)
"""

import numpy as np

from seqfuse import functional as F
from support.wrong_attention_calls import DV, HK, HQ, MASK_ROWS, NUMBER_ROWS, POSITION_ROWS, TQ, B, D
from support.wrong_attention_calls import TK as T
from support.wrong_values import INDICES, KINDS, rows_of_numbers, rows_of_rows, zeros


def make_filled_cache(dtype=np.float64):
    cache = F.KVCache(B, HK, D, DV, dtype=dtype)
    cache.append(zeros(B, HK, T, D, dtype=dtype), zeros(B, HK, T, DV, dtype=dtype))
    return cache


CALLS = {
    "KVCache": lambda: (
        F.KVCache,
        {"batch": B, "heads": HK, "dim": D, "value_dim": DV, "capacity": 0, "dtype": np.float64},
    ),
    "cache.append": lambda: (
        make_filled_cache().append,
        {"k": zeros(B, HK, T, D), "v": zeros(B, HK, T, DV), "lengths": [T, 0]},
    ),
    "cache.attend": lambda: (make_filled_cache().attend, {"q": zeros(B, HQ, TQ, D)}),
    "cache.reset": lambda: (make_filled_cache().reset, {}),
}

TOO_MUCH = "the cache (batch, heads, capacity, dim + value_dim) must have at most 2**56 elements; got"
TABLE = {
    "KVCache": [
        *(
            (name, value, TypeError, f"{INDICES} {value!r}")
            for name in ("batch", "heads", "dim", "value_dim", "capacity")
            for value in (2.0, True, "2", *(() if name == "value_dim" else (None,)))
        ),
        *((name, -1, ValueError, "must be at least 0; got -1") for name in ("batch", "dim", "value_dim", "capacity")),
        ("heads", 0, ValueError, "must be at least 1; got 0"),
        ("batch", 2**60, ValueError, f"{TOO_MUCH} ({2**60}, 2, 0, 13)"),
        ("heads", 2**60, ValueError, f"{TOO_MUCH} (2, {2**60}, 0, 13)"),
        ("dim", 2**60, ValueError, f"{TOO_MUCH} (2, 2, 0, {2**60 + 7})"),
        ("value_dim", 2**60, ValueError, f"{TOO_MUCH} (2, 2, 0, {2**60 + 6})"),
        ("capacity", 2**60, ValueError, f"{TOO_MUCH} (2, 2, {2**60}, 13)"),
        ("capacity", 2**200, ValueError, TOO_MUCH),
        *(
            ("dtype", value, TypeError, f"must be float32 or float64; got {value!r}")
            for value in (None, np.float16, int, ">f4", "text", {"names": ["a"]}, 3)
        ),
    ],
    "cache.append": [
        *rows_of_numbers("k", B, HK, T, D),
        *rows_of_numbers("v", B, HK, T, DV),
        *((name, None, TypeError, f"{KINDS} object") for name in "kv"),
        ("k", zeros(B, HK, T, DV), ValueError, "must be (B, Hk, T, D) = (2, 2, T, 6); got (2, 2, 5, 7)"),
        ("k", zeros(B + 1, HK, T, D), ValueError, "must be (B, Hk, T, D) = (2, 2, T, 6); got (3, 2, 5, 6)"),
        ("k", zeros(B, HQ, T, D), ValueError, "must be (B, Hk, T, D) = (2, 2, T, 6); got (2, 4, 5, 6)"),
        (
            "k",
            zeros(B, HK, D),
            ValueError,
            "must be (B, Hk, T, D) = (2, 2, T, 6); got (2, 2, 6). For one step pass k.reshape(2, 2, 1, 6)",
        ),
        ("k", zeros(B, HK, T + 1, D), ValueError, "v must be (B, Hk, T, Dv) = (2, 2, 6, 7); got (2, 2, 5, 7)"),
        ("v", zeros(B, HK, T, D), ValueError, "must be (B, Hk, T, Dv) = (2, 2, 5, 7); got (2, 2, 5, 6)"),
        ("v", zeros(B, HK, DV), ValueError, "must be (B, Hk, T, Dv) = (2, 2, 5, 7); got (2, 2, 7)"),
        ("v", 1.0, ValueError, "must be (B, Hk, T, Dv) = (2, 2, 5, 7); got ()"),
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
        ("lengths", 3, ValueError, "must be (B,) = (2,); got ()"),
    ],
    "cache.attend": [
        *rows_of_numbers("q", B, HQ, TQ, D),
        ("q", None, TypeError, f"{KINDS} object"),
        ("q", zeros(HQ, TQ, D), ValueError, "must be (B, Hq, Tq, D) = (2, Hq, Tq, 6); got (4, 3, 6)"),
        ("q", zeros(B, HQ, TQ, DV), ValueError, "must be (B, Hq, Tq, D) = (2, Hq, Tq, 6); got (2, 4, 3, 7)"),
        ("q", zeros(B + 1, HQ, TQ, D), ValueError, "must be (B, Hq, Tq, D) = (2, Hq, Tq, 6); got (3, 4, 3, 6)"),
        ("q", zeros(B, 3, TQ, D), ValueError, "must have Hq a multiple of Hk = 2 and at least 2; got (2, 3, 3, 6)"),
        ("q", zeros(B, 0, TQ, D), ValueError, "must have Hq a multiple of Hk = 2 and at least 2; got (2, 0, 3, 6)"),
        *MASK_ROWS,
        *(row for row in POSITION_ROWS if row[0] == "window" and "needs Tq == Tk" not in row[3]),
        *(row for row in NUMBER_ROWS if row[0] in ("scale", "softcap")),
    ],
    "cache.reset": rows_of_rows("rows", B),
}
