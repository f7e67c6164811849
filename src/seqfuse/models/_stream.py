"""Streaming: a model that runs one step at a time and keeps its states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse.layers._stream_step import StreamCall, StreamPlan
from seqfuse.models._graph import infer_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.models._graph import Graph
    from seqfuse.models._model import Model


class ModelStream:
    """A model that runs one step at a time, created by `Model.stream`.

    It keeps the states of its layers. The outputs are bitwise equal to those of `Model.predict` on the whole sequence.

    Parameters
    ----------
    model : Model
        The model. The stream uses a copy of its weights.
    batch : int, default 1
        Number of sequences.

    Raises
    ------
    ValueError
        If a layer cannot run step by step. The message names it and the reason.

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
            raise ValueError(
                f"{model.name}: the model must be built before stream. Call it first, or start it with an Input"
            )
        self._names, self._several, self._several_out = model.input_names, model._several_in, model._several_out
        self._shapes = [(self.batch, *tensor.shape[2:]) for tensor in graph.tensors]
        for tensor in graph.tensors:
            if len(tensor.shape) < 2:
                raise ValueError(
                    f"{self.name}: inputs of a stream must be (batch, T, ...); got {tensor.name} {tensor.shape}"
                )
        self._plan = StreamPlan(self.name, self.batch)
        shapes = [tensor.shape for tensor in graph.tensors]
        self._run, self._timed = plan_steps(graph, self._plan, [True] * len(shapes), shapes)

    def step(self, x: Any) -> Any:
        """Run one step.

        Parameters
        ----------
        x : array_like, shape (batch, ...), or a list or dict of them
            Input at this step, without a time axis; several inputs as in `Model.predict`.

        Returns
        -------
        ndarray, shape (batch, ...), or list of ndarray
            Output at this step. After a layer without ``return_sequences`` it is the output for a sequence that ends
            at this step.

        Raises
        ------
        ValueError
            If a shape does not fit, or the step is padding. The states are unchanged.
        """
        if self._several or len(self._shapes) > 1:
            given = [x[name] for name in self._names] if isinstance(x, dict) else x
            if len(given) != len(self._shapes):
                raise ValueError(f"{self.name}: x must be a list of {len(self._shapes)} inputs; got {len(given)}")
        else:
            given = (x,)
        inputs = [
            each if type(each) is np.ndarray and each.shape == shape else self._convert(each, shape)
            for each, shape in zip(given, self._shapes)
        ]
        saved = self.state if self._plan.must_undo else None
        try:
            outputs = self._run(inputs)
        except BaseException:
            if saved is not None:
                self.state = saved
            raise
        return outputs if self._several_out else outputs[0]

    def reset(self, rows: ArrayLike | None = None) -> None:
        """Start new sequences with zero states.

        Parameters
        ----------
        rows : array_like of int, or of bool with shape (batch,), optional
            Rows of the batch to reset. All by default.
        """
        for stream in self._plan.states:
            stream.reset(rows)

    @property
    def state(self) -> list[Any]:
        """Copies of the states of all layers, in the order of their calls.

        The state of a recurrent layer is h, that of an LSTM (h, c), that of a causal Conv1D its last inputs. Assigning
        a state continues from there.
        """
        return [stream.state for stream in self._plan.states]

    @state.setter
    def state(self, value: Sequence[Any]) -> None:
        if len(value) != len(self._plan.states):
            raise ValueError(f"{self.name}: state must be a list of {len(self._plan.states)} states; got {len(value)}")
        for stream, state in zip(self._plan.states, value):
            stream.state = state

    def _convert(self, x: Any, shape: tuple[int | None, ...]) -> Array:
        """Convert an input to an array and check its shape; a missing last axis of size 1 is added."""
        array: Array = np.asarray(x)
        if array.ndim == len(shape) - 1 and shape[-1] == 1:
            array = array[..., None]
        if len(array.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape)):
            raise ValueError(
                f"{self.name}: x must be (batch, ...) = {shape}; got {array.shape}. A step has no time axis"
            )
        return array


def plan_steps(
    graph: Graph, plan: StreamPlan, timed_inputs: Sequence[bool], input_shapes: Sequence[Any]
) -> tuple[Callable[[Sequence[Any]], list[Any]], list[bool]]:
    """Return a function of the inputs at one step, and for each output whether it has a time axis.

    An output without a time axis has the value for sequences that end at this step.
    """
    timed: list[bool] = [False] * graph.slots
    shapes = infer_shapes(graph, input_shapes)
    for slot, is_timed in zip(graph.inputs, timed_inputs):
        timed[slot] = is_timed
    calls = []
    for layer, options, sources, targets, several_in, several_out in graph.calls:
        source_shapes, source_timed = [shapes[slot] for slot in sources], [timed[slot] for slot in sources]
        call = StreamCall(plan, source_shapes, source_timed, options, len(targets), several_in, several_out)
        function, target_timed = layer.stream_step(call)
        for slot, is_timed in zip(targets, target_timed):
            timed[slot] = is_timed
        calls.append((function, sources, targets, several_in, several_out))

    def run(inputs: Sequence[Any]) -> list[Any]:
        values: list[Any] = [None] * graph.slots
        for slot, value in zip(graph.inputs, inputs):
            values[slot] = value
        for function, sources, targets, several_in, several_out in calls:
            y = function([values[slot] for slot in sources] if several_in else values[sources[0]])
            if several_out:
                for slot, value in zip(targets, y):
                    values[slot] = value
            else:
                values[targets[0]] = y
        return [values[slot] for slot in graph.outputs]

    return run, [timed[slot] for slot in graph.outputs]
