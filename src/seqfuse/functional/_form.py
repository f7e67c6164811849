"""Which equations a kernel is to compute: the form of a cell, and its options where they are not the standard ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from seqfuse import _checks
from seqfuse._activations import parse
from seqfuse._cells import CELLS
from seqfuse.functional import _weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse._activations import ActivationLike

# What the arguments' defaults are: these very objects, so that a call that leaves them alone is known by `is`. tanh and
# sigmoid are compiled into every cell, and go without options.
TANH, SIGMOID, RELU, LINEAR = "tanh", "sigmoid", "relu", "linear"


@dataclass(frozen=True, slots=True)  # every call asks it a few times, which slots answer fastest
class Form:
    """A cell as the kernels know it: both places of the GRU's reset gate are cells of their own there."""

    kernel: str  # its name there
    cell: str  # its name in `CELLS`
    gates: int
    has_c: bool
    has_U: bool
    columns: str  # how many W has
    symbols: tuple[str, ...]  # the shapes of W and U
    units: Callable[..., int]  # (function, gates, I, W, U, b) -> H, once they are checked
    candidate: bool = False  # GRU: the update gate weighs the candidate, not the previous state


_UNITS: dict[str, Callable[..., int]] = {"full": _weights.full, "diagonal": _weights.diagonal, "none": _weights.none}


def _form(kernel: str, name: str) -> Form:
    cell = CELLS[name]
    gates = len(cell.gates)
    columns = "H" if gates == 1 else f"{gates}*H"
    of_U = {"full": (f"(H, {columns})",), "diagonal": ("(H,)",), "none": ()}[cell.recurrence]
    symbols = (f"(I, {columns})", *of_U)
    return Form(kernel, name, gates, "c" in cell.states, bool(of_U), columns, symbols, _UNITS[cell.recurrence])


FORMS = {name: _form(name, name) for name in CELLS} | {"gru_reset_before": _form("gru_reset_before", "gru")}


class Options(NamedTuple):
    """What the kernels are told of a cell that is not the standard one, in their order."""

    activation: str
    alpha: float
    beta: float
    recurrent_activation: str
    recurrent_alpha: float
    recurrent_beta: float
    clip: float  # inf: off
    peephole: Any  # (3, H) or None


def options_of(
    function: str,
    activation: ActivationLike,
    recurrent_activation: ActivationLike = SIGMOID,
    clip: Any = None,
    peephole: Any = None,
) -> Options | None:
    """The options, checked but for the peephole, whose shape and type are known later; None for the standard cell."""
    f = parse(function, "activation", activation)
    g = parse(function, "recurrent_activation", recurrent_activation)
    limit = math.inf if clip is None else _checks.clip(function, clip)
    if f.name == TANH and g.name == SIGMOID and limit == math.inf and peephole is None:
        return None
    return Options(*f, *g, limit, peephole)
