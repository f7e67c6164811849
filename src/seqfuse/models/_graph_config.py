"""Converts the graph of a model to a config and back: the layers, and their calls with numbered slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse._io.structure import at
from seqfuse.layers._input import InputLayer
from seqfuse.layers._tensor import Node, Tensor

if TYPE_CHECKING:
    from seqfuse.models._model import Model


def graph_config(model: Model) -> dict[str, Any]:
    """Return the config of a model that was created from symbolic inputs and outputs."""
    graph = model._graph
    assert graph is not None
    number = {layer: i for i, layer in enumerate(graph.layers)}
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": list(graph.layers),
        "inputs": [number[tensor.node.layer] for tensor in graph.tensors],
        "calls": [[number[call.layer], call.options, list(call.inputs), call.several_in] for call in graph.calls],
        "outputs": list(graph.outputs),
        "input_names": list(model.input_names) if model._several_in else None,
        "output_names": list(model.output_names) if model._several_out else None,
    }


def called_layers(config: dict[str, Any]) -> list[Any]:
    """Return the layers that a model with this config calls, once per call."""
    layers = config.get("layers")
    if not isinstance(layers, list) or not all(hasattr(layer, "compute_output_shape") for layer in layers):
        raise ValueError("layers must be a list of layers")
    return [at(layers, call[0]) for call in config["calls"]] if "calls" in config else layers


def tensors_from_config(config: dict[str, Any]) -> tuple[Any, Any]:
    """Return the symbolic inputs and outputs for `Model`. The layers in the config are called, and built if needed."""
    layers = config["layers"]
    slots: list[Tensor] = []
    for number in config["inputs"]:
        layer = at(layers, number)
        if not isinstance(layer, InputLayer):
            raise ValueError(f"an input must be an InputLayer; got {type(layer).__name__}")
        slots.append(Node(layer, [], {}, False).gives((layer.batch_size, *layer.shape)))
    inputs = list(slots)
    for number, options, sources, several in config["calls"]:
        if not sources or (len(sources) > 1 and not several):
            raise ValueError(f"a call must have one input, or several as a list; got {sources}")
        layer = at(layers, number)
        result = layer._connect(Node(layer, [at(slots, i) for i in sources], options, several))
        slots += result if isinstance(result, list) else [result]
    outputs = [at(slots, i) for i in config["outputs"]]
    return _restore_structure(inputs, config["input_names"]), _restore_structure(outputs, config["output_names"])


def _restore_structure(tensors: list[Tensor], names: list[str] | None) -> Any:
    """Return one tensor, a list, or a dict if the names differ from those of the layers."""
    if names is None:
        return tensors[0]
    return tensors if names == [tensor.name for tensor in tensors] else dict(zip(names, tensors))
