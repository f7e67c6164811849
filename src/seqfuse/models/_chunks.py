"""Truncated back-propagation through time: sequences are cut into chunks, and states are carried between them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.layers._recurrent import Recurrent
from seqfuse.layers._time_distributed import TimeDistributed
from seqfuse.models._batches import list_arrays, map_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqfuse.layers._layer import Layer
    from seqfuse.models._batches import Batch


def _recurrent_calls(layer: Layer) -> list[Recurrent]:
    """Return the recurrent layers along the time axis that is cut, once per call."""
    if isinstance(layer, Recurrent):
        return [layer]
    if isinstance(layer, TimeDistributed):  # its inner layer runs along another axis
        return []
    graph = getattr(layer, "_graph", None)
    inner = layer.sublayers() if graph is None else [call.layer for call in graph.calls]
    return [recurrent for each in inner for recurrent in _recurrent_calls(each)]


@contextlib.contextmanager
def truncated_bptt(model: Layer, steps: Any) -> Iterator[Any]:
    """Provide a function that cuts a batch into chunks; recurrent layers carry their states between chunks.

    Parameters
    ----------
    model : Model
        Model that is trained.
    steps : int or None
        Number of steps of a chunk. None leaves batches whole and carries no states.

    Yields
    ------
    callable
        Function from a batch to an iterator of chunks.
    """
    if steps is None:
        yield lambda batch: (batch,)
        return
    steps = _checks.integer("fit", "bptt", steps, 1)
    layers = _recurrent_calls(model)
    for layer in layers:
        if layers.count(layer) > 1:
            raise ValueError(
                f"fit: bptt must be None if a recurrent layer is called twice; got {layer.name}, which is shared"
            )
    if not layers:
        raise ValueError("fit: bptt must be None for a model without recurrent layers")
    backwards = [layer.name for layer in layers if layer.go_backwards]
    if backwards:
        raise ValueError(f"fit: bptt must be None for layers with go_backwards; got {', '.join(backwards)}")

    def cut(batch: Batch) -> Iterator[Batch]:
        for layer in layers:
            layer.reset_state()
        length = _length(batch)
        for start in range(0, length, steps):
            yield tuple(map_arrays(lambda a, at=start: _chunk(a, at, at + steps, length), part) for part in batch)  # type: ignore[misc]

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
    """Return the number of steps, which x and y must have in common."""
    x, y, _ = batch
    lengths = {np.shape(a)[1] if np.ndim(a) > 1 else None for part in (x, y) for a in list_arrays(part)}
    if len(lengths) != 1 or None in lengths:
        shapes = ", ".join(str(np.shape(a)) for part in (x, y) for a in list_arrays(part))
        raise ValueError(
            f"fit: with bptt, x and y must have the same number of steps, (batch, T, ...); got {shapes}. Give every "
            "step a target, and set return_sequences=True in the last recurrent layer"
        )
    length: int = lengths.pop()  # type: ignore[assignment]
    return length


def _chunk(array: Any, start: int, stop: int, length: int) -> Any:
    """Return steps start..stop of an array; an array without a time axis, such as weights per sequence, is kept."""
    return array[:, start:stop] if array.ndim > 1 and array.shape[1] == length else array
