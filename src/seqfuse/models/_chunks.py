"""Truncated back-propagation through time: sequences cut into chunks, with the states carried from one to the next."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.layers._recurrent import Recurrent
from seqfuse.layers._time_distributed import TimeDistributed
from seqfuse.models._batches import each, flat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqfuse.layers._layer import Layer
    from seqfuse.models._batches import Batch


def _carrying(layer: Layer) -> list[Recurrent]:
    """The recurrent layers that read along the steps that are cut, as often as they are called."""
    if isinstance(layer, Recurrent):
        return [layer]
    if isinstance(layer, TimeDistributed):  # what is inside reads along another axis
        return []
    graph = getattr(layer, "_graph", None)
    inside = layer.sublayers() if graph is None else [step.layer for step in graph.steps]
    return [one for part in inside for one in _carrying(part)]


@contextlib.contextmanager
def chunks_of(model: Layer, steps: Any) -> Iterator[Any]:
    """Within it the recurrent layers carry their states on; it gives a function that cuts a batch into chunks.

    Parameters
    ----------
    model : Model
    steps : int or None        K, of a chunk; None: a batch stays whole, and nothing is carried
    """
    if steps is None:
        yield lambda batch: (batch,)
        return
    steps = _checks.integer("fit", "bptt", steps, 1)
    layers = _carrying(model)
    for layer in layers:
        if layers.count(layer) > 1:
            raise ValueError(
                f"fit: bptt needs recurrent layers that are called once; got {layer.name}, which is shared"
            )
    if not layers:
        raise ValueError("fit: bptt needs recurrent layers, whose states it carries on; the model has none")
    backwards = [layer.name for layer in layers if layer.go_backwards]
    if backwards:
        raise ValueError(f"fit: bptt needs layers that read forwards; got {', '.join(backwards)} with go_backwards")

    def cut(batch: Batch) -> Iterator[Batch]:
        for layer in layers:
            layer.reset_state()
        length = _length(batch)
        for start in range(0, length, steps):
            yield tuple(each(lambda a, at=start: _piece(a, at, at + steps, length), part) for part in batch)  # type: ignore[misc]

    try:
        for layer in layers:
            layer.carries = True
        yield cut
    finally:
        for layer in layers:
            layer.carries = False
            if not layer.stateful:
                layer.reset_state()


def _length(batch: Batch) -> int:
    x, y, _ = batch
    lengths = {np.shape(a)[1] if np.ndim(a) > 1 else None for part in (x, y) for a in flat(part)}
    if len(lengths) != 1 or None in lengths:
        shapes = ", ".join(str(np.shape(a)) for part in (x, y) for a in flat(part))
        raise ValueError(
            f"fit: bptt needs x and y with the same number of steps, (batch, T, ...); got {shapes}. Give every step a "
            "target, and the last recurrent layer return_sequences=True"
        )
    length: int = lengths.pop()  # type: ignore[assignment]
    return length


def _piece(array: Any, start: int, stop: int, length: int) -> Any:
    """Those steps; an array without them (a weight a sequence) stays whole."""
    return array[:, start:stop] if array.ndim > 1 and array.shape[1] == length else array
