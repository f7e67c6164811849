"""Saturated gates: the fraction of units whose gate is shut or open, at every time step."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _checks
from seqfuse.diagnostics.calls import number_repeats, recurrent_calls
from seqfuse.diagnostics.figure import new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seqfuse._arrays import Array
    from seqfuse.models import Model

GATE_NAMES = {"i": "input gate", "f": "forget gate", "o": "output gate", "z": "update gate", "r": "reset gate"}
TITLE_WIDTH = 30  # characters of a layer's name per line: as many as fit above a panel


class Saturation(NamedTuple):
    """Fractions of units whose gate is saturated, over the T time steps.

    A fraction refers to all units of all sequences for which the step is valid. It is NaN at steps that are valid in no
    sequence.

    Attributes
    ----------
    shut : ndarray of float64, shape (T,)
        Fraction of units whose gate is below the lower threshold.
    open : ndarray of float64, shape (T,)
        Fraction of units whose gate is above the upper threshold.
    """

    shut: Array
    open: Array

    @property
    def total(self) -> Array:
        """Fraction of units whose gate is saturated, shut or open, shape (T,)."""
        return self.shut + self.open


def gate_saturation(model: Model, x: Any, low: float = 0.05, high: float = 0.95) -> dict[str, Saturation]:
    """Return the fraction of units whose gate is below `low` or above `high`, for every gate of every LSTM and GRU.

    Parameters
    ----------
    model : Model
        Model with an LSTM or a GRU at any depth.
    x : array_like, or list or dict of array_like
        Inputs of the model: one batch.
    low, high : float, optional
        Thresholds in [0, 1] for the gate's value after its activation. 0.05 and 0.95 by default.

    Returns
    -------
    dict of str to Saturation
        One entry per gate, with keys "layer/gate" such as "lstm/f". The gates are i, f and o of an LSTM, z and r of a
        GRU. The time steps are in the order of `x`, also for layers that run backwards.

    Raises
    ------
    ValueError
        If `low` is not below `high`, or if the model has neither an LSTM nor a GRU.

    See Also
    --------
    plot_gate_saturation : Draw the result.

    Notes
    -----
    The gradient of a saturated gate is small, so the gate hardly learns. If nearly all forget gates are shut, the layer
    forgets everything at each step; if they are always open, it never forgets. The model runs in inference mode,
    without dropout. Padding is not counted.

    Examples
    --------
    The bias of the forget gate is initialized to 1, and sigmoid(1) is 0.73:

    >>> import numpy as np
    >>> from seqfuse.diagnostics import gate_saturation
    >>> from seqfuse.layers import LSTM, Dense, Input
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Input((5, 1)), LSTM(8, name="memory"), Dense(1)])
    >>> found = gate_saturation(model, np.zeros((4, 5, 1)), low=0.1, high=0.7)
    >>> list(found), float(found["memory/f"].open[0])
    (['memory/i', 'memory/f', 'memory/o'], 1.0)
    """
    low = _checks.fraction("gate_saturation", "low", low)
    if not low < high <= 1:
        raise ValueError(f"gate_saturation: high must be in (low, 1] = ({low}, 1]; got {high}")
    with recurrent_calls(model) as calls:
        model.forward(model._batch(x, None, None)[0])
    found = {}
    gated = [(call.layer.name, call) for call in calls if hasattr(call.layer, "recurrent_activation")]
    for name, call in number_repeats(gated).items():
        valid = np.ones(call.x.shape[:2], bool) if call.mask is None else call.mask
        for gate, values in call.tape.gates().items():
            if gate in GATE_NAMES:  # leaves out the candidate, g or n
                found[f"{name}/{gate}"] = Saturation(_fraction(values < low, valid), _fraction(values > high, valid))
    if not found:
        raise ValueError(f"gate_saturation: {model.name} must have an LSTM or a GRU; got neither")
    return found


def _fraction(chosen: Array, valid: Array) -> Array:
    """Return the fraction (T,) of units of valid (B, T) steps that are chosen (B, T, H); NaN without valid steps."""
    units = valid.sum(axis=0) * chosen.shape[2]
    fraction: Array = np.full(len(units), np.nan)
    np.divide((chosen & valid[:, :, None]).sum(axis=(0, 2)), units, out=fraction, where=units > 0)
    return fraction


def plot_gate_saturation(
    saturation: Mapping[str, Saturation], title: str = "Saturated gates"
) -> tuple[Any, dict[str, Saturation]]:
    """Draw the result of `gate_saturation` over time, with a row of panels per layer and a panel per gate.

    Units that are shut are drawn from the bottom of a panel upwards, units that are open from its top downwards.

    Parameters
    ----------
    saturation : dict of str to Saturation
        Result of `gate_saturation`.
    title : str, optional
        Title of the figure.

    Returns
    -------
    Figure
        A `matplotlib.figure.Figure`.
    dict of str to Saturation
        The fractions that are drawn, as they were given.

    Raises
    ------
    ValueError
        If `saturation` is empty.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from seqfuse.diagnostics import plot_gate_saturation
    >>> figure, drawn = plot_gate_saturation(gate_saturation(model, x))  # doctest: +SKIP
    >>> figure.savefig("gates.png")  # doctest: +SKIP
    """
    if not saturation:
        raise ValueError("plot_gate_saturation: saturation must have at least one gate; got none")
    rows: dict[str, list[str]] = {}
    for key in saturation:
        rows.setdefault(key.rpartition("/")[0], []).append(key)
    columns = max(map(len, rows.values()))
    figure = new_figure("plot_gate_saturation", 1.5 + 2.8 * columns, 1.2 + 2.3 * len(rows))
    panels = figure.subplots(len(rows), columns, sharex="row", sharey=True, squeeze=False)
    for row, keys in zip(panels, rows.values()):
        for axes, key in zip(row, keys):
            layer, _, gate = key.rpartition("/")
            _draw_panel(axes, saturation[key])
            axes.set_title(f"{textwrap.fill(layer, TITLE_WIDTH)}\n{GATE_NAMES[gate]} {gate}", fontsize="medium")
        row[0].set_ylabel("units (%)")
        for axes in row[len(keys) :]:
            axes.set_axis_off()
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(title)
    return figure, dict(saturation)


def _draw_panel(axes: Any, saturation: Saturation) -> None:
    """Draw one gate: a step function of width 1 around each time step."""
    shut, opened = (100 * np.repeat(fraction, 2) for fraction in saturation)
    steps = len(saturation.shut)
    edges = np.repeat(np.arange(steps + 1) - 0.5, 2)[1:-1]
    axes.fill_between(edges, 0, shut, color="C0", alpha=0.8, linewidth=0, label="shut (gate < low)")
    axes.fill_between(edges, 100 - opened, 100, color="C1", alpha=0.8, linewidth=0, label="open (gate > high)")
    if not np.nansum(saturation.total):
        nothing = "no unit saturated" if np.isfinite(saturation.total).any() else "no valid step"
        axes.text(0.5, 0.5, nothing, ha="center", va="center", color="0.35", transform=axes.transAxes)
    axes.set_xlabel("time step")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(0, 100)
    axes.set_xlim(-0.5, max(steps, 1) - 0.5)
    axes.grid(alpha=0.3)
