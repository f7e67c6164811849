"""The recurrent cells over a sequence: for every cell of `CELLS` the three functions that `seqfuse.functional` has.

The equations stand in `seqfuse._cells`, one time step each; `seqfuse.reference.recurrent` walks the steps. Signatures
follow from what a cell says of itself, and are those of `seqfuse.functional`.
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
from seqfuse.reference.recurrent import RecurrentTape, recurrent_backward, recurrent_forward

Output = TypeVar("Output")
Grads = TypeVar("Grads")
Functions: TypeAlias = tuple[
    Callable[..., Output], Callable[..., tuple[Output, RecurrentTape]], Callable[..., Grads]
]  # without a tape, forward and backward

# Defaults of what every cell can be told about a sequence.
READING = {"lengths": None, "mask": None, "reverse": False, "batch_first": False, "return_sequences": True}


def _signature(required: list[str], optional: list[str], keywords: dict[str, Any]) -> Signature:
    """Positional arguments, those that are None by default, and keywords with their defaults."""
    position, keyword = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
    return Signature(
        [Parameter(name, position) for name in required]
        + [Parameter(name, position, default=None) for name in optional]
        + [Parameter(name, keyword, default=default) for name, default in keywords.items()]
    )


def _arguments(signature: Signature, given: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, with the defaults of those that were left out."""
    bound = signature.bind(*given, **named)
    bound.apply_defaults()
    return bound.arguments


def functions_of(cell: Cell, output: Callable[..., Output], grads: Callable[..., Grads]) -> Functions[Output, Grads]:
    """The functions of a cell: without a tape, forward and backward.

    Parameters
    ----------
    cell : Cell
    output, grads : the named tuples that they return

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
    keywords: dict[str, Any] = {name: values[0] for name, values in cell.options.items()} | READING
    keywords |= {name: activation.name for name, activation in cell.activations.items()}
    keywords |= {name: None for name in ("peephole", "clip", "recurrent_mask") if name in cell.accepts}
    weights = ["x", "W"] if cell.recurrence == "none" else ["x", "W", "U"]
    of_run = _signature(weights, ["b", *initial], keywords)
    of_forward = _signature(weights, ["b", *initial], keywords | {"checkpoint": None})
    of_backward = _signature(["tape"], ["dy", *(f"d{state}" for state in cell.states)], {"need_dx": True, "into": None})

    def forward(*given: Any, **named: Any) -> tuple[Output, RecurrentTape]:
        arguments = _arguments(of_forward, given, named)
        states = tuple(arguments.pop(name) for name in initial)
        x, W, U, b = (arguments.pop(name, None) for name in ("x", "W", "U", "b"))
        wanted = arguments.pop("return_sequences")
        del arguments["checkpoint"]  # saves memory in the kernels, and nothing here
        y, final, tape = recurrent_forward(cell, x, W, U, b, states, **arguments)
        return output(y if wanted else None, *final), tape

    def run(*given: Any, **named: Any) -> Output:
        return forward(**_arguments(of_run, given, named))[0]

    def backward(*given: Any, **named: Any) -> Grads:
        arguments = _arguments(of_backward, given, named)
        tape, dy = arguments.pop("tape"), arguments.pop("dy")
        dfinal = tuple(arguments.pop(f"d{state}") for state in cell.states)
        return grads(**recurrent_backward(tape, dy, dfinal, **arguments))

    for function, suffix, signature, summary in (
        (run, "", of_run, f"Run the cell `{cell.name}` over a sequence"),
        (forward, "_forward", of_forward, f"Run the cell `{cell.name}` over a sequence and keep the tape for backward"),
        (backward, "_backward", of_backward, f"Differentiate `{cell.name}`: back-propagation through time"),
    ):
        name = function.__name__ = function.__qualname__ = f"{cell.name}{suffix}"
        function.__signature__ = signature  # type: ignore[union-attr]
        function.__doc__ = f"{summary}; arguments and results are those of `seqfuse.functional.{name}`."
    return run, forward, backward


rnn, rnn_forward, rnn_backward = functions_of(CELLS["rnn"], RNNOutput, RNNGrads)
lstm, lstm_forward, lstm_backward = functions_of(CELLS["lstm"], LSTMOutput, LSTMGrads)
gru, gru_forward, gru_backward = functions_of(CELLS["gru"], GRUOutput, GRUGrads)
indrnn, indrnn_forward, indrnn_backward = functions_of(CELLS["indrnn"], IndRNNOutput, IndRNNGrads)
mingru, mingru_forward, mingru_backward = functions_of(CELLS["mingru"], MinGRUOutput, MinGRUGrads)
