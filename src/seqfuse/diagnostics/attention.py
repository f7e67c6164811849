"""Attention weights of a layer inside a model, and a picture of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _names
from seqfuse.diagnostics.calls import attention_calls, number_repeats, recurrent_calls
from seqfuse.diagnostics.figure import new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array
    from seqfuse.models import Model

MAX_COLUMNS = 4  # heads side by side
POINTS = 72  # per inch
LABEL_SIZES = 5, 10  # smallest and largest font of tick labels, in points
LINE_SPACING = 1.25  # height of a line of text relative to the font size
CHARACTER_WIDTH = 0.6  # mean width of a character relative to the font size
MAX_LABEL = 20  # characters; longer labels are shortened


def attention_weights(model: Model, x: Any, layer: str | None = None) -> Array:
    """Return the attention weights that a layer inside a model computes for a batch.

    Parameters
    ----------
    model : Model
        Model with an attention layer at any depth.
    x : array_like, or list or dict of array_like
        Inputs of the model: one batch.
    layer : str, optional
        Name of the layer, such as "attention". If the layer is called several times, "attention (2)" is the second
        call. Not needed if the model calls exactly one attention layer, once.

    Returns
    -------
    ndarray
        Weights: (B, Tq, T) of `Attention` and `AdditiveAttention`, (B, heads, Tq, T) of `MultiHeadAttention`, with
        queries along Tq and keys along T. Each row along the last axis sums to 1, or is 0 if the mask excludes every
        key.

    Raises
    ------
    ValueError
        If the model has no such layer, or if `layer` is None and there are several.

    See Also
    --------
    plot_attention : Draw the weights of one sequence.

    Notes
    -----
    The model runs in inference mode, without dropout.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.diagnostics import attention_weights
    >>> from seqfuse.layers import Attention, Input
    >>> from seqfuse.models import Model
    >>> x = Input((2, 3))
    >>> model = Model(x, Attention()([x, x]))
    >>> attention_weights(model, np.zeros((1, 2, 3)))
    array([[[0.5, 0.5],
            [0.5, 0.5]]], dtype=float32)
    """
    with recurrent_calls(model), attention_calls(model) as calls:
        model.forward(model._batch(x, None, None)[0])
    found = number_repeats([(called.name, weights) for called, weights in calls])
    if layer is None and len(found) == 1:
        return next(iter(found.values()))
    if layer not in found:
        if not found:
            raise ValueError(f"attention_weights: {model.name} must have an attention layer; got none")
        suggestion = "" if layer is None else _names.suggestion(layer, found)
        raise ValueError(f"attention_weights: layer must be {_names.listed(found)}; got {layer!r}{suggestion}")
    return found[layer]


def plot_attention(
    weights: Any,
    query_labels: Sequence[object] | None = None,
    key_labels: Sequence[object] | None = None,
    title: str = "Attention",
) -> tuple[Any, Array]:
    """Draw the attention weights of one sequence as a heat map per head, with queries as rows and keys as columns.

    Parameters
    ----------
    weights : array_like, shape (Tq, T) or (heads, Tq, T)
        Attention weights of one sequence, such as ``attention_weights(model, x)[0]``.
    query_labels, key_labels : sequence of str, optional
        Tq labels of the rows and T labels of the columns, such as words. Position numbers by default. Labels of more
        than 20 characters are shortened. If there is not enough room, only every second or third label (and so on) is
        shown.
    title : str, optional
        Title of the figure.

    Returns
    -------
    Figure
        A `matplotlib.figure.Figure`.
    ndarray, shape (heads, Tq, T)
        The weights that are drawn.

    Raises
    ------
    ValueError
        If `weights` has another shape, or if the number of labels is wrong.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from seqfuse.diagnostics import plot_attention
    >>> figure, drawn = plot_attention([[0.9, 0.1], [0.5, 0.5]], key_labels=["good", "morning"])  # doctest: +SKIP
    >>> figure.savefig("attention.png")  # doctest: +SKIP
    """
    maps = np.asarray(weights)
    if maps.ndim not in (2, 3) or not maps.size:
        advice = ". Pass the weights of one sequence: weights[0]" if maps.ndim == 4 else ""
        raise ValueError(f"plot_attention: weights must be (Tq, T) or (heads, Tq, T); got {maps.shape}{advice}")
    maps = maps.reshape(-1, *maps.shape[-2:])
    heads, Tq, T = maps.shape
    for argument, labels, size in (("query_labels", query_labels, Tq), ("key_labels", key_labels, T)):
        if labels is not None and len(labels) != size:
            raise ValueError(f"plot_attention: {argument} must have {size} entries; got {len(labels)}")
    columns = min(heads, MAX_COLUMNS)
    rows = -(-heads // columns)
    width = 5.0 if heads == 1 else 2.8  # of one map, in inches
    height = width * min(max(Tq / T, 0.4), 1.6)
    cell = min(width / T, height / Tq)
    keys, queries = _shortened(key_labels), _shortened(query_labels)
    rows_with_keys = 1 if heads % columns == 0 else 2  # the columns without a map in the last row need labels above it
    figure = new_figure(
        "plot_attention",
        1.2 + width * columns + _text_width(queries),
        1.0 + height * rows + _text_width(keys) * min(rows, rows_with_keys),
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for head, axes in enumerate(panels[:heads]):
        image = axes.imshow(maps[head], vmin=0, vmax=maps.max(), cmap="viridis", interpolation="nearest")
        if heads > 1:
            axes.set_title(f"head {head}", fontsize="medium")
        _label_ticks(axes.xaxis, keys, cell, 90)
        _label_ticks(axes.yaxis, queries, cell, 0)
        left, bottom = head % columns == 0, head + columns >= heads
        axes.tick_params(labelleft=left, labelbottom=bottom)
        axes.set_ylabel("query" if left else "")
        axes.set_xlabel("key" if bottom else "")
    for axes in panels[heads:]:
        axes.set_axis_off()
    figure.colorbar(image, ax=list(panels[:heads]), label="attention weight", shrink=0.8)
    figure.suptitle(title)
    return figure, maps


def _shortened(labels: Sequence[object] | None) -> list[str] | None:
    """Return the labels as strings of at most `MAX_LABEL` characters."""
    if labels is None:
        return None
    return [text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…" for text in map(str, labels)]


def _text_width(labels: list[str] | None) -> float:
    """Return the approximate width of the longest label in inches."""
    return max(map(len, labels or [""])) * CHARACTER_WIDTH * LABEL_SIZES[1] / POINTS


def _label_ticks(axis: Any, labels: list[str] | None, cell: float, rotation: int) -> None:
    """Write the labels at the ticks of an axis whose cells measure `cell` inches, without letting them overlap."""
    if labels is None:
        axis.get_major_locator().set_params(integer=True)
        return
    smallest, largest = LABEL_SIZES
    size = min(max(cell * POINTS / LINE_SPACING, smallest), largest)
    every = int(np.ceil(size * LINE_SPACING / (cell * POINTS) - 1e-9))
    shown = range(0, len(labels), every)
    axis.set_ticks(shown, [labels[i] for i in shown], rotation=rotation, fontsize=size)
