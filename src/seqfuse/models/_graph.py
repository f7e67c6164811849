"""From symbolic tensors to the steps of a model: which layer is called on what, in an order in which all is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from seqfuse.layers._tensor import Node, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse.layers._layer import Layer


class Step(NamedTuple):
    """One call of a layer: it reads arrays from numbered places, and writes its outputs to others."""

    layer: Layer
    options: dict[str, Any]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    several_in: bool
    several_out: bool


class Graph(NamedTuple):
    """A model's calls in order."""

    steps: list[Step]
    inputs: list[int]  # places of the inputs
    outputs: list[int]
    places: int  # how many there are
    layers: list[Layer]  # in Keras's order, which is that of the weights; InputLayers too
    tensors: list[Tensor]  # the inputs as symbols


def graph_of(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Graph:
    """The calls that lead from inputs to outputs.

    Raises
    ------
    ValueError        an output depends on something that is not among the inputs; two layers of one name
    """
    nodes, met = _in_order(inputs, outputs)
    place = {id(tensor): i for i, tensor in enumerate(inputs)}
    steps = []
    for node in nodes:
        for tensor in node.outputs:
            place.setdefault(id(tensor), len(place))
        reads = tuple(place[id(tensor)] for tensor in node.inputs)
        writes = tuple(place[id(tensor)] for tensor in node.outputs)
        steps.append(Step(node.layer, node.options, reads, writes, node.several_in, node.several_out))
    layers = _by_depth(inputs, nodes, met)
    names = [layer.name for layer in layers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'Model: names of layers must differ; got "{name}" twice. Give one of them another name')
    of_inputs, of_outputs = ([place[id(tensor)] for tensor in tensors] for tensors in (inputs, outputs))
    return Graph(steps, of_inputs, of_outputs, len(place), layers, list(inputs))


def shapes_of(graph: Graph, inputs: Sequence[Any]) -> list[Any]:
    """The shape at every place, for inputs of these shapes; a layer refuses what does not fit."""
    shapes: list[Any] = [None] * graph.places
    for place, shape in zip(graph.inputs, inputs):
        shapes[place] = shape
    for layer, options, reads, writes, several_in, several_out in graph.steps:
        given = [shapes[place] for place in reads]
        layer.check_shape(given[0])
        found = layer.compute_output_shape(given if several_in else given[0], **options)
        for place, shape in zip(writes, found if several_out else [found]):
            shapes[place] = shape
    return shapes


def _in_order(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[list[Node], dict[Layer, int]]:
    """The calls, each behind those that it reads; and the layers, numbered as a walk from the outputs meets them."""
    given = {id(tensor) for tensor in inputs}
    done: set[int] = set()
    order: list[Node] = []
    met: dict[Layer, int] = {}
    for output in outputs:
        stack: list[tuple[Tensor, bool]] = [(output, False)]
        while stack:  # depth first, without recursion: a model may have thousands of layers
            tensor, left = stack.pop()
            node = tensor.node
            if left:
                if id(node) not in done:
                    done.add(id(node))
                    order.append(node)
                continue
            if id(tensor) in given:
                met.setdefault(node.layer, len(met))
                continue
            if id(node) in done:
                continue
            if not node.inputs:
                raise ValueError(
                    f"Model: outputs must follow from inputs; got {node.layer.name}, which is not among the inputs"
                )
            met.setdefault(node.layer, len(met))
            stack.append((tensor, True))
            stack += [(one, False) for one in reversed(node.inputs)]
    return order, met


def _by_depth(inputs: Sequence[Tensor], nodes: Sequence[Node], met: dict[Layer, int]) -> list[Layer]:
    """Layers by their distance from the outputs, the farthest first; equally far ones as the walk has met them."""
    depth_of_node: dict[int, int] = {}
    depth: dict[Layer, int] = {}
    for node in reversed(nodes):
        here = max(depth_of_node.get(id(node), 0), depth.get(node.layer, 0))
        depth[node.layer] = here
        for tensor in node.inputs:
            before = tensor.node
            depth_of_node[id(before)] = max(here + 1, depth_of_node.get(id(before), 0))
    for tensor in inputs:
        layer = tensor.node.layer
        if not tensor.node.inputs:
            depth[layer] = max(depth_of_node.get(id(tensor.node), 0), depth.get(layer, 0))
            met.setdefault(layer, -1)
    return sorted(depth, key=lambda layer: (-depth[layer], met[layer]))
