"""Wrong calls of the conversions of weights, and valid calls, for `functional/test_errors`.

CALLS       name -> function that returns the function to call and valid arguments
TABLE       name -> rows (argument, wrong value, error, part of the message)
"""

from seqfuse import functional as F
from support.wrong_values import H, I, zeros

GH = 4 * H
STATE = {"weight_ih_l0": zeros(GH, I), "weight_hh_l0": zeros(GH, H)}
DIRECTION = (zeros(I, GH), zeros(H, GH))

CALLS = {
    "weights_from_pytorch": lambda: (F.weights_from_pytorch, {"cell": "lstm", "state_dict": STATE}),
    "weights_to_pytorch": lambda: (F.weights_to_pytorch, {"cell": "lstm", "weights": [[DIRECTION]]}),
    "weights_from_onnx": lambda: (
        F.weights_from_onnx,
        {"cell": "lstm", "W": zeros(1, GH, I), "R": zeros(1, GH, H)},
    ),
    "weights_to_onnx": lambda: (F.weights_to_onnx, {"cell": "lstm", "directions": [DIRECTION]}),
}

ROWS_OF_CELL = [
    ("cell", "indrnn", ValueError, 'must be one of "rnn", "lstm", "gru"; got \'indrnn\''),
    ("cell", None, ValueError, 'must be one of "rnn", "lstm", "gru"; got \'None\''),
]
ROWS_OF_PREFIX = [("prefix", 3, TypeError, "must be a str; got 3")]

TABLE = {
    "weights_from_pytorch": [
        *ROWS_OF_CELL,
        *ROWS_OF_PREFIX,
        ("state_dict", [1], TypeError, "must be a mapping of names to arrays; got list"),
        ("state_dict", {}, ValueError, "must have 'weight_ih_l0'; got []"),
    ],
    "weights_to_pytorch": [
        *ROWS_OF_CELL,
        *ROWS_OF_PREFIX,
        ("weights", 3, TypeError, "must be weights[layer][direction] = (W, U, ...); got int"),
        ("weights", [3], TypeError, "must be weights[layer][direction] = (W, U, ...); got int"),
    ],
    "weights_from_onnx": [
        *ROWS_OF_CELL,
        ("W", zeros(GH, I), ValueError, f"must be (1, {GH}, I); got ({GH}, {I})"),
        ("R", zeros(1, H, GH), ValueError, f"must be (dirs, 4*H, H); got (1, {H}, {GH})"),
        ("B", zeros(1, GH), ValueError, f"must be (1, {2 * GH}); got (1, {GH})"),
        ("P", zeros(1, H), ValueError, f"must be (1, {3 * H}); got (1, {H})"),
    ],
    "weights_to_onnx": [
        *ROWS_OF_CELL,
        ("directions", 3, TypeError, "must be directions[direction] = (W, U, ...); got int"),
    ],
}
