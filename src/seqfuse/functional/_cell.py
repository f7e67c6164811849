"""Which equations a kernel computes: a cell, and its options if they are not the default ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from seqfuse import _checks
from seqfuse._activations import parse
from seqfuse._cells import CELLS
from seqfuse.functional import _weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqfuse._activations import Activation, ActivationLike

# Defaults of the arguments. Calls that keep them are recognized by `is`, which is cheaper than a comparison.
TANH, SIGMOID, RELU, LINEAR = "tanh", "sigmoid", "relu", "linear"


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Runtime activations and a limit; the kernels read the fields by name."""

    activation: Activation
    recurrent_activation: Activation
    clip: float  # limit of pre-activations; inf: none


@dataclass(frozen=True, slots=True, eq=False)  # compared and hashed by identity; slots make fields quick to read
class Cell:
    """Specification of a cell; the kernels read `kernel`, `candidate` and `options` by name.

    The two places of the GRU's reset gate are two kernels.
    """

    kernel: str  # name in cells.hpp
    name: str  # name in `CELLS`
    gates: int
    has_c: bool
    has_U: bool
    columns: str  # number of W's columns, in symbols
    symbols: tuple[str, ...]  # shapes of W and U, in symbols
    units: Callable[..., int]  # (function, gates, I, W, U, b) -> H; checks that they fit each other
    candidate: bool = False  # GRU: the update gate weights the candidate, not the previous state
    options: Options | None = None  # None: tanh and sigmoid, no clip, no peephole


_UNITS: dict[str, Callable[..., int]] = {"full": _weights.full, "diagonal": _weights.diagonal, "none": _weights.none}


def _cell(kernel: str, name: str) -> Cell:
    cell = CELLS[name]
    gates = len(cell.gates)
    columns = "H" if gates == 1 else f"{gates}*H"
    U_symbols = {"full": (f"(H, {columns})",), "diagonal": ("(H,)",), "none": ()}[cell.recurrence]
    symbols = (f"(I, {columns})", *U_symbols)
    return Cell(kernel, name, gates, "c" in cell.states, bool(U_symbols), columns, symbols, _UNITS[cell.recurrence])


# By kernel.
KERNEL_CELLS = {name: _cell(name, name) for name in CELLS} | {"gru_reset_before": _cell("gru_reset_before", "gru")}


def with_options(
    function: str,
    cell: Cell,
    activation: ActivationLike,
    recurrent_activation: ActivationLike = SIGMOID,
    clip: Any = None,
    peephole: Any = None,
) -> Cell:
    """Return the cell with checked options; of a peephole it only matters here whether there is one."""
    f = parse(function, "activation", activation)
    g = parse(function, "recurrent_activation", recurrent_activation)
    limit = math.inf if clip is None else _checks.clip(function, clip)
    if f.name == TANH and g.name == SIGMOID and limit == math.inf and peephole is None:
        return cell
    return _cell_with(cell, f, g, limit)


@lru_cache(maxsize=256)
def _cell_with(cell: Cell, activation: Activation, recurrent_activation: Activation, clip: float) -> Cell:
    return replace(cell, options=Options(activation, recurrent_activation, clip))


def specify(kernel: str, candidate: bool, options: tuple[Activation, Activation, float] | None) -> Cell:
    """Return the cell of these plain values, which a pickle holds."""
    cell = replace(KERNEL_CELLS[kernel], candidate=candidate)
    return cell if options is None else replace(cell, options=Options(*options))
