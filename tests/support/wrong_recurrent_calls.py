"""Wrong calls of the recurrent functions, and valid calls, for `functional/test_errors`.

CALLS       name -> function that returns the function to call and valid arguments
TABLE       name -> rows (argument, wrong value, error, part of the message)
"""

import numpy as np

from seqfuse import functional as F
from seqfuse._cells import CELLS
from support.wrong_values import KINDS, B, H, I, T, rows_of_activation, rows_of_flag, rows_of_numbers, zeros


def shapes(cell):
    """Return the shapes of the weights of a cell by name."""
    GH = len(CELLS[cell].gates) * H
    U_shape = {"full": {"U": (H, GH)}, "diagonal": {"U": (H,)}, "none": {}}[CELLS[cell].recurrence]
    return {"W": (I, GH), **U_shape, "b": (GH,)}


def symbols(cell):
    """Return the symbols of these shapes by name."""
    G = len(CELLS[cell].gates)
    columns = "H" if G == 1 else f"{G}*H"
    return {"W": f"(I, {columns})", "U": "(H,)" if cell == "indrnn" else f"(H, {columns})", "b": f"({columns},)"}


def weights(cell):
    return {name: zeros(*shape) for name, shape in shapes(cell).items()}


def valid_arguments(cell):
    """Return valid arguments of the cell: positional index or name -> value."""
    states = {f"{s}0": zeros(B, H) for s in CELLS[cell].states}
    return {"x": zeros(T, B, I), **weights(cell), **states}


def call_of_cell(function, cell):
    return lambda: (getattr(F, function), valid_arguments(cell))


def call_of_backward(cell):
    return lambda: (getattr(F, f"{cell}_backward"), {"tape": getattr(F, f"{cell}_forward")(**valid_arguments(cell))[1]})


def call_of_pack(cell):
    return lambda: (getattr(F, f"pack_{cell}"), weights(cell))


def call_of_packed(cell):
    arguments = {name: value for name, value in valid_arguments(cell).items() if name not in "WUb"}
    return lambda: (getattr(F, f"pack_{cell}")(**weights(cell)), arguments)


def rows_of_sequence(cell):
    """Return rows for x, states, padding and flags of `cell`, `cell_forward` and a packed cell."""
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
    for name in (f"{s}0" for s in CELLS[cell].states):
        rows += rows_of_numbers(name, B, H)
        rows.append((name, zeros(B, I), ValueError, "must be (B, H) = (2, 4); got (2, 3)"))
        rows.append(
            (name, zeros(1, B, H), ValueError, f"got (1, 2, 4). PyTorch's states have a leading axis: pass {name}[0]")
        )
    if cell == "lstm":
        pair = "must be (B, H) = (2, 4); got a pair. Pass h0 and c0 separately"
        rows += [("h0", kind(pair_of), ValueError, pair) for kind in (tuple, list) for pair_of in PAIRS]
    if CELLS[cell].recurrence != "none":
        rows += rows_of_recurrent_mask()
    return rows


PAIRS = [(zeros(B, H), zeros(B, H)), (zeros(1, B, H), zeros(1, B, H)), (zeros(B, H), None)]


def rows_of_recurrent_mask():
    return [
        *rows_of_numbers("recurrent_mask", B, H),
        (
            "recurrent_mask",
            zeros(T, B, H),
            ValueError,
            "must be (B, H) = (2, 4); got (5, 2, 4). The same mask is used at every step",
        ),
        (
            "recurrent_mask",
            zeros(H),
            ValueError,
            "got (4,). For one mask for all rows pass np.broadcast_to(recurrent_mask, (2, 4))",
        ),
        ("recurrent_mask", zeros(H, B), ValueError, "must be (B, H) = (2, 4); got (4, 2)"),
    ]


