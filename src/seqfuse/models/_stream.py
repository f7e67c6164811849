"""A model one step at a time: what `predict` gives for a sequence so far, in microseconds a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.layers._stream_step import StreamCall, StreamPlan
from seqfuse.models._graph import shapes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.models._graph import Graph
    from seqfuse.models._model import Model


class ModelStream:
    """What `Model.stream` returns: `batch` sequences, and the states that a model is in after the steps so far.

    Parameters
    ----------
    model : Model
    batch : int        how many sequences go side by side

    Raises
    ------
    ValueError        a layer that cannot be taken step by step; the message names it, and says why

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import GRU, Dense, Input
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([Input((None, 3)), GRU(8, return_sequences=True), Dense(2)])
    >>> x = np.random.default_rng(0).normal(size=(1, 5, 3))
    >>> stream = model.stream()
    >>> y = [stream.step(x[:, t]) for t in range(5)]
    >>> bool((np.stack(y, 1) == model.predict(x)).all())
    True
    """

    def __init__(self, model: Model, batch: int = 1) -> None:
        self.name, self.batch = model.name, _checks.integer("stream", "batch", batch, 1)
        graph = model._graph
        if graph is None:
            raise ValueError(f"{model.name}: stream needs a model with shapes. Call it first, or begin with an Input")
        self._names, self._several, self._several_out = model.input_names, model._several_in, model._several_out
        self._shapes = [(self.batch, *tensor.shape[2:]) for tensor in graph.tensors]
        for tensor in graph.tensors:
            if len(tensor.shape) < 2:
                raise ValueError(f"{self.name}: stream needs inputs (batch, T, ...); got {tensor.name} {tensor.shape}")
        self._plan = StreamPlan(self.name, self.batch)
        shapes = [tensor.shape for tensor in graph.tensors]
        self._run, self._timed = planned(graph, self._plan, [True] * len(shapes), shapes)

    def step(self, x: Any) -> Any:
        """Take one step.

        Parameters
        ----------
        x : (batch, ...)        the inputs at this step, without the axis of time; several as `predict` takes them

        Returns
        -------
        (batch, ...)        the output at this step; of a layer without return_sequences, and of what follows it, the
            output for a sequence that ends here. A list where there are several

        Raises
        ------
        ValueError        a shape disagrees, or the step is padding; the states are as they were
        """
        if self._several or len(self._shapes) > 1:
            given = [x[name] for name in self._names] if isinstance(x, dict) else x
            if len(given) != len(self._shapes):
                raise ValueError(f"{self.name}: x must be a list of {len(self._shapes)} inputs; got {len(given)}")
        else:
            given = (x,)
        inputs = [
            one if type(one) is np.ndarray and one.shape == shape else self._fitted(one, shape)
            for one, shape in zip(given, self._shapes)
        ]
        before = self.state if self._plan.must_undo else None
        try:
            outputs = self._run(inputs)
        except BaseException:
            if before is not None:
                self.state = before
            raise
        return outputs if self._several_out else outputs[0]

    def reset(self, rows: ArrayLike | None = None) -> None:
        """Begin new sequences: in every row, or in the rows given by their numbers or as bool (batch,)."""
        for stream in self._plan.states:
            stream.reset(rows)

    @property
    def state(self) -> list[Any]:
        """The state of every layer that has one, in the order in which they are called: h, or (h, c) of an LSTM; of a
        causal Conv1D the inputs that it looks back on; copies.

        Setting it goes on from there.
        """
        return [stream.state for stream in self._plan.states]

    @state.setter
    def state(self, value: Sequence[Any]) -> None:
        if len(value) != len(self._plan.states):
            raise ValueError(f"{self.name}: state must be a list of {len(self._plan.states)}; got {len(value)}")
        for stream, state in zip(self._plan.states, value):
            stream.state = state

    def _fitted(self, x: Any, shape: tuple[int | None, ...]) -> Array:
        array: Array = np.asarray(x)
        if array.ndim == len(shape) - 1 and shape[-1] == 1:
            array = array[..., None]
        if len(array.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape)):
            raise ValueError(
                f"{self.name}: x must be (batch, ...) = {shape}; got {array.shape}. A step has no axis of T"
            )
        return array


def planned(
    graph: Graph, plan: StreamPlan, timed_inputs: Sequence[bool], shapes_of_inputs: Sequence[Any]
) -> tuple[Callable[[Sequence[Any]], list[Any]], list[bool]]:
    """A function of the inputs at a step, and of which of its outputs there is one for every step.

    Those of which there is not are what they would be if the sequences ended here.
    """
    timed: list[bool] = [False] * graph.places
    shapes = shapes_of(graph, shapes_of_inputs)
    for place, is_timed in zip(graph.inputs, timed_inputs):
        timed[place] = is_timed
    steps = []
    for layer, options, reads, writes, several_in, several_out in graph.steps:
        given = [shapes[place] for place in reads], [timed[place] for place in reads]
        function, kinds = layer.stream_step(StreamCall(plan, *given, options, len(writes), several_in, several_out))
        for place, kind in zip(writes, kinds):
            timed[place] = kind
        steps.append((function, reads, writes, several_in, several_out))

    def run(inputs: Sequence[Any]) -> list[Any]:
        values: list[Any] = [None] * graph.places
        for place, value in zip(graph.inputs, inputs):
            values[place] = value
        for function, reads, writes, several_in, several_out in steps:
            y = function([values[place] for place in reads] if several_in else values[reads[0]])
            if several_out:
                for place, value in zip(writes, y):
                    values[place] = value
            else:
                values[writes[0]] = y
        return [values[place] for place in graph.outputs]

    return run, [timed[place] for place in graph.outputs]
