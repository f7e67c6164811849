"""A graph as a config and back: its layers once each, and their calls in order, which read numbered places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse._io.structure import at
from seqfuse.layers._input import InputLayer
from seqfuse.layers._tensor import Node, Tensor

if TYPE_CHECKING:
    from seqfuse.models._model import Model


def of_graph(model: Model) -> dict[str, Any]:
    """The config of a model that was made of inputs and outputs."""
    graph = model._graph
    assert graph is not None
    number = {layer: i for i, layer in enumerate(graph.layers)}
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": list(graph.layers),
        "inputs": [number[tensor.node.layer] for tensor in graph.tensors],
        "calls": [[number[s.layer], s.options, list(s.reads), s.several_in] for s in graph.steps],
        "outputs": list(graph.outputs),
        "input_names": list(model.input_names) if model._several_in else None,
        "output_names": list(model.output_names) if model._several_out else None,
    }


def called(config: dict[str, Any]) -> list[Any]:
    """The layers that a model of this config calls, as often as it does."""
    layers = config.get("layers")
    if not isinstance(layers, list) or not all(hasattr(layer, "compute_output_shape") for layer in layers):
        raise ValueError("layers must be a list of layers")
    return [at(layers, call[0]) for call in config["calls"]] if "calls" in config else layers


def to_graph(config: dict[str, Any]) -> tuple[Any, Any]:
    """Inputs and outputs, as `Model` takes them; the layers in the config are called, and built where they are not."""
    layers = config["layers"]
    places: list[Tensor] = []
    for number in config["inputs"]:
        layer = at(layers, number)
        if not isinstance(layer, InputLayer):
            raise ValueError(f"an input must be an InputLayer; got {type(layer).__name__}")
        places.append(Node(layer, [], {}, False).gives((layer.batch_size, *layer.shape)))
    inputs = list(places)
    for number, options, reads, several in config["calls"]:
        if not reads or (len(reads) > 1 and not several):
            raise ValueError(f"a call must read one place, or several as a list; got {reads}")
        found = at(layers, number)._connect(Node(at(layers, number), [at(places, i) for i in reads], options, several))
        places += found if isinstance(found, list) else [found]
    outputs = [at(places, i) for i in config["outputs"]]
    return _as_given(inputs, config["input_names"]), _as_given(outputs, config["output_names"])


def _as_given(tensors: list[Tensor], names: list[str] | None) -> Any:
    """One, a list, or a dict where the names are others than those of the layers."""
    if names is None:
        return tensors[0]
    return tensors if names == [tensor.name for tensor in tensors] else dict(zip(names, tensors))
