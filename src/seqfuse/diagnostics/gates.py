"""Gates that are stuck: the share of units whose gate is shut or open, at every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _checks
from seqfuse.diagnostics.calls import by_name, recurrent_calls
from seqfuse.diagnostics.figure import new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seqfuse._arrays import Array
    from seqfuse.models import Model

NAMES = {"i": "input gate", "f": "forget gate", "o": "output gate", "z": "update gate", "r": "reset gate"}


class Saturation(NamedTuple):
    """Of one gate of one layer; shares of all units of all sequences, in 0..1."""

    shut: Array  # (T,), the share below the lower threshold
    open: Array  # (T,), the share above the upper one

    @property
    def total(self) -> Array:
        """(T,), the share that is saturated, either way: its gradient is small."""
        return self.shut + self.open


def gate_saturation(model: Model, x: Any, low: float = 0.05, high: float = 0.95) -> dict[str, Saturation]:
    """The share of units whose gate is below `low` or above `high`, for every gate of every LSTM and GRU.

    Parameters
    ----------
    model : Model
    x : array, or a list or dict of them        one batch
    low, high : float in [0, 1]        thresholds, of the gate after its activation

    Returns
    -------
    dict        by "layer/gate", such as "lstm/f": `Saturation`, arrays (T,) in the order of x. LSTM: i, f, o; GRU: z, r

    Raises
    ------
    ValueError        low is not below high, or there is no LSTM and no GRU

    Notes
    -----
    Dropout is off. Rows at unreal steps do not count; a step that is real in no row is NaN. Nearly all units with a
    forget gate shut remember nothing; nearly all open, and never shut, they count rather than forget.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.diagnostics import gate_saturation
    >>> from seqfuse.layers import LSTM, Dense, Input
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Input((5, 1)), LSTM(8, name="memory"), Dense(1)])
    >>> found = gate_saturation(model, np.zeros((4, 5, 1)), low=0.1, high=0.7)
    >>> list(found), float(found["memory/f"].open[0])  # the bias of the forget gate starts at 1, and sigmoid(1) is 0.73
    (['memory/i', 'memory/f', 'memory/o'], 1.0)
    """
    low = _checks.fraction("gate_saturation", "low", low)
    if not low < high <= 1:
        raise ValueError(f"gate_saturation: high must be in (low, 1] = ({low}, 1]; got {high}")
    with recurrent_calls(model) as calls:
        model.forward(model._batch(x, None, None)[0])
    found = {}
    gated = [(call.layer.name, call) for call in calls if hasattr(call.layer, "recurrent_activation")]
    for name, call in by_name(gated).items():
        real = np.ones(call.x.shape[:2], bool) if call.mask is None else call.mask
        for gate, values in call.tape.gates().items():
            if gate in NAMES:  # and not the candidate
                found[f"{name}/{gate}"] = Saturation(_share(values < low, real), _share(values > high, real))
    if not found:
        raise ValueError(f"gate_saturation: {model.name} must have an LSTM or a GRU; got neither")
    return found


def _share(chosen: Array, real: Array) -> Array:
    """(T,), the share of what is chosen (B, T, H) in what is real (B, T); NaN where nothing is."""
    units = real.sum(axis=0) * chosen.shape[2]
    share: Array = np.full(len(units), np.nan)
    np.divide((chosen & real[:, :, None]).sum(axis=(0, 2)), units, out=share, where=units > 0)
    return share


def plot_gate_saturation(
    saturation: Mapping[str, Saturation], title: str = "Saturated gates"
) -> tuple[Any, dict[str, Saturation]]:
    """Draw the shares of `gate_saturation` over the steps: a row of panels for each layer, a panel for each gate.

    Parameters
    ----------
    saturation : dict        from `gate_saturation`
    title : str

    Returns
    -------
    Figure        of matplotlib
    dict        what is drawn: the shares as they were given

    Raises
    ------
    ValueError        there is no gate
    """
    if not saturation:
        raise ValueError("plot_gate_saturation: saturation must have a gate at least; got none")
    rows: dict[str, list[str]] = {}
    for key in saturation:
        rows.setdefault(key.rpartition("/")[0], []).append(key)
    columns = max(map(len, rows.values()))
    figure = new_figure("plot_gate_saturation", 1.5 + 2.8 * columns, 1 + 2.2 * len(rows))
    panels = figure.subplots(len(rows), columns, sharex="row", sharey=True, squeeze=False)
    for row, keys in zip(panels, rows.values()):
        for axes, key in zip(row, keys):
            shut, opened = saturation[key]
            steps = np.arange(len(shut))
            axes.fill_between(steps, 0, 100 * shut, color="C0", alpha=0.8, linewidth=0, label="shut")
            axes.fill_between(steps, 100 - 100 * opened, 100, color="C1", alpha=0.8, linewidth=0, label="open")
            layer, _, gate = key.rpartition("/")
            axes.set_title(f"{layer}: {NAMES[gate]}, {gate}", fontsize="medium")
            axes.set_xlabel("time step")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.set_ylim(0, 100)
            axes.set_xlim(0, max(len(steps) - 1, 1))
            axes.grid(alpha=0.3)
        row[0].set_ylabel("share of units, %")
        for axes in row[len(keys) :]:
            axes.set_axis_off()
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(title)
    return figure, dict(saturation)