def rows_of_weights(cell, packed):
    """Return rows for W, U and b of `cell`, `cell_forward` and `pack_cell`."""
    (_, GH), of = shapes(cell)["W"], symbols(cell)
    name, one = of["b"][1:-2], "PyTorch stores weights transposed: pass weight"
    rows = [row for w, shape in shapes(cell).items() for row in rows_of_numbers(w, *shape)]
    rows += [
        ("b", zeros(GH + 1), ValueError, f"must be ({name},) = ({GH},) or (2, {name}) = (2, {GH}); got ({GH + 1},)"),
        ("b", zeros(2 * GH), ValueError, f"got ({2 * GH},). Pass b.reshape(2, {GH})"),
        ("b", zeros(3, GH), ValueError, f"got (3, {GH})"),
        ("W", zeros(GH), ValueError, f"must be (I, {name})"),
    ]
    if not packed:
        which = "" if cell == "mingru" else "_ih"
        needed = f"(3, {name})" if cell == "mingru" else f"(3, {GH})"
        rows.append(("W", zeros(GH, I), ValueError, f"must be (I, {name}) = {needed}; got ({GH}, 3). {one}{which}.T"))
        rows.append(("W", zeros(I + 1, GH), ValueError, f"must be (I, {name}) = {needed}; got (4, {GH})"))
    return rows + {"full": rows_of_matrix, "diagonal": rows_of_diagonal, "none": rows_of_input}[CELLS[cell].recurrence](
        GH, name, one
    )


def rows_of_matrix(GH, name, one):
    rows = [
        ("U", zeros(H, GH + 1), ValueError, f"must be (H, {name}) = (4, {GH}); got (4, {GH + 1})"),
        ("U", zeros(0, 0), ValueError, f"must be (H, {name}) with H at least 1; got (0, 0)"),
    ]
    if name != "H":
        return [*rows, ("U", zeros(GH, H), ValueError, f"= (4, {GH}); got ({GH}, 4). {one}_hh.T")]
    return [*rows, ("U", zeros(H), ValueError, "must be (H, H) = (4, 4); got (4,). For one weight per unit use indrnn")]


def rows_of_diagonal(GH, name, one):
    advice = "Pass its diagonal, np.diag(U), or use rnn, which uses the whole matrix"
    return [
        ("U", zeros(H, H), ValueError, f"must be (H,) = (4,); got (4, 4). {advice}"),
        ("U", zeros(H, 2), ValueError, "must be (H,) = (4,); got (4, 2)"),
        ("U", zeros(0), ValueError, "must be (H,) with H at least 1; got (0,)"),
        ("U", 1.0, ValueError, "must be (H,) = (4,); got ()"),
        ("W", zeros(I, H + 1), ValueError, "must be (I, H) = (3, 4); got (3, 5)"),
    ]


def rows_of_input(GH, name, one):
    return [
        ("W", zeros(I, 7), ValueError, "must be (I, 2*H); got (3, 7). Its columns are 2 blocks of H, one per gate"),
        ("W", zeros(I, 0), ValueError, "must be (I, 2*H) with H at least 1; got (3, 0)"),
        ("W", zeros(I, GH, 1), ValueError, "must be (I, 2*H)"),
    ]


def rows_of_options(cell):
    """Return rows for the options of the cell in `cell`, `cell_forward` and `pack_cell`."""
    rows = rows_of_activation("activation")
    if cell in ("lstm", "gru", "mingru"):
        rows += rows_of_activation("recurrent_activation")
    rows += [
        *(("clip", value, TypeError, f"must be a real number; got {value!r}") for value in ("1", True, 1j, [1.0])),
        *(
            ("clip", value, ValueError, f"must be greater than 0; got {float(value)}. Pass None for no limit")
            for value in (0, -1, float("nan"), float("-inf"))
        ),
        ("clip", -(10**400), ValueError, "must be greater than 0; got -inf"),
    ]
    if cell == "gru":
        wrong = ("both", None, ["previous"])
        rows += rows_of_flag("reset_after")
        rows += [("update_gate", v, ValueError, f'must be "previous" or "candidate"; got {v!r}') for v in wrong]
    if cell == "lstm":
        rows += [
            *rows_of_numbers("peephole", 3, H),
            ("peephole", zeros(3, I), ValueError, "must be (3, H) = (3, 4); got (3, 3)"),
            ("peephole", zeros(3 * H), ValueError, "= (3, 4); got (12,). Pass one row per gate: i, f, o"),
            ("peephole", zeros(H), ValueError, "must be (3, H) = (3, 4); got (4,)"),
        ]
    return rows


def rows_of_checkpoint():
    return [
        *(("checkpoint", k, ValueError, f"must be at least 1; got {k}") for k in (0, -2, -(2**70))),
        *(("checkpoint", k, TypeError, f"must be an integer; got {k!r}") for k in (2.0, True, "3", np.True_)),
    ]


