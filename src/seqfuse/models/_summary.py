"""Text descriptions of a model: the table of `Model.summary`, and `repr`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse.layers.weight import count
from seqfuse.models._graph import infer_shapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqfuse.layers._layer import Layer
    from seqfuse.models._graph import Graph
    from seqfuse.optimizers import Optimizer


def summary_lines(model: Layer, graph: Graph | None, width: int | None = None) -> Iterator[str]:
    """Generate the lines of `Model.summary`."""
    yield f'Model: "{model.name}"'
    if graph is None:
        yield "not built: call the model, or start it with an Input, to see shapes and parameters"
        return
    rows = list(_rows(graph))
    titles: tuple[str, ...] = ("Layer (type)", "Output shape", "Parameters", "Connected to")
    if all(len(call.inputs) == 1 for call in graph.calls) and len(graph.inputs) == 1:
        rows, titles = [row[:3] for row in rows], titles[:3]
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
    if width is not None:
        widths[0] += max(0, width - sum(widths) - 3 * (len(widths) - 1))
    yield _line(titles, widths)
    yield "-+-".join("-" * w for w in widths)
    for row in rows:
        yield _line(row, widths)
    trainable, frozen = count(model.trainable_weights), count(model.non_trainable_weights)
    size = sum(weight.value.nbytes for weight in model.weights)
    yield f"{trainable + frozen:,} parameters ({_bytes(size)}): {trainable:,} trainable, {frozen:,} not trainable"


def model_repr(model: Layer, graph: Graph | None, layers: int, compiled: tuple[Optimizer, Any] | None) -> str:
    """Return `repr` of a model, at most three lines.

    Parameters
    ----------
    model : Model
        The model.
    graph : Graph or None
        Its graph. None if the model is not built.
    layers : int
        Number of layers.
    compiled : tuple or None
        Optimizer, and the argument `loss` of `compile`. None if the model is not compiled.
    """
    size = f"{layers} layer" + "s" * (layers != 1)
    lines = [f'<{type(model).__name__} "{model.name}": {size}, {count(model.weights):,} parameters']
    if graph is None:
        lines[0] += ", not built"
    else:
        shapes = infer_shapes(graph, [tensor.shape for tensor in graph.tensors])
        inputs, outputs = (", ".join(_shape(shapes[slot]) for slot in slots) for slots in (graph.inputs, graph.outputs))
        lines.append(f"  {inputs} -> {outputs}")
    if compiled is not None:
        optimizer, loss = compiled
        rate = f"{type(optimizer).__name__}(learning_rate={optimizer.learning_rate:g})"
        lines.append(f"  optimizer {rate}, loss {loss if isinstance(loss, str) else repr(loss)}")
    return "\n".join(lines) + ">"


def _rows(graph: Graph) -> Iterator[tuple[str, ...]]:
    """Generate the rows of the table: one per input and layer call."""
    shapes = infer_shapes(graph, [tensor.shape for tensor in graph.tensors])
    source: dict[int, str] = {}
    for slot, tensor in zip(graph.inputs, graph.tensors):
        source[slot] = tensor.name
        yield f"{tensor.name} (InputLayer)", _shape(tensor.shape), "0", ""
    seen: set[Layer] = set()
    for layer, _, inputs, outputs, *_ in graph.calls:
        source.update((slot, layer.name) for slot in outputs)
        parameters = "shared" if layer in seen else f"{layer.count_params():,}"
        seen.add(layer)
        shape = ", ".join(_shape(shapes[slot]) for slot in outputs)
        connected_to = ", ".join(source[slot] for slot in inputs)
        yield f"{layer.name} ({type(layer).__name__})", shape, parameters, connected_to


def _shape(shape: Any) -> str:
    """Return a shape as text."""
    return str(tuple(shape))


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    """Return one line of the table; numbers of parameters are right-aligned."""
    cells = [cell.rjust(w) if i == 2 else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths))]
    return " | ".join(cells).rstrip()


def _bytes(n: int) -> str:
    """Return a size in bytes, kB or MB."""
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} bytes"
