"""A model: a graph of layers that is run forward and backward as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse._io.structure import Decoder, encode
from seqfuse.layers._input import InputLayer
from seqfuse.layers._layer import Layer
from seqfuse.layers._tensor import Tensor
from seqfuse.layers.weight import Gradients
from seqfuse.models import _graph_config as graph_config
from seqfuse.models import _run as run
from seqfuse.models import _summary as summary
from seqfuse.models._graph import Graph, graph_of, shapes_of
from seqfuse.models._stream import ModelStream, planned
from seqfuse.models._trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seqfuse._arrays import Array
    from seqfuse.layers._stream_step import StreamCall, StreamStep


class Model(Trainer):
    """A model from symbolic inputs to what layers make of them.

    Parameters
    ----------
    inputs : Tensor, or a list of them        from `Input`
    outputs : Tensor, or a list of them        what layers gave for the inputs
    name : str

    Raises
    ------
    ValueError        an output that does not follow from the inputs

    Notes
    -----
    `y, tape = model.forward(x)` and `grads = model.backward(tape, dy)` are the pair of a layer, one level up: x, y and
    dy are arrays, or lists where there are several inputs or outputs. A model is a layer of other models too.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import LSTM, Dense, Input
    >>> from seqfuse.models import Model
    >>> x = Input((10, 1))
    >>> model = Model(x, Dense(1)(LSTM(64)(x)))
    >>> y, tape = model.forward(np.zeros((32, 10, 1)))
    >>> grads = model.backward(tape, np.ones_like(y))
    >>> [gradient.shape for gradient in grads]
    [(1, 256), (64, 256), (256,), (64, 1), (1,)]
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self._graph: Graph | None = None
        if inputs is not None:
            self._set_graph(inputs, outputs)

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        self.inputs, self._several_in = _tensors("inputs", inputs)
        self.outputs, self._several_out = _tensors("outputs", outputs)
        for tensor in self.inputs:
            if not isinstance(tensor.node.layer, InputLayer):
                raise ValueError(f"Model: inputs must come from Input; got {tensor}")
        self._graph = graph_of(self.inputs, self.outputs)
        self.input_names = _names_of(inputs, self.inputs)
        self.output_names = _names_of(outputs, self.outputs)
        self.built = True

    # ---- what is inside ------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, in Keras's order."""
        return self.sublayers()

    def sublayers(self) -> list[Layer]:
        """The layers inside, in the order of their weights."""
        return super().sublayers() if self._graph is None else list(self._graph.layers)

    @property
    def input(self) -> Any:
        """Its symbolic input, or a list of them."""
        return list(self.inputs) if self._several_in else self.inputs[0]

    @property
    def output(self) -> Any:
        """Its symbolic output, or a list of them."""
        return list(self.outputs) if self._several_out else self.outputs[0]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or number.

        Raises
        ------
        ValueError        there is none
        """
        layers = self.layers
        for i, layer in enumerate(layers):
            if layer.name == name or i == index:
                return layer
        raise ValueError(f"{self.name}: a layer must be one of {[layer.name for layer in layers]}; got {name or index}")

    def summary(self, line_length: int | None = None, print_fn: Callable[[str], object] = print) -> None:
        """Print layers, shapes of their outputs and numbers of parameters.

        Parameters
        ----------
        line_length : int        characters of a line
        print_fn : callable        takes the lines instead of `print`
        """
        for line in summary.lines(self, self._graph, line_length):
            print_fn(line)

    def reset_states(self) -> None:
        """Let every stateful layer start from zeros."""
        for layer in self.all_sublayers():
            if hasattr(layer, "reset_state"):
                layer.reset_state()

    def stream(self, batch: int = 1) -> ModelStream:
        """The model one step at a time, with the same bits as `predict`: `y_t = stream.step(x_t)`, `stream.reset()`.

        Parameters
        ----------
        batch : int        how many sequences go side by side

        Raises
        ------
        ValueError        a layer that cannot be taken step by step; the message names it, and says why

        Notes
        -----
        It has weights of its own, packed now: it does not see what the model learns later. States begin as zeros.
        """
        return ModelStream(self, batch)

    def timed_step(self, call: StreamCall) -> StreamStep:
        """The same for a model that is a layer of another one."""
        if self._graph is None:
            return super().timed_step(call)
        run, timed = planned(self._graph, call.plan, call.timed, call.shapes)
        several = call.several_in
        if not call.several_out:
            return (lambda x: run(x if several else [x])[0]), timed
        return (lambda x: run(x if several else [x])), timed

    # ---- the pair ------------------------------------------------------------------------------------------------

    def forward(
        self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True
    ) -> tuple[Any, run.ModelTape]:
        """The outputs for x, and the tape for `backward`.

        Parameters
        ----------
        x : array, or a list of them, or a dict by the names of the inputs
        training : bool        whether dropout drops
        mask : (batch, T)        which steps of x are real, a list for several inputs
        keep : bool        False: nothing is kept for `backward`, which is quicker
        """
        graph = self._ready_graph(x)
        inputs = self.arrays_of(x)
        masks = list(mask) if isinstance(mask, (list, tuple)) else [mask] * len(inputs)
        outputs, tape = run.forward(graph, inputs, masks, training, keep)
        if type(x) is not np.ndarray:
            tape = tape._replace(
                listed=len(inputs) > 1 or (isinstance(x, (list, tuple)) and len(x) == 1 and type(x[0]) is np.ndarray)
            )
        return (outputs if self._several_out else outputs[0]), tape

    def backward(
        self, tape: run.ModelTape, dy: Any, *, need_dx: bool | None = None, into: list[Array] | None = None
    ) -> Any:
        """The gradients of the trainable weights; as a layer of another model (with need_dx) dx, and they.

        Parameters
        ----------
        tape : from `forward`; not changed, it may be read again
        dy : array        gradient of the output; where there are several, a list that may hold None
        need_dx : bool or None        None: the gradients alone are returned
        into : list of arrays        follow `trainable_weights`; gradients are added to them, and they are returned

        Returns
        -------
        list of arrays        follow `trainable_weights`; with need_dx a pair: the gradient of x, and that list
        """
        if tape.graph is not self._graph or self._graph is None:
            raise ValueError(f"{self.name}.backward: tape must be of this model, with the layers that it has now")
        kept = into if isinstance(into, Gradients) else None
        plan = None if kept is None else kept.plan
        if plan is None or plan[0] is not self._graph or plan[1] is not need_dx:
            weights = self.trainable_weights
            into = [np.zeros_like(weight.value) for weight in weights] if into is None else into
            arrays, wanted = run.by_step(self._graph, weights, into), run.wanted_places(self._graph, bool(need_dx))
            plan = self._graph, need_dx, arrays, wanted
            if kept is not None:
                kept.plan = plan
        dxs = run.backward(self._graph, tape, dy if self._several_out else [dy], *plan[2:])
        return into if need_dx is None else ((dxs if tape.listed else dxs[0]), into)

    def _ready_graph(self, x: Any) -> Graph:
        if self._graph is None:
            raise ValueError(f"{self.name}: a Model needs inputs and outputs, or a forward and a backward of your own")
        return self._graph

    def arrays_of(self, x: Any) -> list[Any]:
        """The inputs in order, each with the axes that its Input says.

        Raises
        ------
        ValueError        another number of inputs, a name that is none, or a shape that is not that of the Input
        """
        names = self.input_names
        if isinstance(x, Mapping):
            if set(x) != set(names):
                raise ValueError(f"{self.name}: x must have the inputs {names}; got {list(x)}")
            given = [x[name] for name in names]
        elif isinstance(x, (list, tuple)) and (self._several_in or len(names) > 1):
            if len(x) != len(names):
                raise ValueError(f"{self.name}: x must be a list of {len(names)} inputs, {names}; got {len(x)}")
            given = list(x)
        else:
            if isinstance(x, (list, tuple)) and len(x) == 1 and np.ndim(x[0]) == len(self.inputs[0].shape):
                (x,) = x
            given = [x]
            if len(names) > 1:
                raise ValueError(f"{self.name}: x must be a list of {len(names)} inputs, {names}; got one array")
        return [_fitted(self.name, tensor, array) for tensor, array in zip(self.inputs, given)]

    # ---- as a layer ----------------------------------------------------------------------------------------------

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output; lists where there are several of them."""
        assert self._graph is not None
        shapes = shapes_of(self._graph, input_shape if isinstance(input_shape, list) else [input_shape])
        found = [shapes[place] for place in self._graph.outputs]
        return found if self._several_out else found[0]

    def check_shape(self, shape: Any, *, source: Layer | None = None) -> None:
        """Its layers refuse what does not fit."""

    def mask_after(self, tape: run.ModelTape, x: Any, mask: Any) -> Any:
        """The masks of the outputs, from the tape."""
        return tape.masks if self._several_out else tape.masks[0]

    @property
    def makes_mask(self) -> bool:  # type: ignore[override]
        """Whether a layer inside makes a mask."""
        return any(layer.makes_mask for layer in self.layers)

    # ---- as a config ---------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Its layers, once each, and their calls in order, which read numbered places and write the next ones."""
        return super().get_config() if self._graph is None else graph_config.of_graph(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A model of the same layers, made anew, with weights of their own.

        Parameters
        ----------
        config : dict        from `get_config`
        custom_objects : dict        classes of your own that are in it, by name
        """
        return cls.from_parts(Decoder(custom_objects).decode(encode(config)))

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> Any:
        """A model of a config, with the very layers that are in it."""
        inputs, outputs = graph_config.to_graph(parts)
        return cls(inputs, outputs, name=parts["name"], trainable=parts["trainable"])

    @classmethod
    def called_in(cls, parts: dict[str, Any]) -> list[Any] | None:
        """The layers of its calls."""
        return graph_config.called(parts)


def _tensors(argument: str, value: Any) -> tuple[list[Tensor], bool]:
    several = isinstance(value, (list, tuple))
    found: Sequence[Any] = list(value) if several else list(value.values()) if isinstance(value, Mapping) else [value]
    for tensor in found:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"Model: {argument} must be symbolic, from Input and layers; got {type(tensor).__name__}")
    return list(found), several or isinstance(value, Mapping)


def _names_of(given: Any, tensors: Sequence[Tensor]) -> list[str]:
    """The names of inputs or outputs: those of a dict, else of the layers that they come from."""
    return [str(name) for name in given] if isinstance(given, Mapping) else [tensor.name for tensor in tensors]


def _fitted(name: str, tensor: Tensor, x: Any) -> Any:
    """x with as many axes as the Input says: a last axis of one is put behind or taken away, as Keras does."""
    x = x if isinstance(x, np.ndarray) else np.asarray(x)
    shape = tensor.shape
    if x.ndim == len(shape) - 1 and shape[-1] == 1:
        x = x[..., None]
    elif x.ndim == len(shape) + 1 and x.shape[-1] == 1:
        x = x[..., 0]
    if x.ndim != len(shape):
        raise ValueError(f"{name}: {tensor.name} must be {shape}; got {x.shape}".replace("None", "any"))
    return x
