"""Training curves: the loss and the metrics over the epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.diagnostics.figure import new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seqfuse._arrays import Array
    from seqfuse.callbacks import History

MAX_COLUMNS = 3
MAX_MARKED_EPOCHS = 40  # longer curves are drawn without a dot per epoch


def plot_history(
    history: History | Mapping[str, Sequence[float]], title: str = "Training"
) -> tuple[Any, dict[str, tuple[Array, Array]]]:
    """Draw the loss and every metric over the epochs, in a panel each, with training and validation in one panel.

    Parameters
    ----------
    history : History or dict of str to sequence of float
        What `Model.fit` returned, or its attribute ``history``.
    title : str, optional
        Title of the figure.

    Returns
    -------
    Figure
        A `matplotlib.figure.Figure`.
    dict of str to tuple of ndarray
        The curves that are drawn: under each name the epochs, counted from 1 as `Model.fit` prints them, and the
        values.

    Raises
    ------
    ValueError
        If there is no epoch, or if `history` is a dict whose lists differ in length, so that their epochs are unknown.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from seqfuse.diagnostics import plot_history
    >>> figure, drawn = plot_history({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]})  # doctest: +SKIP
    >>> figure.savefig("training.png")  # doctest: +SKIP
    """
    curves = _curves(history)
    if not curves:
        raise ValueError("plot_history: history must have at least one epoch; got none")
    # A validation curve shares the panel of its training curve, if there is one.
    names = [name for name in curves if name.removeprefix("val_") == name or name.removeprefix("val_") not in curves]
    columns = min(len(names), MAX_COLUMNS)
    rows = -(-len(names) // columns)
    figure = new_figure("plot_history", max(6.0, 0.6 + 3.6 * columns), 0.8 + 3 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    marker = "." if max(len(epochs) for epochs, _ in curves.values()) <= MAX_MARKED_EPOCHS else None
    for axes, name in zip(panels, names):
        validation = f"val_{name}"
        axes.plot(*curves[name], "-", marker=marker, label="training" if validation in curves else None)
        if validation in curves:
            axes.plot(*curves[validation], "--", marker=marker, label="validation")
            axes.legend()
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    figure.suptitle(title)
    return figure, curves


def _curves(history: Any) -> dict[str, tuple[Array, Array]]:
    """Return the epochs, counted from 1, and the values under every name that has any."""
    lists = getattr(history, "history", history)
    epochs = getattr(history, "epochs", None)
    if epochs is None:
        lengths = {name: len(values) for name, values in lists.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"plot_history: history must have lists of equal length; got {lengths}. Pass the History object that "
                "fit returned, which knows the epochs of each list"
            )
        epochs = {name: range(n) for name, n in lengths.items()}
    return {
        name: (np.asarray(epochs[name], np.int64) + 1, np.asarray(values, np.float64))
        for name, values in lists.items()
        if len(values)
    }
