"""Conversion of the ONNX nodes RNN, GRU and LSTM to calls of seqfuse.

    run_node(node, values, module)                run a NodeProto with the values of its inputs by name
    call(operator, attributes, inputs, module)    the same with attributes and inputs by their ONNX names

`module` is `seqfuse.functional`, `seqfuse.reference`, or any object with their functions `rnn`, `lstm` and `gru`, which
receive only the options that the node needs. A feature that seqfuse does not have raises NotImplementedError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse._cells import CELLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from seqfuse._cells import Array

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")  # RNN and GRU have the first six
ATTRIBUTES = {
    "activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "input_forget", "layout",
    "linear_before_reset",
}  # fmt: skip
REVERSED = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}  # of each direction

# The name in seqfuse, and the defaults of alpha and beta in ONNX, which differ from those of Keras and seqfuse.
ACTIVATIONS: dict[str, tuple[Any, ...]] = {
    "affine": ("linear", 1.0, 0.0),
    "elu": ("elu", 1.0),
    "hardsigmoid": ("hard_sigmoid", 0.2, 0.5),
    "leakyrelu": ("leaky_relu", 0.01),
    "relu": ("relu",),
    "sigmoid": ("sigmoid",),
    "softplus": ("softplus",),
    "softsign": ("softsign",),
    "tanh": ("tanh",),
}


class Outputs(NamedTuple):
    """Outputs of a node in the layout of ONNX. With layout=1 the batch axis comes first.

    Attributes
    ----------
    Y : (T, dirs, B, H); (B, T, dirs, H)
    Y_h, Y_c : (dirs, B, H); (B, dirs, H). Y_c is None except for LSTM
    """

    Y: Array
    Y_h: Array
    Y_c: Array | None


def run_node(node: Any, values: Mapping[str, Array], module: Any) -> dict[str, Array]:
    """Return the values of the outputs of a node by name. Inputs and outputs with an empty name are skipped."""
    from onnx.helper import get_attribute_value

    attributes = {attribute.name: _text(get_attribute_value(attribute)) for attribute in node.attribute}
    inputs = {slot: values[name] for slot, name in zip(INPUTS, node.input) if name}
    outputs = call(node.op_type, attributes, inputs, module)
    return {name: value for name, value in zip(node.output, outputs) if name}


def call(operator: str, attributes: Mapping[str, Any], inputs: Mapping[str, Array], module: Any) -> Outputs:
    """Run `RNN`, `GRU` or `LSTM`, with one call per direction."""
    if unknown := set(attributes) - ATTRIBUTES:
        raise NotImplementedError(f"{operator}: attributes {sorted(unknown)}")
    if attributes.get("input_forget", 0):
        raise NotImplementedError(f"{operator}: input_forget=1")
    cell = operator.lower()
    layout = attributes.get("layout", 0)
    shared: dict[str, Any] = {"batch_first": True} if layout else {}
    if "sequence_lens" in inputs:
        shared["lengths"] = inputs["sequence_lens"]
    if cell == "gru":
        shared["reset_after"] = bool(attributes.get("linear_before_reset", 0))
    if "clip" in attributes:
        shared["clip"] = attributes["clip"]
    reversed_ = REVERSED[attributes.get("direction", "forward")]
    activations = list(_activations(cell, attributes)) or [{}] * len(reversed_)
    results = [
        getattr(module, cell)(
            inputs["X"],
            **_weights(cell, inputs, direction),
            **_states(inputs, direction, layout),
            **shared,
            **activations[direction],
            reverse=reverse,
        )
        for direction, reverse in enumerate(reversed_)
    ]
    return Outputs(
        np.stack([out.y for out in results], axis=2 if layout else 1),
        np.stack([out.h for out in results], axis=layout),
        np.stack([out.c for out in results], axis=layout) if cell == "lstm" else None,
    )


def _weights(cell: str, inputs: Mapping[str, Array], direction: int) -> dict[str, Array]:
    """Return W (I, G*H), U (H, G*H), b (2, G*H) and peephole (3, H) of one direction from W, R, B and P of ONNX."""
    W, R = inputs["W"][direction], inputs["R"][direction]
    H = R.shape[1]
    columns = CELLS[cell].columns_from("onnx", H)
    result = {"W": W.T[:, columns], "U": R.T[:, columns]}
    if "B" in inputs:
        result["b"] = inputs["B"][direction].reshape(2, -1)[:, columns]
    if "P" in inputs:
        i, o, f = inputs["P"][direction].reshape(3, H)
        result["peephole"] = np.stack([i, f, o])
    return result


def _states(inputs: Mapping[str, Array], direction: int, layout: int) -> dict[str, Array]:
    """Return h0 and c0 (B, H), if they are given."""
    given = {"h0": "initial_h", "c0": "initial_c"}
    return {ours: np.take(inputs[name], direction, axis=layout) for ours, name in given.items() if name in inputs}


def _activations(cell: str, attributes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the activation options of each direction. They are empty for the defaults, which are the same in ONNX.

    A constant belongs to the next function that has one, as in ONNX Runtime. Functions without constants are skipped.
    """
    names = attributes.get("activations", ())
    constants = [iter(attributes.get(f"activation_{name}", ())) for name in ("alpha", "beta")]
    functions = [_activation(name, constants) for name in names]
    count = {"rnn": 1, "gru": 2, "lstm": 3}[cell]
    for first in range(0, len(functions), count):
        if cell == "rnn":
            yield {"activation": functions[first]}
            continue
        gates, candidate, *state = functions[first : first + count]
        if state and state != [candidate]:
            raise NotImplementedError(f"LSTM: {candidate} for the candidate and {state[0]} for the state")
        yield {"recurrent_activation": gates, "activation": candidate}


def _activation(name: str, constants: Sequence[Iterator[float]]) -> Any:
    """Return the activation of seqfuse, with its constants if there are any."""
    if name.lower() not in ACTIVATIONS:
        raise NotImplementedError(f"the activation {name}")
    ours, *defaults = ACTIVATIONS[name.lower()]
    values = [next(given, default) for given, default in zip(constants, defaults)]
    if ours != "linear":
        return (ours, *values) if values else ours
    if values != defaults:
        raise NotImplementedError(f"the activation {name} with {values}")
    return ours


def _text(value: Any) -> Any:
    """Decode bytes, or a list of bytes, of ONNX."""
    if isinstance(value, list):
        return [_text(part) for part in value]
    return value.decode() if isinstance(value, bytes) else value
