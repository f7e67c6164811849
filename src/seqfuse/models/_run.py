"""Runs the graph of a model forward and backward, layer by layer, with arrays in numbered slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from seqfuse.layers.weight import Gradients

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array
    from seqfuse.layers.weight import Weight
    from seqfuse.models._graph import Graph


class ModelTape(NamedTuple):
    """Tape of `Model.forward`."""

    graph: Graph
    tapes: list[Any]  # tape of each layer call
    masks: list[Any]  # masks of the outputs; None if all steps are valid
    inputs_were_list: bool = False  # the gradients of the inputs are then a list, too


def forward(
    graph: Graph, inputs: Sequence[Any], masks: Sequence[Any], training: bool, keep: bool
) -> tuple[list[Any], ModelTape]:
    """Return the outputs and the tape. Every array has its mask."""
    values: list[Any] = [None] * graph.slots
    mask_of: list[Any] = [None] * graph.slots
    for slot, value, mask in zip(graph.inputs, inputs, masks):
        values[slot], mask_of[slot] = value, mask
    tapes = []
    for layer, options, sources, targets, several_in, several_out in graph.calls:
        if several_in:
            x: Any = [values[slot] for slot in sources]
            mask = [mask_of[slot] for slot in sources]
            mask = mask if any(each is not None for each in mask) else None
        else:
            x, mask = values[sources[0]], mask_of[sources[0]]
        y, tape = layer.forward(x, training=training, mask=mask, keep=keep, **options)
        tapes.append(tape)
        if several_out:
            for slot, value in zip(targets, y):
                values[slot] = value
        else:
            values[targets[0]] = y
        if mask is not None or layer.makes_mask:
            out_mask = layer.mask_after(tape, x, mask)
            for slot, each in zip(targets, out_mask if isinstance(out_mask, (list, tuple)) else [out_mask]):
                mask_of[slot] = each
    outputs = [values[slot] for slot in graph.outputs]
    return outputs, ModelTape(graph, tapes, [mask_of[slot] for slot in graph.outputs])


def backward(
    graph: Graph, tape: ModelTape, dys: Sequence[Any], into: Sequence[list[Array]], needed: Sequence[bool]
) -> list[Any]:
    """Accumulate the gradients of the weights of every call into its arrays of `into`; return those of the inputs.

    `needed` states for every slot whether the gradient of its array is needed. An array that is used several times
    receives the sum. The gradient of an input that does not affect the loss is None.
    """
    gradients: list[Any] = [None] * graph.slots
    for slot, each in zip(graph.outputs, dys):
        _accumulate(gradients, slot, each)
    for (layer, _, sources, targets, several_in, several_out), call_tape, arrays in zip(
        reversed(graph.calls), reversed(tape.tapes), reversed(into)
    ):
        dy: Any = [gradients[slot] for slot in targets] if several_out else gradients[targets[0]]
        if dy is None or (several_out and all(each is None for each in dy)):
            continue
        need_dx = any(needed[slot] for slot in sources)
        if not need_dx and not arrays:
            continue
        dx, _ = layer.backward(call_tape, dy, need_dx=need_dx, into=arrays)
        if need_dx and dx is not None:
            for slot, each in zip(sources, dx if several_in else [dx]):
                if needed[slot]:
                    _accumulate(gradients, slot, each)
    return [gradients[slot] for slot in graph.inputs]


def _accumulate(gradients: list[Any], slot: int, dy: Any) -> None:
    """Add a gradient to a slot. The sum is a new array, because dy may be a view of another gradient."""
    if dy is not None:
        gradients[slot] = dy if gradients[slot] is None else gradients[slot] + dy


def needed_gradients(graph: Graph, input_gradients: bool) -> list[bool]:
    """Return for each slot whether its gradient is needed.

    It is needed if the array depends on a trainable weight. Gradients of the inputs are needed on request.
    """
    needed = [False] * graph.slots
    for slot in graph.inputs:
        needed[slot] = input_gradients
    for call in graph.calls:
        depends = any(needed[slot] for slot in call.inputs) or bool(call.layer.trainable_weights)
        for slot in call.outputs:
            needed[slot] = depends
    return needed


def arrays_by_call(graph: Graph, weights: Sequence[Weight], into: list[Array]) -> list[list[Array]]:
    """Return for each call the arrays of `into` that belong to the weights of its layer."""
    array_of = {id(weight): array for weight, array in zip(weights, into)}
    kind = type(into) if isinstance(into, Gradients) else list
    return [kind(array_of[id(weight)] for weight in call.layer.trainable_weights) for call in graph.calls]
