"""A model one step at a time: what `predict` gives for a sequence so far, in microseconds a step."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _activations, _arrays, _backend, _checks, _threads, layers
from seqfuse import functional as F
from seqfuse.layers._base_attention import BaseAttention
from seqfuse.layers._merging import _Merge
from seqfuse.layers._recurrent import Recurrent
from seqfuse.layers.activations import Pair
from seqfuse.models._graph import shapes_of
from seqfuse.models._model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from seqfuse._arrays import Array
    from seqfuse.layers._layer import Layer
    from seqfuse.models._graph import Graph, Step

# Layers whose output at a step is a function of their input at that step.
STEPWISE = (
    *(layers.Activation, layers.Dense, layers.Dropout, layers.Embedding, layers.LayerNormalization, layers.Masking),
    *(layers.Readout, layers.Softmax, layers.TimeDistributed, _Merge),
)
REASONS: tuple[tuple[Any, str], ...] = (
    (layers.Bidirectional, "it reads a sequence from both ends"),
    ((layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D), "it looks at all steps at once"),
    ((layers.Flatten, layers.Reshape), "it moves numbers from step to step"),
    (BaseAttention, "it looks at other steps; see seqfuse.functional.KVCache"),
    (layers.Conv1D, 'it looks ahead, or steps over some; padding="causal" and strides=1 do not'),
)


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
        self._streams: list[Any] = []
        self._names, self._several, self._several_out = model.input_names, model._several_in, model._several_out
        self._shapes = [(self.batch, *tensor.shape[2:]) for tensor in graph.tensors]
        for tensor in graph.tensors:
            if len(tensor.shape) < 2:
                raise ValueError(f"{self.name}: stream needs inputs (batch, T, ...); got {tensor.name} {tensor.shape}")
        self._careful = False  # whether something may be refused after a state has moved on
        self._run, self._timed = self._planned(graph, [True] * len(graph.inputs), [t.shape for t in graph.tensors])

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
        before = self.state if self._careful else None
        try:
            outputs = self._run(inputs)
        except BaseException:
            if before is not None:
                self.state = before
            raise
        return outputs if self._several_out else outputs[0]

    def reset(self, rows: ArrayLike | None = None) -> None:
        """Begin new sequences: in every row, or in the rows given by their numbers or as bool (batch,)."""
        for stream in self._streams:
            stream.reset(rows)

    @property
    def state(self) -> list[Any]:
        """The state of every layer that has one, in the order in which they are called: h, or (h, c) of an LSTM; of a
        causal Conv1D the inputs that it looks back on; copies.

        Setting it goes on from there.
        """
        return [stream.state for stream in self._streams]

    @state.setter
    def state(self, value: Sequence[Any]) -> None:
        if len(value) != len(self._streams):
            raise ValueError(f"{self.name}: state must be a list of {len(self._streams)}; got {len(value)}")
        for stream, state in zip(self._streams, value):
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

    # ---- what is done at a step ----------------------------------------------------------------------------------

    def _planned(
        self, graph: Graph, timed_inputs: Sequence[bool], shapes_of_inputs: Sequence[Any]
    ) -> tuple[Callable[[Sequence[Any]], list[Any]], list[bool]]:
        """A function of the inputs at a step, and of which of its outputs there is one for every step.

        Those of which there is not are what they would be if the sequences ended here.
        """
        timed: list[bool] = [False] * graph.places
        shapes = shapes_of(graph, shapes_of_inputs)
        for place, is_timed in zip(graph.inputs, timed_inputs):
            timed[place] = is_timed
        plan = []
        for step in graph.steps:
            given = [shapes[place] for place in step.reads]
            function, kinds = self._of(step, [timed[place] for place in step.reads], given)
            for place, kind in zip(step.writes, kinds):
                timed[place] = kind
            plan.append((function, step.reads, step.writes, step.several_in, step.several_out))

        def run(inputs: Sequence[Any]) -> list[Any]:
            values: list[Any] = [None] * graph.places
            for place, value in zip(graph.inputs, inputs):
                values[place] = value
            for function, reads, writes, several_in, several_out in plan:
                y = function([values[place] for place in reads] if several_in else values[reads[0]])
                if several_out:
                    for place, value in zip(writes, y):
                        values[place] = value
                else:
                    values[writes[0]] = y
            return [values[place] for place in graph.outputs]

        return run, [timed[place] for place in graph.outputs]

    def _of(self, step: Step, timed: list[bool], shapes: list[Any]) -> tuple[Callable[[Any], Any], list[bool]]:
        """What a call of a layer does at a step, and which outputs there are for every step."""
        layer, n = step.layer, len(step.writes)
        if type(layer) is layers.Dense and len(shapes[0]) == 2 + timed[0]:
            return _dense(layer, self.batch), timed
        if not any(timed):  # after what has no steps any more, whatever it is
            own = copy.deepcopy(layer)
            return lambda x: own.forward(x, keep=False, **step.options)[0], [False] * n
        if isinstance(layer, Recurrent) and step.several_in:
            self._refuse(layer, "its initial states are inputs; set stream.state")
        if not all(timed):
            self._refuse(layer, "one of its inputs has steps, and another one has none")
        if isinstance(layer, Model) and layer._graph is not None:
            run, kinds = self._planned(layer._graph, timed, shapes)
            if not step.several_out:
                return (lambda x: run(x if step.several_in else [x])[0]), kinds
            return (lambda x: run(x if step.several_in else [x])), kinds
        if isinstance(layer, Recurrent):
            return self._recurrent(layer), [layer.return_sequences] + [False] * (n - 1)
        if isinstance(layer, layers.Conv1D) and layer.padding == "causal" and layer.strides == (1,):
            past = _Past(layer, self.batch, shapes[0][-1])
            self._streams.append(past)
            return past.step, [True]
        reason = next((said for kinds, said in REASONS if isinstance(layer, kinds)), _why_not(layer, shapes))
        if reason is not None:
            self._refuse(layer, reason)
        return self._stepwise(layer, step), [True]

    def _recurrent(self, layer: Recurrent) -> Callable[[Any], Any]:
        if layer.go_backwards:
            self._refuse(layer, "go_backwards begins with the last step")
        weights = [
            None if weight is None else weight.value for weight in (layer.kernel, layer.recurrent_kernel, layer.bias)
        ]
        pack = getattr(F, f"pack_{layer.pair()[0].__name__}")
        stream = pack(*weights, **layer.cell_options()).stream(self.batch)
        self._streams.append(stream)
        dtype, take = layer._dtype, stream.step

        def h(x: Any) -> Any:
            return take(x if x.dtype is dtype else np.asarray(x, dtype))

        def h_and_states(x: Any) -> list[Any]:
            y, states = h(x), stream.state
            return [y, *(states if isinstance(states, tuple) else (states,))]

        return h_and_states if layer.return_state else h

    def _stepwise(self, layer: Layer, step: Step) -> Callable[[Any], Any]:
        """The layer itself, given sequences of one step."""
        own, masks = copy.deepcopy(layer), layer.makes_mask
        if masks or isinstance(layer, layers.Embedding):
            self._careful = self._careful or bool(self._streams)

        def one(x: Any) -> Any:
            x = [value[:, None] for value in x] if step.several_in else x[:, None]
            if masks and not own.compute_mask(x).all():
                raise ValueError(
                    f"{own.name}: a step must be real in every row; got padding. Leave it out of the stream"
                )
            return own.forward(x, keep=False, **step.options)[0][:, 0]

        return one

    def _refuse(self, layer: Layer, reason: str) -> None:
        raise ValueError(
            f"{self.name}: stream needs layers that give a step from that step and those before; got {layer.name} "
            f"({type(layer).__name__}): {reason}"
        )


class _Past:
    """A causal convolution step by step: its state is the inputs that the next step looks back on."""

    def __init__(self, layer: layers.Conv1D, batch: int, features: int) -> None:
        self._layer = copy.deepcopy(layer)
        steps = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
        self._inputs = np.zeros((batch, steps, features), layer._dtype)

    def step(self, x: Any) -> Any:
        """The output at this step: the last one of those inputs and this one."""
        inputs = np.concatenate([self._inputs, np.asarray(x, self._inputs.dtype)[:, None]], axis=1)
        y = self._layer.forward(inputs, keep=False)[0][:, -1]
        self._inputs = inputs[:, 1:]
        return y

    def reset(self, rows: ArrayLike | None = None) -> None:
        """Zeros, as before the first step."""
        self._inputs = self._inputs.copy()
        self._inputs[slice(None) if rows is None else _checks.rows_of_batch("stream", rows, len(self._inputs))] = 0

    @property
    def state(self) -> Array:
        """(batch, steps, features), the oldest first; a copy."""
        return self._inputs.copy()

    @state.setter
    def state(self, value: ArrayLike) -> None:
        state = np.array(value, self._inputs.dtype)
        _checks.shape("stream", "state", "(batch, steps, features)", self._inputs.shape, state.shape)
        self._inputs = state


def _dense(layer: layers.Dense, batch: int) -> Callable[[Any], Any]:
    """A dense layer of rows without a look at its arguments."""
    W, b, g = layer.kernel.numpy(), None if layer.bias is None else layer.bias.numpy(), layer._activation
    dtype, kernels, current, ready = layer._dtype, _backend.kernels, _threads.current, _arrays.READY
    shape, empty = (batch, layer.units), np.empty

    def product(x: Any) -> Any:
        if x.dtype is not dtype or x.flags.num & ready != ready:
            x = np.array(x, dtype, order="C")
        y = empty(shape, dtype)
        kernels.dense_forward(x, W, b, y, False, current())
        return y

    if g is _activations.LINEAR:
        return product
    if isinstance(g, Pair):
        activate = g.forward
        return lambda x: activate(product(x))[0]
    name, alpha, beta = g

    def activated(x: Any) -> Any:
        y = product(x)
        flat = y.reshape(-1)
        kernels.activation_forward(flat, flat, None, name, alpha, beta, current())
        return y

    return activated


def _why_not(layer: Any, shapes: list[Any]) -> str | None:
    """Why a layer cannot be given sequences of one step; None where it can."""
    if not isinstance(layer, STEPWISE):
        return "it is not known to do that"
    rank = len(shapes[0])
    if len({shape[1] for shape in shapes}) > 1:
        return "its inputs have different numbers of steps"
    if isinstance(layer, (layers.Softmax, layers.Concatenate)) and layer.axis % rank == 1:
        return "its axis is that of time"
    if isinstance(layer, layers.LayerNormalization) and len(layer._sizes) > rank - 2:
        return "its axes have that of time among them"
    if isinstance(layer, (layers.Dense, layers.Readout)) and rank < 3:
        return f"its input has no axis of time but the last; got {shapes[0]}"
    return None
