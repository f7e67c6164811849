"""How a training went: the loss and the metrics over the epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.diagnostics.figure import new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seqfuse._arrays import Array
    from seqfuse.callbacks import History


def plot_history(
    history: History | Mapping[str, Sequence[float]], title: str = "Training"
) -> tuple[Any, dict[str, tuple[Array, Array]]]:
    """Draw the loss and every metric over the epochs, a panel for each, that of the validation beside it.

    Parameters
    ----------
    history : History or dict        what `fit` returned, or `.history` of it
    title : str

    Returns
    -------
    Figure        of matplotlib
    dict        what is drawn, by name: the epochs, counted from 1 as `fit` prints them, and the numbers

    Raises
    ------
    ValueError        there is no epoch; or a dict that does not say which epochs its shorter lists belong to
    """
    numbers = _over_epochs(history)
    if not numbers:
        raise ValueError("plot_history: history must have an epoch at least; got none")
    names = [name for name in numbers if name.removeprefix("val_") == name or name.removeprefix("val_") not in numbers]
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = new_figure("plot_history", max(6.0, 0.6 + 3.6 * columns), 0.8 + 3 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(panels, names):
        few = max(len(epochs) for epochs, _ in numbers.values()) <= 40
        axes.plot(*numbers[name], ".-" if few else "-", label="training" if f"val_{name}" in numbers else None)
        if f"val_{name}" in numbers:
            axes.plot(*numbers[f"val_{name}"], ".--" if few else "--", label="validation")
            axes.legend()
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    figure.suptitle(title)
    return figure, numbers


def _over_epochs(history: Any) -> dict[str, tuple[Array, Array]]:
    """Epochs, from 1, and numbers."""
    lists = getattr(history, "history", history)
    epochs = getattr(history, "epochs", None)
    if epochs is None:
        lengths = {name: len(values) for name, values in lists.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"plot_history: history must have a number an epoch under every name; got {lengths}. Give the History "
                "itself, which knows the epochs"
            )
        epochs = {name: range(n) for name, n in lengths.items()}
    return {
        name: (np.asarray(epochs[name], np.int64) + 1, np.asarray(values, np.float64))
        for name, values in lists.items()
        if len(values)
    }
