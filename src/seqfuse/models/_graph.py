"""The graph of a model: its layer calls in topological order, derived from symbolic tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from seqfuse.layers._tensor import Node, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse.layers._layer import Layer


class LayerCall(NamedTuple):
    """One call of a layer. Inputs and outputs are in numbered slots."""

    layer: Layer
    options: dict[str, Any]  # keyword arguments of the call
    inputs: tuple[int, ...]  # slots
    outputs: tuple[int, ...]  # slots
    several_in: bool  # whether the layer expects a list of inputs
    several_out: bool  # whether the layer returns a list of outputs


class Graph(NamedTuple):
    """The layer calls of a model, each after those whose outputs it needs."""

    calls: list[LayerCall]
    inputs: list[int]  # slots of the inputs
    outputs: list[int]  # slots of the outputs
    slots: int  # number of slots
    layers: list[Layer]  # in Keras's order, which is the order of the weights; includes InputLayers
    tensors: list[Tensor]  # symbolic inputs


def build_graph(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Graph:
    """Return the graph of the layer calls that lead from inputs to outputs.

    Raises
    ------
    ValueError
        If an output depends on a tensor that is not among the inputs, or two layers have the same name.
    """
    nodes, visit_order = _topological_order(inputs, outputs)
    slot = {id(tensor): i for i, tensor in enumerate(inputs)}
    calls = []
    for node in nodes:
        for tensor in node.outputs:
            slot.setdefault(id(tensor), len(slot))
        sources = tuple(slot[id(tensor)] for tensor in node.inputs)
        targets = tuple(slot[id(tensor)] for tensor in node.outputs)
        calls.append(LayerCall(node.layer, node.options, sources, targets, node.several_in, node.several_out))
    layers = _layers_by_depth(inputs, nodes, visit_order)
    names = [layer.name for layer in layers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'Model: names of layers must be unique; got "{name}" twice. Rename one of the layers')
    input_slots, output_slots = ([slot[id(tensor)] for tensor in tensors] for tensors in (inputs, outputs))
    return Graph(calls, input_slots, output_slots, len(slot), layers, list(inputs))


def infer_shapes(graph: Graph, input_shapes: Sequence[Any]) -> list[Any]:
    """Return the shape in every slot for the given input shapes. A layer raises an error if a shape does not fit."""
    shapes: list[Any] = [None] * graph.slots
    for slot, shape in zip(graph.inputs, input_shapes):
        shapes[slot] = shape
    for layer, options, inputs, outputs, several_in, several_out in graph.calls:
        sources = [shapes[slot] for slot in inputs]
        layer.check_shape(sources[0])
        result = layer.compute_output_shape(sources if several_in else sources[0], **options)
        for slot, shape in zip(outputs, result if several_out else [result]):
            shapes[slot] = shape
    return shapes


def _topological_order(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[list[Node], dict[Layer, int]]:
    """Return the calls, each after those it depends on, and the order in which the search finds layers."""
    given = {id(tensor) for tensor in inputs}
    done: set[int] = set()
    order: list[Node] = []
    visit_order: dict[Layer, int] = {}
    for output in outputs:
        stack: list[tuple[Tensor, bool]] = [(output, False)]
        while stack:  # depth-first search without recursion, because a model may have thousands of layers
            tensor, inputs_done = stack.pop()
            node = tensor.node
            if inputs_done:
                if id(node) not in done:
                    done.add(id(node))
                    order.append(node)
                continue
            if id(tensor) in given:
                visit_order.setdefault(node.layer, len(visit_order))
                continue
            if id(node) in done:
                continue
            if not node.inputs:
                raise ValueError(
                    f"Model: outputs must depend on inputs only; got {node.layer.name}, which is not among the inputs"
                )
            visit_order.setdefault(node.layer, len(visit_order))
            stack.append((tensor, True))
            stack += [(each, False) for each in reversed(node.inputs)]
    return order, visit_order


def _layers_by_depth(inputs: Sequence[Tensor], nodes: Sequence[Node], visit_order: dict[Layer, int]) -> list[Layer]:
    """Return the layers sorted by distance from the outputs, the largest first; ties are in the order of the visit."""
    node_depth: dict[int, int] = {}
    depth: dict[Layer, int] = {}
    for node in reversed(nodes):
        current = max(node_depth.get(id(node), 0), depth.get(node.layer, 0))
        depth[node.layer] = current
        for tensor in node.inputs:
            source = tensor.node
            node_depth[id(source)] = max(current + 1, node_depth.get(id(source), 0))
    for tensor in inputs:
        layer = tensor.node.layer
        if not tensor.node.inputs:
            depth[layer] = max(node_depth.get(id(tensor.node), 0), depth.get(layer, 0))
            visit_order.setdefault(layer, -1)
    return sorted(depth, key=lambda layer: (-depth[layer], visit_order[layer]))
