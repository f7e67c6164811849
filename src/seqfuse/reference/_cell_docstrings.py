"""Docstrings of the functions of the reference cells, written from their signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect import Signature

    from seqfuse._cells import Cell

# Type and description of every argument. {G} is the number of gates, {U} the shape of U.
_ARGUMENTS = {
    "x": ("array_like, shape (T, B, I)", "Inputs; (B, T, I) with `batch_first`."),
    "W": ("array_like, shape (I, {G}*H)", "Input weights."),
    "U": ("array_like, shape {U}", "Recurrent weights."),
    "b": ("array_like, shape ({G}*H,) or (2, {G}*H), optional", "Bias. Two rows are bx and bh. Zeros by default."),
    "h0": ("array_like, shape (B, H), optional", "Initial state h. Zeros by default."),
    "c0": ("array_like, shape (B, H), optional", "Initial state c. Zeros by default."),
    "reset_after": ("bool, default True", "Whether the reset gate is applied after the product with U."),
    "update_gate": ("str, default 'previous'", "The value that is multiplied by z: 'previous' or 'candidate'."),
    "lengths": ("array_like of int, shape (B,), optional", "Number of valid steps of each sequence."),
    "mask": ("array_like of bool, shape (T, B), optional", "True at valid steps; (B, T) with `batch_first`."),
    "reverse": ("bool, default False", "Whether to process the steps from T-1 to 0."),
    "batch_first": ("bool, default False", "Whether the first two axes of x, y and mask are exchanged."),
    "return_sequences": ("bool, default True", "Whether to return y."),
    "activation": ("str or tuple", "Activation function."),
    "recurrent_activation": ("str or tuple, default 'sigmoid'", "Activation function of the gates."),
    "peephole": ("array_like, shape (3, H), optional", "Peephole weights of the gates i, f, o."),
    "clip": ("float, optional", "Limit of the pre-activations."),
    "recurrent_mask": ("array_like, shape (B, H), optional", "Factor of h_prev in the product with U."),
    "checkpoint": ("int, optional", "Has no effect here. In `seqfuse.functional` it saves memory."),
    "tape": ("RecurrentTape", "Tape of the forward function."),
    "dy": ("array_like, shape (T, B, H), optional", "Gradient of y. Zeros by default."),
    "dh": ("array_like, shape (B, H), optional", "Gradient of the final h. Zeros by default."),
    "dc": ("array_like, shape (B, H), optional", "Gradient of the final c. Zeros by default."),
    "need_dx": ("bool, default True", "Whether to compute dx."),
    "into": ("tuple of ndarray, optional", "Arrays that the gradients of the weights are added to."),
}


def docstring(cell: Cell, name: str, summary: str, signature: Signature, returns: dict[str, str]) -> str:
    """Return a complete docstring.

    Parameters
    ----------
    cell : Cell
        The cell of the function.
    name : str
        Name of the function.
    summary : str
        First line.
    signature : Signature
        Arguments of the function.
    returns : dict
        Descriptions of the returned values by their types.
    """
    gates = len(cell.gates)
    U = "(H,)" if cell.recurrence == "diagonal" else f"(H, {gates}*H)"
    lines = [summary, "", f"The arguments and results are those of `seqfuse.functional.{name}`.", ""]
    lines += ["Parameters", "----------"]
    for argument in signature.parameters:
        kind, text = (each.format(G=gates, U=U).replace("1*H", "H") for each in _ARGUMENTS[argument])
        lines += [f"{argument} : {kind}", f"    {text}"]
    lines += ["", "Returns", "-------"]
    for kind, text in returns.items():
        lines += [kind, f"    {text}"]
    lines += ["", "Examples", "--------", f"See `seqfuse.functional.{name}`."]
    return "\n".join(lines)
