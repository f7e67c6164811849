"""Vanishing and exploding gradients as numbers: how much of the loss comes back to the state of each time step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.diagnostics.backward import carry_back
from seqfuse.diagnostics.calls import RecurrentCall, by_name, recurrent_calls
from seqfuse.diagnostics.figure import new_figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seqfuse._arrays import Array
    from seqfuse.models import Model


def gradient_norms(model: Model, x: Any, y: Any, sample_weight: Any = None) -> dict[str, Array]:
    """The norm of dL/dh_t for every step t of every recurrent layer: does the loss still reach the first steps?

        dL/dh_t = dy_t + (dL/dh_t through step t + 1), from the last step to the first
        norm_t = sqrt(sum over sequences and units of (dL/dh_t)^2)

    Parameters
    ----------
    model : Model        compiled with a loss
    x, y, sample_weight : arrays, or lists or dicts of them        one batch

    Returns
    -------
    dict        by the name of the layer, (T,) in the order of x: of h; by "name/c" of the cell state of an LSTM

    Raises
    ------
    RuntimeError, ValueError        the model is not compiled, has no loss, or no recurrent layer that the loss reaches

    Notes
    -----
    h_t and c_t are the states after step t, each varied while the other stays: what a step later than t makes of them,
    and for h_t what the layer puts out. The loss of a batch is a mean over its sequences, so a batch four times as
    large has half the norms. Dropout is off. Rows at unreal steps do not count; a step that is real in no row is NaN.
    The layer is run again one step at a time, from the states on its tape, which gives the bits of the whole.
    Y. Bengio, P. Simard and P. Frasconi, "Learning long-term dependencies with gradient descent is difficult", 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.diagnostics import gradient_norms
    >>> from seqfuse.layers import LSTM, Dense, Input
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Input((20, 1)), LSTM(8, name="memory"), Dense(1)])
    >>> model.compile("adam", "mse")
    >>> norms = gradient_norms(model, np.ones((4, 20, 1)), np.ones((4, 1)))
    >>> list(norms), norms["memory"].shape, bool(norms["memory"][0] < norms["memory"][-1])
    (['memory', 'memory/c'], (20,), True)
    """
    with recurrent_calls(model) as calls:
        carry_back("gradient_norms", model, x, y, sample_weight)
    reached = by_name([(call.layer.name, call) for call in calls if call.gradients is not None])
    if not reached:
        raise ValueError(f"gradient_norms: {model.name} must have a recurrent layer that the loss reaches; got none")
    found = {}
    for name, call in reached.items():
        for state, norms in zip(call.layer.state_names, _norms(call)):
            found[name if state == "h" else f"{name}/{state}"] = norms
    return found


def _norms(call: RecurrentCall) -> Array:
    """(states, T), of the gradients of the states after each step."""
    steps = call.x.shape[1]
    found = np.full((len(call.states), steps), np.nan)
    for t, gradients in _through_time(call):
        rows = np.ones(call.x.shape[0], bool) if call.mask is None else call.mask[:, t]
        if rows.any():
            found[:, t] = [np.sqrt(np.square(one[rows], dtype=np.float64).sum()) for one in gradients]
    return found


def _through_time(call: RecurrentCall) -> Iterator[tuple[int, list[Array]]]:
    """Steps in the order of backward, each with the gradients (B, H) of the states after it."""
    forward, backward = call.pair
    assert call.gradients is not None
    dy, *given = call.gradients
    after = list(call.tape.states().values())
    if 0 in call.x.shape[:2]:
        return
    carried = [np.zeros_like(state[:, 0]) if d is None else d for state, d in zip(after, given)]
    last = call.x.shape[1] - 1
    backwards = call.options["reverse"]
    for t in range(last + 1) if backwards else range(last, -1, -1):
        if dy is not None:
            here = dy[:, t] if call.mask is None else np.where(call.mask[:, t, None], dy[:, t], 0)
            carried[0] = carried[0] + here
        yield t, carried
        before, one = t + 1 if backwards else t - 1, slice(t, t + 1)
        states = [state[:, before] for state in after] if 0 <= before <= last else call.states
        mask = None if call.mask is None else call.mask[:, one]
        options = call.options | {"mask": mask, "return_sequences": False, "checkpoint": None}
        _, tape = forward(call.x[:, one], *call.weights, *states, **options)
        grads = backward(tape, None, *carried, need_dx=False)
        carried = [grads.dh0, grads.dc0] if len(carried) == 2 else [grads.dh0]


def plot_gradient_norms(
    norms: Mapping[str, Any], title: str = "Gradients through time"
) -> tuple[Any, dict[str, Array]]:
    """Draw the norms of `gradient_norms` over the steps, on a logarithmic scale; those that are 0 leave a gap.

    Parameters
    ----------
    norms : dict        of (T,); those of several models are one dict: `{"before": a["lstm"], "after": b["lstm"]}`
    title : str

    Returns
    -------
    Figure        of matplotlib
    dict        what is drawn: the norms as arrays
    """
    figure = new_figure("plot_gradient_norms", 8, 4.5)
    axes = figure.subplots()
    numbers = {str(name): np.asarray(one, np.float64) for name, one in norms.items()}
    colors: dict[str, Any] = {}  # the states of one layer share one
    for name, one in numbers.items():
        layer, style = name.removesuffix("/c"), "--" if name.endswith("/c") else "-"
        few = "." if len(one) <= 40 else None
        (line,) = axes.plot(np.where(one > 0, one, np.nan), style, color=colors.get(layer), marker=few, label=name)
        colors[layer] = line.get_color()
    axes.set_yscale("log")
    axes.set_xlabel("time step")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("norm of the gradient of the loss\nwith respect to the state")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure, numbers
