"""A graph run forward and backward: arrays in numbered places, layer by layer, and the same way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from seqfuse.layers.weight import Gradients

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array
    from seqfuse.layers.weight import Weight
    from seqfuse.models._graph import Graph


class ModelTape(NamedTuple):
    """What `Model.backward` reads."""

    graph: Graph
    tapes: list[Any]  # one of every step
    masks: list[Any]  # of the outputs; None where all is real
    listed: bool = False  # whether the inputs were a list, as their gradients then are


def forward(
    graph: Graph, inputs: Sequence[Any], masks: Sequence[Any], training: bool, keep: bool
) -> tuple[list[Any], ModelTape]:
    """The outputs, and the tape; masks travel beside the arrays."""
    values: list[Any] = [None] * graph.places
    masked: list[Any] = [None] * graph.places
    for place, value, mask in zip(graph.inputs, inputs, masks):
        values[place], masked[place] = value, mask
    tapes = []
    for layer, options, reads, writes, several_in, several_out in graph.steps:
        if several_in:
            x: Any = [values[place] for place in reads]
            mask = [masked[place] for place in reads]
            mask = mask if any(one is not None for one in mask) else None
        else:
            x, mask = values[reads[0]], masked[reads[0]]
        y, tape = layer.forward(x, training=training, mask=mask, keep=keep, **options)
        tapes.append(tape)
        if several_out:
            for place, value in zip(writes, y):
                values[place] = value
        else:
            values[writes[0]] = y
        if mask is not None or layer.makes_mask:
            after = layer.mask_after(tape, x, mask)
            for place, one in zip(writes, after if isinstance(after, (list, tuple)) else [after]):
                masked[place] = one
    return [values[place] for place in graph.outputs], ModelTape(
        graph, tapes, [masked[place] for place in graph.outputs]
    )


def backward(
    graph: Graph, tape: ModelTape, dys: Sequence[Any], into: Sequence[list[Array]], wanted: Sequence[bool]
) -> list[Any]:
    """Add the gradients of every step's weights to its arrays of `into`; the gradients of the inputs.

    `wanted` says of every place whether the gradient of what is there is needed. What is read several times gets the
    sum; what nothing comes back to gets None.
    """
    gradients: list[Any] = [None] * graph.places
    for place, one in zip(graph.outputs, dys):
        _add(gradients, place, one)
    for (layer, _, reads, writes, several_in, several_out), of_step, arrays in zip(
        reversed(graph.steps), reversed(tape.tapes), reversed(into)
    ):
        dy: Any = [gradients[place] for place in writes] if several_out else gradients[writes[0]]
        if dy is None or (several_out and all(one is None for one in dy)):
            continue
        need_dx = any(wanted[place] for place in reads)
        if not need_dx and not arrays:
            continue
        dx, _ = layer.backward(of_step, dy, need_dx=need_dx, into=arrays)
        if need_dx and dx is not None:
            for place, one in zip(reads, dx if several_in else [dx]):
                if wanted[place]:
                    _add(gradients, place, one)
    return [gradients[place] for place in graph.inputs]


def _add(gradients: list[Any], place: int, dy: Any) -> None:
    if dy is not None:
        there = gradients[place]
        gradients[place] = dy if there is None else there + dy  # a new array: dy may be a view of another gradient


def wanted_places(graph: Graph, of_inputs: bool) -> list[bool]:
    """Of which places the gradient is needed: all that some trainable weight comes before; the inputs if asked for."""
    wanted = [False] * graph.places
    for place in graph.inputs:
        wanted[place] = of_inputs
    for step in graph.steps:
        learns = any(wanted[place] for place in step.reads) or bool(step.layer.trainable_weights)
        for place in step.writes:
            wanted[place] = learns
    return wanted


def by_step(graph: Graph, weights: Sequence[Weight], into: list[Array]) -> list[list[Array]]:
    """The arrays that follow `weights`, sorted by the steps whose layers have them."""
    array_of = {id(weight): array for weight, array in zip(weights, into)}
    kind = type(into) if isinstance(into, Gradients) else list
    return [kind(array_of[id(weight)] for weight in step.layer.trainable_weights) for step in graph.steps]