def rows_of_backward(cell):
    of, right = symbols(cell), weights(cell)
    W, b = right["W"], right["b"]
    GH, count = len(b), len(right)
    names = ", ".join(f"d{name}" for name in right)
    middle = tuple(right.values())[1:-1]  # dU, if there is one
    frozen = zeros(GH)
    frozen.flags.writeable = False
    shared = zeros(W.size + GH)
    overlapping = (shared[: W.size].reshape(W.shape), *middle, shared[W.size - 1 :][:GH])
    rows = [
        ("tape", None, TypeError, f"must come from {cell}_forward; got NoneType"),
        ("tape", 3, TypeError, f"must come from {cell}_forward; got int"),
        *rows_of_numbers("dy", T, B, H),
        ("dy", zeros(T, B, H - 1), ValueError, "must be (T, B, H) = (5, 2, 4); got (5, 2, 3)"),
        *rows_of_flag("need_dx"),
        ("into", {}, TypeError, f"must be a tuple ({names}); got dict"),
        ("into", (*right.values(), b), ValueError, f"must be a tuple ({names}); got {count + 1} entries"),
        ("into", overlapping, ValueError, "db must not overlap dW; got arrays that share memory"),
        ("into", (W.T, *middle, b), ValueError, f"dW must be {of['W']} = (3, {GH}); got ({GH}, 3)"),
        ("into", (W, *middle, None), TypeError, "db must be a numpy.ndarray, because it is written to; got NoneType"),
        ("into", (W, *middle, b.tolist()), TypeError, "db must be a numpy.ndarray, because it is written to; got list"),
        ("into", (W, *middle, b.astype("f4")), TypeError, "db must be float64, because it is written to; got float32"),
        ("into", (W, *middle, b.astype(">f8")), TypeError, "db must be float64, because it is written to; got >f8"),
        ("into", (W, *middle, frozen), ValueError, "db must be writeable; got a read-only array"),
        (
            "into",
            (np.lib.stride_tricks.as_strided(zeros(1), (I, GH), (0, 0)), *middle, b),
            ValueError,
            "dW must not overlap itself; got strides (0, 0)",
        ),
    ]
    if middle:
        wrong = (W, zeros(H + 1), b)
        rows.append(("into", wrong, ValueError, f"dU must be {of['U']} = {middle[0].shape}; got (5,)"))
    for d in (f"d{s}" for s in CELLS[cell].states):
        rows += [*rows_of_numbers(d, B, H), (d, zeros(H), ValueError, "must be (B, H) = (2, 4); got (4,)")]
    return rows


CALLS, TABLE = {}, {}
for cell in CELLS:
    sequence_arguments, option_arguments = rows_of_sequence(cell), rows_of_options(cell)
    call_arguments = [*sequence_arguments, *rows_of_weights(cell, packed=False), *option_arguments]
    CALLS |= {name: call_of_cell(name, cell) for name in (cell, f"{cell}_forward")}
    TABLE |= {cell: call_arguments, f"{cell}_forward": [*call_arguments, *rows_of_checkpoint()]}
    CALLS[f"{cell}_backward"], TABLE[f"{cell}_backward"] = call_of_backward(cell), rows_of_backward(cell)
    CALLS[f"pack_{cell}"] = call_of_pack(cell)
    TABLE[f"pack_{cell}"] = [*rows_of_weights(cell, packed=True), *option_arguments]
    CALLS[f"packed_{cell}"] = call_of_packed(cell)
    TABLE[f"packed_{cell}"] = [
        *sequence_arguments,
        ("x", zeros(T, B, I + 1), ValueError, "must be (T, B, I) = (5, 2, 3); got (5, 2, 4)"),
    ]
    if "c" not in CELLS[cell].states:
        no_c = f"must be None, {cell} has no cell state; got ndarray"
        TABLE[f"packed_{cell}"].append(("c0", zeros(B, H), ValueError, no_c))
    if CELLS[cell].recurrence == "none":
        no_U = f"must be None, {cell} has no U that h_prev enters; got ndarray"
        TABLE[f"packed_{cell}"].append(("recurrent_mask", zeros(B, H), ValueError, no_U))
