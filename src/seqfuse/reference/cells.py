"""The functions of the recurrent cells: for every cell of `CELLS` the same three as in `seqfuse.functional`.

`seqfuse._cells` has the equations of one step, and `seqfuse.reference.recurrent` the loop over time. The signatures
are derived from the constants of a cell.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, TypeAlias, TypeVar

from seqfuse._cells import CELLS, Cell
from seqfuse._results import (
    GRUGrads,
    GRUOutput,
    IndRNNGrads,
    IndRNNOutput,
    LSTMGrads,
    LSTMOutput,
    MinGRUGrads,
    MinGRUOutput,
    RNNGrads,
    RNNOutput,
)
from seqfuse.reference._cell_docstrings import docstring
from seqfuse.reference.recurrent import RecurrentTape, recurrent_backward, recurrent_forward

Output = TypeVar("Output")
Grads = TypeVar("Grads")
Functions: TypeAlias = tuple[
    Callable[..., Output], Callable[..., tuple[Output, RecurrentTape]], Callable[..., Grads]
]  # without a tape; forward; backward

# Options of the sequence that every cell has, with their defaults.
SEQUENCE_OPTIONS = {"lengths": None, "mask": None, "reverse": False, "batch_first": False, "return_sequences": True}

_OUTPUTS = "Named tuple of y (T, B, H), the hidden states of all steps, and the final states (B, H)."
_TAPE = "Tape for the backward function."
_GRADIENTS = "Named tuple of the gradients of all inputs and weights."


def _signature(required: list[str], optional: list[str], keywords: dict[str, Any]) -> Signature:
    """Return a signature from required arguments, arguments that are None by default, and keyword-only arguments."""
    position, keyword = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
    return Signature(
        [Parameter(name, position) for name in required]
        + [Parameter(name, position, default=None) for name in optional]
        + [Parameter(name, keyword, default=default) for name, default in keywords.items()]
    )


def _arguments(signature: Signature, given: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, with defaults."""
    bound = signature.bind(*given, **named)
    bound.apply_defaults()
    return bound.arguments


def functions_of(cell: Cell, output: Callable[..., Output], grads: Callable[..., Grads]) -> Functions[Output, Grads]:
    """Return the functions of a cell: without a tape, forward and backward.

    Parameters
    ----------
    cell : Cell
        The cell.
    output, grads : type
        The named tuples that they return.

    Examples
    --------
    >>> import numpy as np
    >>> rnn, rnn_forward, rnn_backward = functions_of(CELLS["rnn"], RNNOutput, RNNGrads)
    >>> x = np.array([[[1.0]], [[0.0]]])  # T = 2, B = 1, I = 1
    >>> rnn(x, W=np.array([[1.0]]), U=np.array([[2.0]])).y.ravel().round(4)
    array([0.7616, 0.9093])
    >>> out, tape = rnn_forward(np.ones((2, 1, 1)), W=np.ones((1, 1)), U=np.ones((1, 1)))
    >>> rnn_backward(tape, dh=np.ones((1, 1))).dW.round(4)
    array([[0.1581]])
    """
    initial = [f"{state}0" for state in cell.states]
    keywords: dict[str, Any] = {name: values[0] for name, values in cell.options.items()} | SEQUENCE_OPTIONS
    keywords |= {name: activation.name for name, activation in cell.activations.items()}
    keywords |= {name: None for name in ("peephole", "clip", "recurrent_mask") if name in cell.accepts}
    weights = ["x", "W"] if cell.recurrence == "none" else ["x", "W", "U"]
    run_signature = _signature(weights, ["b", *initial], keywords)
    forward_signature = _signature(weights, ["b", *initial], keywords | {"checkpoint": None})
    backward_signature = _signature(
        ["tape"], ["dy", *(f"d{state}" for state in cell.states)], {"need_dx": True, "into": None}
    )

    def forward(*given: Any, **named: Any) -> tuple[Output, RecurrentTape]:
        arguments = _arguments(forward_signature, given, named)
        states = tuple(arguments.pop(name) for name in initial)
        x, W, U, b = (arguments.pop(name, None) for name in ("x", "W", "U", "b"))
        return_sequences = arguments.pop("return_sequences")
        del arguments["checkpoint"]  # has no effect here
        y, final, tape = recurrent_forward(cell, x, W, U, b, states, **arguments)
        return output(y if return_sequences else None, *final), tape

    def run(*given: Any, **named: Any) -> Output:
        return forward(**_arguments(run_signature, given, named))[0]

    def backward(*given: Any, **named: Any) -> Grads:
        arguments = _arguments(backward_signature, given, named)
        tape, dy = arguments.pop("tape"), arguments.pop("dy")
        dfinal = tuple(arguments.pop(f"d{state}") for state in cell.states)
        return grads(**recurrent_backward(tape, dy, dfinal, **arguments))

    outputs, gradients, tapes = output.__name__, grads.__name__, "RecurrentTape"
    for function, suffix, signature, summary, returns in (
        (run, "", run_signature, "over a sequence.", {outputs: _OUTPUTS}),
        (
            forward,
            "_forward",
            forward_signature,
            "over a sequence and keep the tape.",
            {outputs: _OUTPUTS, tapes: _TAPE},
        ),
        (backward, "_backward", backward_signature, "backward through time.", {gradients: _GRADIENTS}),
    ):
        name = function.__name__ = function.__qualname__ = f"{cell.name}{suffix}"
        function.__signature__ = signature  # type: ignore[union-attr]
        function.__doc__ = docstring(cell, name, f"Run the cell `{cell.name}` {summary}", signature, returns)
    return run, forward, backward


rnn, rnn_forward, rnn_backward = functions_of(CELLS["rnn"], RNNOutput, RNNGrads)
lstm, lstm_forward, lstm_backward = functions_of(CELLS["lstm"], LSTMOutput, LSTMGrads)
gru, gru_forward, gru_backward = functions_of(CELLS["gru"], GRUOutput, GRUGrads)
indrnn, indrnn_forward, indrnn_backward = functions_of(CELLS["indrnn"], IndRNNOutput, IndRNNGrads)
mingru, mingru_forward, mingru_backward = functions_of(CELLS["mingru"], MinGRUOutput, MinGRUGrads)
