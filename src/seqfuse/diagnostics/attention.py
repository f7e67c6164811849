"""What attention looks at: the weights of every query over the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _names
from seqfuse.diagnostics.calls import attention_calls, by_name, recurrent_calls
from seqfuse.diagnostics.figure import new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array
    from seqfuse.models import Model


def attention_weights(model: Model, x: Any, layer: str | None = None) -> Array:
    """The weights of attention that a layer inside a model finds for x.

    Parameters
    ----------
    model : Model
    x : array, or a list or dict of them        one batch
    layer : str        the layer's name; "name (2)" is its second call. None: the model has but one

    Returns
    -------
    ndarray        (batch, Tq, T) of an Attention, (batch, heads, Tq, T) of a MultiHeadAttention; each row sums to 1, or
        is 0 where a query has no key left

    Raises
    ------
    ValueError        there is no such layer, or layer is None and there are several

    Notes
    -----
    Dropout is off.

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
    found = by_name([(one.name, weights) for one, weights in calls])
    if layer is None and len(found) == 1:
        return next(iter(found.values()))
    if layer not in found:
        if not found:
            raise ValueError(f"attention_weights: {model.name} must have an attention layer; got none")
        near = "" if layer is None else _names.suggestion(layer, found)
        raise ValueError(f"attention_weights: layer must be {_names.listed(found)}; got {layer!r}{near}")
    return found[layer]


def plot_attention(
    weights: Any,
    query_labels: Sequence[object] | None = None,
    key_labels: Sequence[object] | None = None,
    title: str = "Attention",
) -> tuple[Any, Array]:
    """Draw the weights of one sequence as a map, a row a query and a column a key; a map for each head.

    Parameters
    ----------
    weights : (Tq, T) or (heads, Tq, T)        such as `attention_weights(model, x)[0]`
    query_labels, key_labels : lists of Tq and T words        what stands at the rows and columns; numbers by default
    title : str

    Returns
    -------
    Figure        of matplotlib
    ndarray        what is drawn, (heads, Tq, T)

    Raises
    ------
    ValueError        other axes than these, or another number of labels
    """
    maps = np.asarray(weights)
    if maps.ndim not in (2, 3) or not maps.size:
        got = f"{maps.shape}" + (". Give those of one sequence: weights[0]" if maps.ndim == 4 else "")
        raise ValueError(f"plot_attention: weights must be (Tq, T) or (heads, Tq, T); got {got}")
    maps = maps.reshape(-1, *maps.shape[-2:])
    heads, Tq, T = maps.shape
    for argument, labels, size in (("query_labels", query_labels, Tq), ("key_labels", key_labels, T)):
        if labels is not None and len(labels) != size:
            raise ValueError(f"plot_attention: {argument} must have {size} entries; got {len(labels)}")
    columns = min(heads, 4)
    rows = -(-heads // columns)
    side = 5.0 if heads == 1 else 2.8
    figure = new_figure("plot_attention", 1.2 + side * columns, 1.0 + side * rows * min(max(Tq / T, 0.4), 1.6))
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for head, axes in enumerate(panels[:heads]):
        image = axes.imshow(maps[head], vmin=0, vmax=maps.max(), cmap="viridis", interpolation="nearest")
        if heads > 1:
            axes.set_title(f"head {head}", fontsize="medium")
        for axis, labels, angle in ((axes.xaxis, key_labels, 90), (axes.yaxis, query_labels, 0)):
            if labels is None:
                axis.get_major_locator().set_params(integer=True)
            else:
                axis.set_ticks(range(len(labels)), [str(label) for label in labels], rotation=angle)
        axes.set_xlabel("key")
        axes.set_ylabel("query")
        axes.label_outer()
    for axes in panels[heads:]:
        axes.set_axis_off()
    figure.colorbar(image, ax=list(panels[:heads]), label="weight", shrink=0.8)
    figure.suptitle(title)
    return figure, maps
