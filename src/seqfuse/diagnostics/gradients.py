"""Vanishing and exploding gradients: the norm of the loss gradient with respect to the state at each time step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse.diagnostics.backward import backpropagate
from seqfuse.diagnostics.calls import RecurrentCall, number_repeats, recurrent_calls
from seqfuse.diagnostics.figure import new_figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seqfuse._arrays import Array
    from seqfuse.models import Model

MAX_MARKED_STEPS = 40  # longer lines are drawn without a dot per step


def gradient_norms(model: Model, x: Any, y: Any, sample_weight: Any = None) -> dict[str, Array]:
    """Return the norm of the loss gradient with respect to the state at every time step of every recurrent layer.

    Norms that shrink toward the first steps show a vanishing gradient, norms that grow an exploding one.

    Parameters
    ----------
    model : Model
        Model that is compiled with a loss and has a recurrent layer at any depth.
    x, y : array_like, or list or dict of array_like
        Inputs and targets: one batch.
    sample_weight : array_like, or list or dict of array_like, optional
        Weights of the samples in the loss. Ones by default.

    Returns
    -------
    dict of str to ndarray of float64, shape (T,)
        Under the name of a layer, such as "lstm", the norms for the hidden state h. For an LSTM, "lstm/c" has those
        for the cell state c. If a layer is called several times, "lstm (2)" is its second call. The time steps are in
        the order of `x`, also for layers that run backwards. Steps that are valid in no sequence are NaN.

    Raises
    ------
    RuntimeError
        If the model is not compiled.
    ValueError
        If the model has no loss, or no recurrent layer on which the loss depends.

    See Also
    --------
    plot_gradient_norms : Draw the result.

    Notes
    -----
    The norm at step t is taken over all sequences of the batch for which the step is valid, and over all units::

        norm[t] = sqrt(sum over sequences b and units j of (dL/dh[b, t, j])**2)
        dL/dh[t] = dy[t] + (dL/dh[t] through step t + 1)

    where L is the loss and dy[t] the gradient that arrives from the layers above. The derivative with respect to h[t]
    holds c[t] fixed, and vice versa.

    The loss is a mean over the sequences, so the norms of a batch that is four times as large are about half as large.
    The model runs in inference mode, without dropout. The backward pass of each layer is repeated one step at a time
    from the states on its tape; the results have the same bits as a backward pass over the whole sequence.

    References
    ----------
    Y. Bengio, P. Simard and P. Frasconi, "Learning long-term dependencies with gradient descent is difficult", IEEE
    Transactions on Neural Networks, 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.diagnostics import gradient_norms
    >>> from seqfuse.layers import LSTM, Dense, Input
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Input((20, 1)), LSTM(8, name="memory"), Dense(1)])
    >>> model.compile("adam", "mse")
    >>> norms = gradient_norms(model, np.ones((4, 20, 1)), np.ones((4, 1)))
    >>> list(norms), norms["memory"].shape
    (['memory', 'memory/c'], (20,))
    >>> bool(norms["memory"][0] < norms["memory"][-1])  # the gradient vanishes toward the first step
    True
    """
    with recurrent_calls(model) as calls:
        backpropagate("gradient_norms", model, x, y, sample_weight)
    with_gradients = number_repeats([(call.layer.name, call) for call in calls if call.gradients is not None])
    if not with_gradients:
        raise ValueError(
            f"gradient_norms: {model.name} must have a recurrent layer on which the loss depends; got none"
        )
    found = {}
    for name, call in with_gradients.items():
        for state, norms in zip(call.layer.state_names, _norms(call)):
            found[name if state == "h" else f"{name}/{state}"] = norms
    return found


def _norms(call: RecurrentCall) -> Array:
    """Return the norms (states, T) of the gradients with respect to the states after each step."""
    steps = call.x.shape[1]
    found = np.full((len(call.states), steps), np.nan)
    for t, gradients in _through_time(call):
        valid = np.ones(call.x.shape[0], bool) if call.mask is None else call.mask[:, t]
        if valid.any():
            found[:, t] = [np.sqrt(np.square(gradient[valid], dtype=np.float64).sum()) for gradient in gradients]
    return found


def _through_time(call: RecurrentCall) -> Iterator[tuple[int, list[Array]]]:
    """Backpropagate through a recurrent call one step at a time.

    Yields, from the last step that the layer ran to the first, the step t and the gradients (B, H) with respect to the
    states after step t.
    """
    assert call.gradients is not None
    dy, *d_final = call.gradients
    states_after = list(call.tape.states().values())  # (B, T, H) each
    if 0 in call.x.shape[:2]:
        return
    gradients = [np.zeros_like(state[:, 0]) if d is None else d for state, d in zip(states_after, d_final)]
    T = call.x.shape[1]
    reverse = call.options["reverse"]
    for t in range(T) if reverse else reversed(range(T)):
        if dy is not None:
            dy_t = dy[:, t] if call.mask is None else np.where(call.mask[:, t, None], dy[:, t], 0)
            gradients[0] = gradients[0] + dy_t
        yield t, gradients
        previous = t + 1 if reverse else t - 1
        states = [state[:, previous] for state in states_after] if 0 <= previous < T else call.states
        step = slice(t, t + 1)
        mask = None if call.mask is None else call.mask[:, step]
        options = call.options | {"mask": mask, "return_sequences": False, "checkpoint": None}
        _, tape = call.forward(call.x[:, step], *call.weights, *states, **options)
        d = call.backward(tape, None, *gradients, need_dx=False)
        gradients = [d.dh0, d.dc0] if len(gradients) == 2 else [d.dh0]


def plot_gradient_norms(
    norms: Mapping[str, Any], title: str = "Gradients through time"
) -> tuple[Any, dict[str, Array]]:
    """Draw the result of `gradient_norms` over time, on a logarithmic axis. Norms that are 0 leave a gap.

    Parameters
    ----------
    norms : dict of str to array_like, shape (T,)
        Result of `gradient_norms`. To compare models, put their norms into one dict:
        ``{"before": a["lstm"], "after": b["lstm"]}``. The names appear in the legend.
    title : str, optional
        Title of the figure.

    Returns
    -------
    Figure
        A `matplotlib.figure.Figure`.
    dict of str to ndarray of float64, shape (T,)
        The norms that are drawn.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from seqfuse.diagnostics import plot_gradient_norms
    >>> figure, drawn = plot_gradient_norms({"lstm": [1e-6, 1e-3, 1.0]})  # doctest: +SKIP
    >>> figure.savefig("gradients.png")  # doctest: +SKIP
    """
    numbers = {str(name): np.asarray(values, np.float64) for name, values in norms.items()}
    legend_width = 0.8 + 0.085 * max(map(len, numbers), default=0)  # inches: a sample of the line, and the name
    figure = new_figure("plot_gradient_norms", 7 + legend_width, 4.5)
    axes = figure.subplots()
    colors: dict[str, Any] = {}  # h and c of one layer have the same color
    for name, values in numbers.items():
        layer, style = name.removesuffix("/c"), "--" if name.endswith("/c") else "-"
        marker = "." if len(values) <= MAX_MARKED_STEPS else None
        positive = np.where(values > 0, values, np.nan)
        (line,) = axes.plot(positive, style, color=colors.get(layer), marker=marker, label=name)
        colors[layer] = line.get_color()
    axes.set_yscale("log")
    axes.set_xlabel("time step")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("norm of the gradient of the loss\nwith respect to the state")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    if numbers:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1))  # beside the axes, where it covers no line
    return figure, numbers
