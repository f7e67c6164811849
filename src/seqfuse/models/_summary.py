"""A model as a table: layers, shapes of their outputs, numbers of parameters, and what each is connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse.layers.weight import count
from seqfuse.models._graph import shapes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqfuse.layers._layer import Layer
    from seqfuse.models._graph import Graph


def lines(model: Layer, graph: Graph | None, width: int | None = None) -> Iterator[str]:
    """The lines of `Model.summary`."""
    yield f'Model: "{model.name}"'
    if graph is None:
        yield "not built: call it, or start it with an Input, and it has shapes and parameters"
        return
    rows = list(_rows(graph))
    titles: tuple[str, ...] = ("Layer (type)", "Output shape", "Parameters", "Connected to")
    if all(len(step.reads) == 1 for step in graph.steps) and len(graph.inputs) == 1:
        rows, titles = [row[:3] for row in rows], titles[:3]
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(len(titles))]
    if width is not None:
        widths[0] += max(0, width - sum(widths) - 3 * (len(widths) - 1))
    yield _line(titles, widths)
    yield "-+-".join("-" * w for w in widths)
    for row in rows:
        yield _line(row, widths)
    learnt, kept = count(model.trainable_weights), count(model.non_trainable_weights)
    size = sum(weight.value.nbytes for weight in model.weights)
    yield f"{learnt + kept:,} parameters ({_bytes(size)}): {learnt:,} trainable, {kept:,} not"


def _rows(graph: Graph) -> Iterator[tuple[str, ...]]:
    shapes = shapes_of(graph, [tensor.shape for tensor in graph.tensors])
    source: dict[int, str] = {}
    for place, tensor in zip(graph.inputs, graph.tensors):
        source[place] = tensor.name
        yield f"{tensor.name} (InputLayer)", _shape(tensor.shape), "0", ""
    told: set[Layer] = set()
    for layer, _, reads, writes, *_ in graph.steps:
        source.update((place, layer.name) for place in writes)
        parameters = "shared" if layer in told else f"{layer.count_params():,}"
        told.add(layer)
        outputs = ", ".join(_shape(shapes[place]) for place in writes)
        from_where = ", ".join(source[place] for place in reads)
        yield f"{layer.name} ({type(layer).__name__})", outputs, parameters, from_where


def _shape(shape: Any) -> str:
    return str(tuple(shape))


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [cell.rjust(w) if i == 2 else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths))]
    return " | ".join(cells).rstrip()


def _bytes(n: int) -> str:
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} bytes"
