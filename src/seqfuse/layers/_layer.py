"""What all layers are: a forward that returns its tape, a backward that reads it, and weights with Keras's names."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from seqfuse import _arrays, _checks, _names, initializers, regularizers
from seqfuse._config import Configured, constructor_arguments
from seqfuse._deprecation import renamed_method
from seqfuse.layers._stream_step import Streamable
from seqfuse.layers._tensor import Node, Shape, Tensor
from seqfuse.layers.weight import Weight, count, sketch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from seqfuse._arrays import Array

Into: TypeAlias = "list[Array] | None"  # arrays that gradients of weights are added to; None: new ones
Grads: TypeAlias = "tuple[Any, list[Array]]"  # of the input, and of the trainable weights

# Arguments of Keras that say how, not what: taken and not looked at.
_HINTS = frozenset({"implementation", "unroll", "use_cudnn", "time_major", "sparse", "ragged", "autocast"})
# Arguments of Keras that must be left at None here.
_LEFT_OUT = frozenset(
    {"activity_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint", "embeddings_constraint"}
    | {"gamma_constraint", "beta_constraint", "lora_rank", "quantization_config"}
)


class Layer(Streamable, Configured):
    """A layer: `y, tape = forward(x)`, `dx, grads = backward(tape, dy)`.

    Parameters
    ----------
    name : str        for messages, summaries and files; a name of its own by default
    trainable : bool        False: its weights stay as they are in training
    dtype : "float32" or "float64"        what it computes in; inputs are cast to it
    input_shape : tuple        without the batch: what a `Sequential` starts with

    Notes
    -----
    A layer of your own is `build` (which calls `add_weight`, then `super().build`), `forward`, `backward` and
    `compute_output_shape`. `forward` starts with `x = self.prepare_input(x)`; `backward` with
    `into = self.targets(into)`, adds the gradients of the weights to those arrays, and returns
    `dx, self.gradients(into)`.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Layer
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight("scale", (input_shape[-1],), "ones")
    ...         super().build(input_shape)
    ...
    ...     def forward(self, x, training=False, mask=None, *, keep=True):
    ...         x = self.prepare_input(x)
    ...         return x * self.scale.value, x
    ...
    ...     def backward(self, tape, dy, *, need_dx=True, into=None):
    ...         into = self.targets(into)
    ...         into[0] += (tape * dy).sum(0)
    ...         return dy * self.scale.value, self.gradients(into)
    >>> y, tape = Scale().forward(np.ones((2, 3)))
    """

    supports_masking = False  # whether the mask of its input is that of its output
    makes_mask = False  # whether its output has a mask though its input has none
    ranks: tuple[int, ...] | None = None  # numbers of axes that an input may have; None: any but 0
    symbols = "(batch, ...)"  # the input's shape, in messages

    _counts: ClassVar[dict[str, Iterator[int]]] = {}  # how many layers of a kind have been named

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = "float32",
        input_shape: Sequence[int | None] | None = None,
        **others: Any,
    ) -> None:
        kind = type(self).__name__
        self._refuse_unknown(kind, others)
        self.name = self._fresh_name() if name is None else str(name)
        self._dtype = _computed_in(kind, dtype)
        self.dtype = self._dtype.name
        self.input_shape = None if input_shape is None else tuple(input_shape)
        self._trainable = bool(trainable)
        self._weights: list[Weight] = []
        self.built = False
        self._features: int | None = None  # the size of the last axis of an input, once it is known
        self._warned = False
        self.node: Node | None = None  # its last symbolic call

    @classmethod
    def _fresh_name(cls) -> str:
        base = _names.snake_case(cls.__name__)
        n = next(Layer._counts.setdefault(base, itertools.count()))
        return f"{base}_{n}" if n else base

    @classmethod
    def _refuse_unknown(cls, kind: str, others: dict[str, Any]) -> None:
        for name, value in others.items():
            if name in _LEFT_OUT and value is not None:
                raise ValueError(f"{kind}: {name} must be None: it is not built; got {value!r}")
            if name not in _HINTS and name not in _LEFT_OUT:
                near = _names.suggestion(name, constructor_arguments(cls))
                raise TypeError(f"{kind}: there is no argument {name!r}{near}")

    # ---- weights -------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (a list of shapes where there are several inputs)."""
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        self._features = first[-1] if first and self.weights else None  # without weights, any number is as good
        self.built = True

    def add_weight(
        self, name: str, shape: Sequence[int], initializer: Any = "glorot_uniform", regularizer: Any = None
    ) -> Weight:
        """A weight of the layer, in the order in which they are added.

        Parameters
        ----------
        name : str
        shape : tuple of int
        initializer : str, Initializer or callable        see `seqfuse.initializers`
        regularizer : str, Regularizer or None        see `seqfuse.regularizers`
        """
        value = sketch(shape, self._dtype)
        if value is None:
            given = "glorot_uniform" if initializer is None else initializer
            initial: Any = initializers.get(given, self.name, f"the initializer of {name}")
            value = np.array(initial(tuple(shape), dtype=self.dtype), self._dtype, order="C")
            _checks.shape(self.name, f"what initializes {name}", "of the shape", tuple(shape), value.shape)
        penalty = regularizers.get(regularizer, self.name, f"the regularizer of {name}")
        weight = Weight(name, f"{self.name}/{name}", value, self._trainable, penalty)
        self._weights.append(weight)
        return weight

    def sublayers(self) -> list[Layer]:
        """The layers inside, in the order of their weights."""
        found: list[Layer] = []
        for value in self.__dict__.values():
            inside = value if isinstance(value, (list, tuple)) else (value,)
            found += [layer for layer in inside if isinstance(layer, Layer)]
        return list(dict.fromkeys(found))

    def all_sublayers(self) -> list[Layer]:
        """The layers inside, and those inside them, each once."""
        found: list[Layer] = []
        for layer in self.sublayers():
            found += [layer, *layer.all_sublayers()]
        return list(dict.fromkeys(found))

    @property
    def weights(self) -> list[Weight]:
        """All weights, in Keras's order."""
        return list(dict.fromkeys(self._weights + [w for layer in self.sublayers() for w in layer.weights]))

    @property
    def trainable_weights(self) -> list[Weight]:
        """The weights that gradients are computed for."""
        return [weight for weight in self.weights if weight.trainable]

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """The other weights."""
        return [weight for weight in self.weights if not weight.trainable]

    variables, trainable_variables = weights, trainable_weights  # names that Keras has too

    @property
    def trainable(self) -> bool:
        """Whether its weights learn; setting it sets that of the layers inside too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for weight in self._weights:
            weight.trainable = self._trainable
        for layer in self.sublayers():
            layer.trainable = value

    def get_weights(self) -> list[Array]:
        """Copies of all weights, in Keras's order and shapes."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Write all weights; nothing is written if one of them does not fit.

        Raises
        ------
        ValueError        another number of arrays, or another shape
        """
        ours = self.weights
        if len(weights) != len(ours):
            advice = "" if self.built else ". It has none before it is built: call it first"
            raise ValueError(f"{self.name}: weights must be {len(ours)} arrays; got {len(weights)}{advice}")
        arrays = [np.asarray(array) for array in weights]
        for weight, array in zip(ours, arrays):
            _checks.shape(self.name, weight.path, "of the shape of the weight", weight.shape, array.shape)
        for weight, array in zip(ours, arrays):
            weight.value[...] = array

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        return count(self.weights)

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> Any:
        """A layer of a config, with the very layers that are in it."""
        return cls.from_config(parts)

    @classmethod
    def called_in(cls, parts: dict[str, Any]) -> list[Any] | None:
        """The layers that one made of a config calls, as often as it does; None: its sublayers, once it is made."""
        return None

    # ---- the pair ------------------------------------------------------------------------------------------------

    def forward(self, x: Any, training: bool = False, mask: Any = None, *, keep: bool = True) -> tuple[Any, Any]:
        """The output, and the tape for `backward`; with keep=False what the tape is does not matter."""
        advice = ". There is no automatic gradient: Keras's call is not enough" if hasattr(self, "call") else ""
        raise NotImplementedError(f"{type(self).__name__}: forward and backward must be written; got none{advice}")

    def backward(self, tape: Any, dy: Any, *, need_dx: bool = True, into: Into = None) -> Grads:
        """The gradient of the input (None for integers, and without need_dx), and of the trainable weights.

        Parameters
        ----------
        tape : from `forward`; not changed, it may be read again
        dy : gradient of the output; where there are several, a list that may hold None
        need_dx : bool        False: dx is not needed, and may be None
        into : list of arrays        follow `trainable_weights`; gradients are added to them, and they are returned
        """
        raise NotImplementedError(f"{type(self).__name__}.backward")

    def prepare_input(self, x: Any) -> Any:
        """An input in the type that the layer computes in, once its shape fits; the weights are made if need be."""
        if type(x) is not _arrays.ndarray or x.dtype is not self._dtype:
            x = self.cast(x, "x")
        if not self.built:
            self.check_shape(x.shape)
            self.build((None, *x.shape[1:]))
        elif x.shape[-1:] != (self._features,) or (self.ranks is not None and x.ndim not in self.ranks):
            self.check_shape(x.shape)
        return x

    def cast(self, x: Any, argument: str) -> Array:
        """Numbers of any kind in the type that the layer computes in, themselves where they are of it."""
        x = _arrays.asarray(self.name, argument, x)
        _arrays.compute_dtype(self.name, argument, x.dtype)
        return np.asarray(x, self._dtype)

    def check_shape(self, shape: Any, *, source: Layer | None = None) -> None:
        """Refuse an input that the layer cannot take, by its name.

        Raises
        ------
        ValueError        too many or too few axes, or another number of features than it was built for
        """
        wrong_rank = len(shape) not in self.ranks if self.ranks is not None else len(shape) == 0
        wrong_size = not wrong_rank and self._features is not None and shape[-1] not in (None, self._features)
        if wrong_rank or wrong_size:
            needed = self.symbols.replace("I)", f"I) = (..., {self._features})") if wrong_size else self.symbols
            advice = self.advice(shape, source)
            raise ValueError(f"{self.name}: the input must be {needed}; got {tuple(shape)}{advice and '. ' + advice}")

    def require_size(self, shape: Any, axis: int) -> int:
        """The size of an axis that the weights depend on.

        Raises
        ------
        ValueError        the axis has no size before there are numbers
        """
        size = shape[axis]
        if size is None:
            raise ValueError(f"{self.name}: the input must have a size along its axis {axis}; got {tuple(shape)}")
        return int(size)

    ready, known = renamed_method("ready", "prepare_input"), renamed_method("known", "require_size")

    def advice(self, shape: Any, source: Layer | None) -> str:
        """What to do about an input of this shape, which comes from the layer `source`."""
        if self.ranks == (3,) and len(shape) == 2:
            return "One feature a step is (batch, T, 1); a recurrent layer before it needs return_sequences=True"
        return ""

    def targets(self, into: list[Array] | None) -> list[Array]:
        """The arrays that gradients are added to: those given, zeros without."""
        if into is not None and len(into) == len(self._weights) and self._trainable:
            return into
        given = iter(into or ())  # what does not learn has no array there
        learning = into is not None
        return [next(given) if learning and w.trainable else np.zeros_like(w.value) for w in self.weights]

    def gradients(self, targets: list[Array]) -> list[Array]:
        """What `backward` returns for the trainable weights."""
        if all(weight.trainable for weight in self._weights):
            return targets
        return [array for weight, array in zip(self.weights, targets) if weight.trainable]

    # ---- shapes and masks ----------------------------------------------------------------------------------------

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for an input of this shape; lists where there are several of them."""
        return input_shape

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """The mask of the output: which steps of it are real; None where all are."""
        if mask is None or self.supports_masking:
            return mask
        if not self._warned:
            self._warned = True
            warnings.warn(f"{self.name}: the mask of its input ends here: {type(self).__name__} has none", stacklevel=2)
        return None

    def mask_after(self, tape: Any, x: Any, mask: Any) -> Any:
        """The mask of the output, after `forward`; a model has it on its tape."""
        return self.compute_mask(x, mask)

    @property
    def input(self) -> Any:
        """What its last symbolic call was given: a Tensor, or a list of them."""
        node = self._called()
        return list(node.inputs) if node.several_in else node.inputs[0]

    @property
    def output(self) -> Any:
        """What its last symbolic call gave: a Tensor that a model can end in, or a list of them."""
        node = self._called()
        return list(node.outputs) if node.several_out else node.outputs[0]

    def _called(self) -> Node:
        if self.node is None:
            raise AttributeError(f"{self.name}: it has no input and no output before it is called on a symbolic Input")
        return self.node

    # ---- calls ---------------------------------------------------------------------------------------------------

    def arguments(self, x: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
        """What `forward` takes, from what a call is given: the inputs, and what is left of the options."""
        return x, options

    def __call__(self, x: Any, *others: Any, training: bool = False, mask: Any = None, **options: Any) -> Any:
        """The output for arrays; for a symbolic `Input`, what the output will be: a step of a model.

        Parameters
        ----------
        x : array or Tensor, or a list of them
        training : bool        whether dropout drops
        mask : (batch, T), bool        which steps are real
        """
        inputs, options = self.arguments(x, *others, **options)
        several = isinstance(inputs, (list, tuple))
        given = list(inputs) if several else [inputs]
        if not any(isinstance(one, Tensor) for one in given):
            return self.forward(given if several else inputs, training=training, mask=mask, keep=False, **options)[0]
        for one in given:
            if not isinstance(one, Tensor):
                raise TypeError(f"{self.name}: inputs must all be symbolic, or all arrays; got {type(one).__name__}")
        if mask is not None:
            raise ValueError(f"{self.name}: mask must be None for a symbolic input, whose mask travels with it")
        return self._connect(Node(self, given, options, several))

    def _connect(self, node: Node) -> Any:
        shapes: list[Shape] = [tensor.shape for tensor in node.inputs]
        self.check_shape(shapes[0], source=node.inputs[0].node.layer)
        shape = shapes if node.several_in else shapes[0]
        if not self.built:
            self.build(shape)
        return node.gives(self.compute_output_shape(shape, **node.options))


def _computed_in(kind: str, dtype: Any) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found not in (_arrays.FLOAT32, _arrays.FLOAT64):
        raise TypeError(f'{kind}: dtype must be "float32" or "float64"; got {dtype!r}')
    return _arrays.FLOAT64 if found == _arrays.FLOAT64 else _arrays.FLOAT32
