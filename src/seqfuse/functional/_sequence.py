"""The input sequence of a recurrent cell: checked once, then used by all kernels and kept on the tape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqfuse import _checks

if TYPE_CHECKING:
    from seqfuse._arrays import Array
    from seqfuse.functional._cell import Cell


@dataclass(slots=True, eq=False, repr=False)
class Sequence:
    """Inputs, initial states and options of a call; the kernels read the fields by name."""

    x: Array  # (T, B, I), also with batch_first
    h0: Any  # (B, H) or None, as c0 and recurrent_mask
    c0: Any
    valid: Array | None  # (T, B) bool in C order; None: all steps are valid
    recurrent_mask: Any
    reverse: bool
    batch_first: bool  # of the arguments and results
    return_sequences: bool
    units: int  # H


def read_sequence(
    function: str,
    cell: Cell,
    x: Array,
    units: int,
    h0: Any,
    c0: Any,
    lengths: Any,
    mask: Any,
    reverse: Any,
    batch_first: Any,
    return_sequences: Any,
    recurrent_mask: Any,
) -> Sequence:
    """Check the sequence of a call; x has three axes and the type of the weights."""
    if type(reverse) is not bool or type(batch_first) is not bool or type(return_sequences) is not bool:
        names = ("reverse", "batch_first", "return_sequences")
        reverse, batch_first, return_sequences = _checks.flags(
            function, names, (reverse, batch_first, return_sequences)
        )
    if batch_first:
        x = x.swapaxes(0, 1)
    steps, batch, _ = x.shape
    if not 0 < steps * batch * units <= _checks.MAX_ELEMENTS:
        _checks.sizes(function, "y (T, B, H)", steps, batch, units)
    if h0 is not None:
        h0 = _checks.state(function, "h0", h0, batch, units, x.dtype, cell.has_c)
    if c0 is not None:
        if not cell.has_c:
            raise ValueError(f"{function}: c0 must be None, {cell.name} has no cell state; got {type(c0).__name__}")
        c0 = _checks.state(function, "c0", c0, batch, units, x.dtype)
    valid = None
    if lengths is not None or mask is not None:
        valid = _checks.valid_steps(function, lengths, mask, steps, batch, batch_first)
    if recurrent_mask is not None:
        if not cell.has_U:
            got = f"{cell.name} has no U that h_prev enters; got {type(recurrent_mask).__name__}"
            raise ValueError(f"{function}: recurrent_mask must be None, {got}")
        recurrent_mask = _checks.recurrent_mask(function, recurrent_mask, batch, units, x.dtype)
    return Sequence(x, h0, c0, valid, recurrent_mask, reverse, batch_first, return_sequences, units)
