"""Wrong calls of GELU, SiLU, softmax, normalization and rotary, and valid calls, for `functional/test_errors`.

CALLS       name -> function that returns the function to call and valid arguments
TABLE       name -> rows (argument, wrong value, error, part of the message)
"""

import numpy as np

from seqfuse import functional as F
from support.wrong_values import (
    INDICES,
    KINDS,
    READ_ONLY,
    B,
    H,
    T,
    rows_of_flag,
    rows_of_integers,
    rows_of_number,
    rows_of_numbers,
    zeros,
)

D, R = 6, 4


def rows_of_backward(operation, x, dy):
    """Return the wrong tapes and wrong dy of a backward function. `x` is a shape and `dy` its symbols."""
    return [
        ("tape", None, TypeError, f"must come from {operation}_forward; got NoneType"),
        *rows_of_numbers("dy", *x),
        ("dy", zeros(*x, 1), ValueError, f"must be {dy} = {x}; got {(*x, 1)}"),
    ]


def calls_of_operation(operation, **arguments):
    """Return the calls of the three functions of an operation, by name."""
    forward = getattr(F, f"{operation}_forward")
    return {
        operation: lambda: (getattr(F, operation), arguments),
        f"{operation}_forward": lambda: (forward, arguments),
        f"{operation}_backward": lambda: (
            getattr(F, f"{operation}_backward"),
            {"tape": forward(**arguments)[1], "dy": zeros(*arguments["x"].shape)},
        ),
    }


# ---- elementwise functions -------------------------------------------------------------------------------------------


CALLS = {**calls_of_operation("gelu", x=zeros(T, D)), **calls_of_operation("silu", x=zeros(T, D))}

TABLE = {operation + "_backward": rows_of_backward(operation, (T, D), "(...)") for operation in ("gelu", "silu")}
for suffix in ("", "_forward"):
    TABLE[f"gelu{suffix}"] = [
        *rows_of_numbers("x", T, D),
        *rows_of_flag("approximate"),
        ("approximate", "tanh", TypeError, "must be True or False; got 'tanh'"),
    ]
    TABLE[f"silu{suffix}"] = [*rows_of_numbers("x", T, D), ("x", None, TypeError, f"{KINDS} object")]


# ---- normalization ---------------------------------------------------------------------------------------------------


def rows_of_normalization(weights):
    return [
        *rows_of_numbers("x", T, D),
        ("x", 1.0, ValueError, "must be (..., D); got ()"),
        ("x", None, TypeError, f"{KINDS} object"),
        *(row for name in weights for row in rows_of_numbers(name, D)),
        *((name, zeros(T), ValueError, "must be (D,) = (6,); got (5,)") for name in weights),
        *((name, zeros(1, D), ValueError, "must be (D,) = (6,); got (1, 6)") for name in weights),
        *rows_of_number("epsilon", (-1.0, "at least 0"), (float("nan"), "at least 0")),
    ]


CALLS |= {
    **calls_of_operation("layer_norm", x=zeros(T, D), gamma=zeros(D), beta=zeros(D)),
    **calls_of_operation("rms_norm", x=zeros(T, D), gamma=zeros(D)),
}

TABLE |= {
    "layer_norm_backward": [
        *rows_of_backward("layer_norm", (T, D), "(..., D)"),
        ("into", zeros(D), TypeError, "must be a tuple (dgamma, dbeta); got ndarray"),
        ("into", (zeros(D),), ValueError, "must be a tuple (dgamma, dbeta); got 1 entries"),
        ("into", (zeros(T), zeros(D)), ValueError, "dgamma must be (D,) = (6,); got (5,)"),
        ("into", (None, zeros(D)), TypeError, "dgamma must be a numpy.ndarray, because it is written to; got NoneType"),
        (
            "into",
            (zeros(D), zeros(D, dtype="f4")),
            TypeError,
            "dbeta must be float64, because it is written to; got float32",
        ),
    ],
    "rms_norm_backward": [
        *rows_of_backward("rms_norm", (T, D), "(..., D)"),
        ("into", zeros(D), TypeError, "must be a tuple (dgamma,); got ndarray"),
        ("into", (zeros(D), zeros(D)), ValueError, "must be a tuple (dgamma,); got 2 entries"),
        ("into", (zeros(T),), ValueError, "dgamma must be (D,) = (6,); got (5,)"),
        ("into", (READ_ONLY[:0],), ValueError, "dgamma must be (D,) = (6,); got (0,)"),
    ],
}
for suffix in ("", "_forward"):
    TABLE[f"layer_norm{suffix}"] = rows_of_normalization(("gamma", "beta"))
    TABLE[f"rms_norm{suffix}"] = rows_of_normalization(("gamma",))


