"""Model: a graph of layers that runs forward and backward as one layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse._io.structure import Decoder, encode
from seqfuse.layers._input import InputLayer
from seqfuse.layers._layer import Layer
from seqfuse.layers.weight import Gradients
from seqfuse.models import _run as run
from seqfuse.models._graph import Graph, build_graph, infer_shapes
from seqfuse.models._graph_config import called_layers, graph_config, tensors_from_config
from seqfuse.models._inputs import match_inputs, tensor_names, to_tensors
from seqfuse.models._stream import ModelStream, plan_steps
from seqfuse.models._summary import model_repr, summary_lines
from seqfuse.models._trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Inputs, Masks, Outputs
    from seqfuse.layers._stream_step import StreamCall, StreamStep


class Model(Trainer):
    """Model with symbolic inputs and outputs.

    Parameters
    ----------
    inputs : Tensor, or a list or dict of Tensor, optional
        Symbolic inputs from `Input`. A subclass may omit inputs and outputs and define `forward` and `backward`.
    outputs : Tensor, or a list or dict of Tensor, optional
        Symbolic outputs: results of layers that were called on the inputs.
    name : str, optional
        Name of the model. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the model itself; each layer has its own.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If an output does not depend on the inputs, or two layers have the same name.
    TypeError
        If inputs or outputs are not symbolic.

    Notes
    -----
    ``y, tape = model.forward(x)`` and ``grads = model.backward(tape, dy)`` run the whole graph. x, y and dy are arrays,
    or lists if there are several inputs or outputs. A model is a layer and can be part of other models.

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

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        *,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, **keras_options)
        self._graph: Graph | None = None
        if inputs is not None:
            self._set_graph(inputs, outputs)

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        """Build the graph from symbolic inputs and outputs."""
        self.inputs, self._several_in = to_tensors("inputs", inputs)
        self.outputs, self._several_out = to_tensors("outputs", outputs)
        for tensor in self.inputs:
            if not isinstance(tensor.node.layer, InputLayer):
                raise ValueError(f"Model: inputs must come from Input; got {tensor}")
        self._graph = build_graph(self.inputs, self.outputs)
        self.input_names = tensor_names(inputs, self.inputs)
        self.output_names = tensor_names(outputs, self.outputs)
        self.built = True

    # ---- layers --------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers in Keras's order."""
        return self.sublayers()

    def sublayers(self) -> list[Layer]:
        return super().sublayers() if self._graph is None else list(self._graph.layers)

    @property
    def input(self) -> Any:
        """The symbolic input, or a list of them."""
        return list(self.inputs) if self._several_in else self.inputs[0]

    @property
    def output(self) -> Any:
        """The symbolic output, or a list of them."""
        return list(self.outputs) if self._several_out else self.outputs[0]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer.

        Parameters
        ----------
        name : str, optional
            Name of the layer.
        index : int, optional
            Index in `layers`.

        Returns
        -------
        Layer
            The layer.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        layers = self.layers
        for i, layer in enumerate(layers):
            if layer.name == name or i == index:
                return layer
        raise ValueError(f"{self.name}: name must be one of {[layer.name for layer in layers]}; got {name or index}")

    def summary(self, line_length: int | None = None, print_fn: Callable[[str], object] = print) -> None:
        """Print a table of the layers with their output shapes and numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
            Minimum number of characters per line.
        print_fn : callable, default print
            Function that is called with each line.

        Examples
        --------
        >>> from seqfuse.layers import LSTM, Dense, Input
        >>> from seqfuse.models import Sequential
        >>> layers = [Input((10, 3), name="input"), LSTM(16, name="lstm"), Dense(1, name="dense")]
        >>> Sequential(layers, name="forecast").summary()
        Model: "forecast"
        Layer (type)       | Output shape  | Parameters
        -------------------+---------------+-----------
        input (InputLayer) | (None, 10, 3) |          0
        lstm (LSTM)        | (None, 16)    |      1,280
        dense (Dense)      | (None, 1)     |         17
        1,297 parameters (5.2 kB): 1,297 trainable, 0 not trainable
        """
        for line in summary_lines(self, self._graph, line_length):
            print_fn(line)

    def reset_states(self) -> None:
        """Reset the states of all stateful layers to zeros."""
        for layer in self.all_sublayers():
            if hasattr(layer, "reset_state"):
                layer.reset_state()

    def stream(self, batch: int = 1) -> ModelStream:
        """Return a stream that runs the model one step at a time: ``y_t = stream.step(x_t)``.

        Parameters
        ----------
        batch : int, default 1
            Number of sequences.

        Returns
        -------
        ModelStream
            Stream with zero states. Its outputs are bitwise equal to those of `predict`.

        Raises
        ------
        ValueError
            If a layer cannot run step by step. The message names it and the reason.

        Notes
        -----
        The stream uses a packed copy of the current weights. Later training of the model does not affect it.

        Examples
        --------
        >>> import numpy as np
        >>> from seqfuse.layers import GRU, Dense, Input
        >>> from seqfuse.models import Sequential
        >>> stream = Sequential([Input((None, 3)), GRU(8, return_sequences=True), Dense(2)]).stream(batch=4)
        >>> for x_t in np.zeros((10, 4, 3)):
        ...     y_t = stream.step(x_t)
        >>> y_t.shape
        (4, 2)
        """
        return ModelStream(self, batch)

    def timed_step(self, call: StreamCall) -> StreamStep:
        # for a model that is a layer of another model
        if self._graph is None:
            return super().timed_step(call)
        run, timed = plan_steps(self._graph, call.plan, call.timed, call.shapes)
        several = call.several_in
        if not call.several_out:
            return (lambda x: run(x if several else [x])[0]), timed
        return (lambda x: run(x if several else [x])), timed

    # ---- forward and backward ------------------------------------------------------------------------------------

    def forward(
        self, x: Inputs, training: bool = False, mask: Masks = None, *, keep: bool = True
    ) -> tuple[Outputs, run.ModelTape]:
        """Return the outputs, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, or a list or dict of them
            Input, a list of inputs, or a dict with the names of the inputs as keys.
        training : bool, optional
            Whether to apply dropout.
        mask : array_like of bool, shape (batch, T), or a list of them, optional
            True at the valid steps of x. None means that all steps are valid.
        keep : bool, optional
            False states that `backward` will not be called, which saves time and memory.

        Returns
        -------
        y : ndarray, or list of ndarray
            Output, or outputs.
        tape : ModelTape
            First argument of `backward`.

        Raises
        ------
        ValueError
            If a shape or the number of inputs does not fit.
        """
        graph = self._ready_graph(x)
        inputs = self.arrays_of(x)
        masks = list(mask) if isinstance(mask, (list, tuple)) else [mask] * len(inputs)
        outputs, tape = run.forward(graph, inputs, masks, training, keep)
        if type(x) is not np.ndarray:
            tape = tape._replace(
                inputs_were_list=len(inputs) > 1
                or (isinstance(x, (list, tuple)) and len(x) == 1 and type(x[0]) is np.ndarray)
            )
        return (outputs if self._several_out else outputs[0]), tape

    def backward(
        self, tape: run.ModelTape, dy: Any, *, need_dx: bool | None = None, into: list[Array] | None = None
    ) -> Any:
        """Return the gradients of the trainable weights, and of the inputs if `need_dx` is given.

        Parameters
        ----------
        tape : ModelTape
            Second result of `forward`. It is not changed and can be used again.
        dy : array_like, or a list of them
            Gradient of the output. With several outputs a list, which may contain None for zero.
        need_dx : bool or None, optional
            If it is given, the result includes the gradients of the inputs, as that of any layer.
        into : list of ndarray, optional
            One array per entry of `trainable_weights`. The gradients are added to them.

        Returns
        -------
        grads : list of ndarray
            Gradients of `trainable_weights`: the arrays of `into` if it is given. If `need_dx` is given, the result is
            the tuple ``(dx, grads)``.

        Raises
        ------
        ValueError
            If the tape belongs to another model, or the model has been changed since.
        """
        if tape.graph is not self._graph or self._graph is None:
            raise ValueError(f"{self.name}.backward: tape must come from forward of this model with its current layers")
        cache = into if isinstance(into, Gradients) else None
        plan = None if cache is None else cache.plan
        if plan is None or plan[0] is not self._graph or plan[1] is not need_dx:
            weights = self.trainable_weights
            into = [np.zeros_like(weight.value) for weight in weights] if into is None else into
            arrays = run.arrays_by_call(self._graph, weights, into)
            plan = self._graph, need_dx, arrays, run.needed_gradients(self._graph, bool(need_dx))
            if cache is not None:
                cache.plan = plan
        dxs = run.backward(self._graph, tape, dy if self._several_out else [dy], *plan[2:])
        return into if need_dx is None else ((dxs if tape.inputs_were_list else dxs[0]), into)

    def _ready_graph(self, x: Any) -> Graph:
        """Return the graph; a Sequential builds it for x if needed."""
        if self._graph is None:
            raise ValueError(
                f"{self.name}: a Model needs inputs and outputs, or a subclass that defines forward and backward"
            )
        return self._graph

    def arrays_of(self, x: Any) -> list[Any]:
        """Return the inputs as a list of arrays with the number of axes of their `Input`.

        Parameters
        ----------
        x : array_like, or a list or dict of them
            Inputs of the model.

        Returns
        -------
        list of ndarray
            Inputs in order.

        Raises
        ------
        ValueError
            If the number of inputs, a name or a number of axes does not fit.
        """
        return match_inputs(self.name, self.input_names, self.inputs, self._several_in, x)

    # ---- the model as a layer ------------------------------------------------------------------------------------

    def compute_output_shape(self, input_shape: Any) -> Any:
        assert self._graph is not None
        shapes = infer_shapes(self._graph, input_shape if isinstance(input_shape, list) else [input_shape])
        outputs = [shapes[slot] for slot in self._graph.outputs]
        return outputs if self._several_out else outputs[0]

    def check_shape(self, shape: Any, *, source: Layer | None = None) -> None:
        """Do nothing: the layers of the model check their inputs."""

    def mask_after(self, tape: run.ModelTape, x: Any, mask: Any) -> Any:
        # the masks of the outputs are on the tape
        return tape.masks if self._several_out else tape.masks[0]

    @property
    def makes_mask(self) -> bool:  # type: ignore[override]
        """Whether a layer of the model creates a mask."""
        return any(layer.makes_mask for layer in self.layers)

    # ---- config and text -----------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        # the layers, and their calls with numbered slots
        return super().get_config() if self._graph is None else graph_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Create a model with new layers and new weights from a config.

        Parameters
        ----------
        config : dict
            Result of `get_config`.
        custom_objects : dict, optional
            Your own classes that the config refers to, by name.

        Returns
        -------
        Model
            The new model.
        """
        return cls.from_parts(Decoder(custom_objects).decode(encode(config)))

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> Any:
        inputs, outputs = tensors_from_config(parts)
        return cls(inputs, outputs, name=parts["name"], trainable=parts["trainable"])

    @classmethod
    def called_in(cls, parts: dict[str, Any]) -> list[Any] | None:
        return called_layers(parts)

    def __repr__(self) -> str:
        compiled = None if self._objective is None else (self.optimizer, self._compiled["loss"])
        return model_repr(self, self._graph, len(self.layers), compiled)
