"""Wrong calls of the CTC loss and its decoders, and valid calls, for `functional/test_errors`.

CALLS       name -> function that returns the function to call and valid arguments
TABLE       name -> rows (argument, wrong value, error, part of the message)
"""

import numpy as np

from seqfuse import functional as F
from support.wrong_values import INDICES, KINDS, B, C, T, rows_of_flag, rows_of_numbers, zeros

S = 3
LABELS = np.array([[1, 2, 3], [5, 5, 4]])

CALLS = {
    "ctc_loss": lambda: (F.ctc_loss, {"logits": zeros(T, B, C), "labels": LABELS}),
    "ctc_loss_forward": lambda: (F.ctc_loss_forward, {"logits": zeros(T, B, C), "labels": LABELS}),
    "ctc_loss_backward": lambda: (
        F.ctc_loss_backward,
        {"tape": F.ctc_loss_forward(zeros(T, B, C), LABELS)[1], "dlosses": zeros(B)},
    ),
    "ctc_greedy_decode": lambda: (F.ctc_greedy_decode, {"logits": zeros(T, B, C)}),
    "ctc_beam_decode": lambda: (F.ctc_beam_decode, {"logits": zeros(T, B, C)}),
}


def logits_with(value, t=2, b=1):
    """Return logits with one row replaced by `value`."""
    logits = zeros(T, B, C)
    logits[t, b] = value
    return logits


ROWS_OF_STEPS = [
    *rows_of_numbers("logits", T, B, C),
    ("logits", None, TypeError, f"{KINDS} object"),
    ("logits", zeros(T, C), ValueError, "must be (T, B, C); got (5, 6). For one sequence pass logits[:, None]"),
    ("logits", zeros(T, B, 0), ValueError, "must be (T, B, C) with C at least 1; got (5, 2, 0)"),
    ("lengths", [1.0, 2.0], TypeError, "must be integers; got float64"),
    ("lengths", [5, 6], ValueError, "must be in 0..T = 0..5; got 6 at [1]"),
    ("lengths", [1, 2, 3], ValueError, "must be (B,) = (2,); got (3,)"),
    ("mask", zeros(T, B), TypeError, "must be bool (T, B); got float64. Pass mask.astype(bool)"),
    ("mask", zeros(B, T, dtype=bool), ValueError, "must be (T, B) = (5, 2); got (2, 5)"),
    ("blank", 1.0, TypeError, f"{INDICES} 1.0"),
    ("blank", -1, ValueError, "must be in 0..C-1 = 0..5; got -1"),
    ("blank", C, ValueError, "must be in 0..C-1 = 0..5; got 6"),
    *rows_of_flag("batch_first"),
]
ROWS_OF_LOSS = [
    *ROWS_OF_STEPS,
    ("labels", [[1.0]] * B, TypeError, "must be integers; got float64"),
    ("labels", [[1], [2, 3]], ValueError, "must be an array; got list"),
    ("labels", [1, 2], ValueError, "must be (B, S) = (2, S); got (2,)"),
    ("labels", [[1]], ValueError, "must be (B, S) = (2, S); got (1, 1)"),
    (
        "labels",
        [[1, 2], [3, C]],
        ValueError,
        "must be in 0..C-1 = 0..5; got 6 at [1, 1]. For padding, pass label_lengths",
    ),
    ("labels", [[1, -1], [3, 2]], ValueError, "must be in 0..C-1 = 0..5; got -1 at [0, 1]. For padding, pass"),
    ("labels", [[1, 2], [3, 0]], ValueError, "must not be the blank = 0; got it at [1, 1]. For padding, pass"),
    ("blank", 4, ValueError, "labels must not be the blank = 4; got it at [1, 2]"),
    ("label_lengths", [1.0, 2.0], TypeError, "must be integers; got float64"),
    ("label_lengths", [1, S + 1], ValueError, "must be in 0..S = 0..3; got 4 at [1]"),
    ("label_lengths", [1], ValueError, "must be (B,) = (2,); got (1,)"),
    *rows_of_flag("zero_infinity"),
]
ROWS_OF_DECODING = [
    *ROWS_OF_STEPS,
    ("logits", logits_with([np.nan, 0, 0, 0, 0, 0]), ValueError, "a finite maximum at valid steps; got nan at [2, 1]"),
    ("logits", logits_with([np.inf, 0, 0, 0, 0, 0]), ValueError, "a finite maximum at valid steps; got inf at [2, 1]"),
    ("logits", logits_with(-np.inf), ValueError, "a finite maximum at valid steps; got -inf at [2, 1]"),
]

TABLE = {
    "ctc_loss": ROWS_OF_LOSS,
    "ctc_loss_forward": ROWS_OF_LOSS,
    "ctc_loss_backward": [
        ("tape", None, TypeError, "must come from ctc_loss_forward; got NoneType"),
        *rows_of_numbers("dlosses", B),
        ("dlosses", zeros(T), ValueError, "must be (B,) = (2,); got (5,)"),
        ("dlosses", zeros(B, 1), ValueError, "must be (B,) = (2,); got (2, 1)"),
    ],
    "ctc_greedy_decode": ROWS_OF_DECODING,
    "ctc_beam_decode": [
        *ROWS_OF_DECODING,
        ("beam_width", 0, ValueError, "must be at least 1; got 0"),
        ("beam_width", 2.0, TypeError, f"{INDICES} 2.0"),
        ("top_paths", 0, ValueError, "must be in 1..beam_width = 1..16; got 0"),
        ("top_paths", 17, ValueError, "must be in 1..beam_width = 1..16; got 17"),
        ("top_paths", True, TypeError, f"{INDICES} True"),
    ],
}