# ---- softmax ---------------------------------------------------------------------------------------------------------


CALLS |= calls_of_operation("softmax", x=zeros(T, D))
TABLE |= {"softmax_backward": rows_of_backward("softmax", (T, D), "(..., D)")}
for suffix in ("", "_forward"):
    TABLE[f"softmax{suffix}"] = [
        *rows_of_numbers("x", T, D),
        ("x", 1.0, ValueError, "must be (..., D); got ()"),
        ("x", None, TypeError, f"{KINDS} object"),
    ]


# ---- positions -------------------------------------------------------------------------------------------------------


def rows_of_tables(size):
    return [
        ("T", -1, ValueError, "must be at least 0; got -1"),
        ("T", 2.0, TypeError, f"{INDICES} 2.0"),
        ("T", 2**60, ValueError, f"{size} must have at most 2**56 elements"),
        ("D", -2, ValueError, "must be at least 0; got -2"),
        ("D", True, TypeError, f"{INDICES} True"),
        *rows_of_number("base", (0.5, "at least 1"), (float("nan"), "at least 1")),
        ("offset", -1, ValueError, "must be in 0..2**53; got -1"),
        ("offset", 2**53 + 1, ValueError, "must be in 0..2**53; got 9007199254740993"),
        ("offset", 1.5, TypeError, f"{INDICES} 1.5"),
        *(
            ("dtype", value, TypeError, f"must be float32 or float64; got {said}")
            for value, said in ((None, "None"), ("f2", "float16"), (int, "int64"), ("real", "real"), ([1], "[1]"))
        ),
    ]


CALLS |= {
    "sinusoidal_positions": lambda: (F.sinusoidal_positions, {"T": T, "D": D}),
    "rotary_tables": lambda: (F.rotary_tables, {"T": T, "D": D}),
    **calls_of_operation("rotary", x=zeros(B, H, T, D), cos=zeros(T, R // 2), sin=zeros(T, R // 2)),
}

TABLE |= {
    "sinusoidal_positions": [*rows_of_tables("p (T, D)"), *rows_of_flag("interleaved")],
    "rotary_tables": [*rows_of_tables("cos (T, D/2)"), ("D", 5, ValueError, "must be even; got 5")],
    "rotary_backward": rows_of_backward("rotary", (B, H, T, D), "(B, H, T, D)"),
}
for suffix in ("", "_forward"):
    TABLE[f"rotary{suffix}"] = [
        *rows_of_numbers("x", B, H, T, D),
        ("x", zeros(B, T, D), ValueError, "must be (B, H, T, D); got (2, 5, 6). For one head pass x[:, None]"),
        ("x", zeros(T, D), ValueError, "must be (B, H, T, D); got (5, 6)"),
        *rows_of_numbers("cos", T, R // 2),
        *rows_of_numbers("sin", T, R // 2),
        (
            "cos",
            zeros(T, D),
            ValueError,
            "must be (P, R/2) with R at most D = 6; got (5, 6). If each angle is stored twice, pass cos[:, :3]",
        ),
        ("cos", zeros(T, 7), ValueError, "must be (P, R/2) with R at most D = 6; got (5, 7)"),
        ("cos", zeros(B, T, 2), ValueError, "must be (P, R/2) with R at most D = 6; got (2, 5, 2)"),
        (
            "cos",
            zeros(T - 1, R // 2),
            ValueError,
            "must be the shape of cos = (4, 2); got (5, 2)",  # the message names sin, which is longer
        ),
        ("sin", zeros(T, 3), ValueError, "must be the shape of cos = (5, 2); got (5, 3)"),
        *rows_of_integers("positions", "P", T),
        ("positions", np.zeros((T, 1), int), ValueError, "must be (T,) or (B, T) = (2, 5); got (5, 1)"),
        ("positions", 1, ValueError, "must be (T,) or (B, T) = (2, 5); got ()"),
        ("positions", [True] * T, TypeError, "must be integers; got bool"),
        *rows_of_flag("interleaved"),
    ]
