"""The base class of all layers: `forward` returns outputs and a tape, `backward` reads the tape."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from seqfuse import _names
from seqfuse._config import Configured
from seqfuse.layers._argument_types import Grads, Into
from seqfuse.layers._constructor_checks import check_keras_options, compute_dtype
from seqfuse.layers._input_checks import InputChecks
from seqfuse.layers._stream_step import Streamable
from seqfuse.layers._symbolic_call import CallableLayer
from seqfuse.layers._weight_owner import WeightOwner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import DTypeLike

    from seqfuse.layers._argument_types import Inputs, Masks, Outputs, ShapeLike, Shapes, Tape
    from seqfuse.layers._tensor import Node
    from seqfuse.layers.weight import Weight

__all__ = ["Grads", "Into", "Layer"]

LayerType = TypeVar("LayerType", bound="Layer")


class Layer(Streamable, InputChecks, CallableLayer, WeightOwner, Configured):
    """Base class of all layers: ``y, tape = forward(x)``, ``dx, grads = backward(tape, dy)``.

    Parameters
    ----------
    name : str, optional
        Name for messages, summaries and files. By default it follows from the class: "dense", "dense_1", ...
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation. Inputs are cast to it.
    input_shape : tuple of int or None, optional
        Shape of the input without the batch axis; None for an axis of any size. The first layer of a `Sequential`
        model uses it to build the model.
    **keras_options : Any
        Arguments of Keras that select an implementation, such as ``unroll`` and ``use_cudnn``, are ignored. Arguments
        of Keras that are not supported, such as ``activity_regularizer`` and ``kernel_constraint``, must be None.

    Attributes
    ----------
    built : bool
        Whether the weights exist.
    supports_masking : bool
        Class attribute: whether the mask of the input is also the mask of the output.
    makes_mask : bool
        Class attribute: whether the output can have a mask even if the input has none.
    ranks : tuple of int or None
        Class attribute: the allowed numbers of axes of an input. None allows any number except 0.
    symbols : str
        Class attribute: the shape of the input, as error messages show it.
    stepwise : bool
        Class attribute: whether the output at each step depends only on the input at that step; see `Model.stream`.

    Raises
    ------
    TypeError
        If an argument is unknown, or the dtype is not float32 or float64.
    ValueError
        If an unsupported argument of Keras is not None.

    Notes
    -----
    To write a layer, define `forward`, `backward`, and, if they apply, `build` and `compute_output_shape`.

    - ``build`` calls `add_weight` for each weight, then ``super().build(input_shape)``.
    - ``forward`` begins with ``x = self.prepare_input(x)``.
    - ``backward`` begins with ``into = self.targets(into)``, adds the gradients of the weights to these arrays, and
      returns ``dx, self.gradients(into)``.

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

    supports_masking = False
    makes_mask = False

    _counts: ClassVar[dict[str, Iterator[int]]] = {}  # for each default name, the number of layers that have it

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        check_keras_options(type(self), keras_options)
        self.name = self._fresh_name() if name is None else str(name)
        self._dtype = compute_dtype(type(self).__name__, dtype)
        self.dtype = self._dtype.name
        self.input_shape = None if input_shape is None else tuple(input_shape)
        self._trainable = bool(trainable)
        self._weights: list[Weight] = []
        self.built = False
        self._features: int | None = None  # the size of the last axis of the input, if the weights depend on it
        self._warned = False  # whether compute_mask has warned that a mask is lost
        self.node: Node | None = None  # the last symbolic call

    @classmethod
    def _fresh_name(cls) -> str:
        base = _names.snake_case(cls.__name__)
        n = next(Layer._counts.setdefault(base, itertools.count()))
        return f"{base}_{n}" if n else base

    @classmethod
    def from_parts(cls: type[LayerType], parts: dict[str, Any]) -> LayerType:
        """Create a layer from a configuration whose nested layers exist already.

        Parameters
        ----------
        parts : dict
            Arguments of the constructor, by name. Layers among them are used, not copied.

        Returns
        -------
        Layer
            The new layer.
        """
        return cls.from_config(parts)

    @classmethod
    def called_in(cls, parts: dict[str, Any]) -> list[Any] | None:
        """Return the nested layers that a layer with this configuration calls, in the order of the calls.

        Parameters
        ----------
        parts : dict
            Arguments of the constructor, by name.

        Returns
        -------
        list of Layer or None
            One entry for each call. None means that each sublayer of the created layer is called once.
        """
        return None

    # ---- forward and backward ------------------------------------------------------------------------------------

    def build(self, input_shape: Shapes) -> None:
        """Create the weights. `forward` and symbolic calls do this at the first call.

        Parameters
        ----------
        input_shape : tuple of int or None, or a list of such tuples
            Shape of the input, or of each input; None for an axis of any size.
        """
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        self._features = first[-1] if first and self.weights else None  # without weights, any number of features fits
        self.built = True

    def forward(
        self, x: Inputs, training: bool = False, mask: Masks = None, *, keep: bool = True
    ) -> tuple[Outputs, Tape]:
        """Return the outputs, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, or a list of array_like
            Input, or inputs if the layer has several.
        training : bool, optional
            Whether to apply dropout.
        mask : array_like, shape (batch, T), or a list with one mask per input, optional
            True at valid steps. None means that all steps are valid.
        keep : bool, optional
            False if `backward` will not be called. The layer then need not create a tape.

        Returns
        -------
        y : ndarray, or a list of ndarray
            Output, or outputs if the layer has several.
        tape : object
            First argument of `backward`. Undefined if ``keep`` is False.

        Raises
        ------
        ValueError
            If a shape does not fit.
        TypeError
            If the inputs are not real numbers.
        """
        advice = ". There is no automatic gradient: Keras's call is not enough" if hasattr(self, "call") else ""
        raise NotImplementedError(f"{type(self).__name__}: forward and backward must be written; got none{advice}")

    def backward(self, tape: Tape, dy: Outputs, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradients of the inputs and of the trainable weights.

        Parameters
        ----------
        tape : object
            The second result of `forward`. It is not changed, so it can be used again.
        dy : ndarray, or a list of ndarray or None
            Gradient of the output. If the layer has several outputs: a list, with None for a gradient of zeros.
        need_dx : bool, optional
            False if ``dx`` is not used. It may be None then.
        into : list of ndarray, optional
            One array for each entry of `trainable_weights`. The gradients are added to them.

        Returns
        -------
        dx : ndarray or None, or a list of these
            Gradient of the input, or of each input. None for integer inputs.
        grads : list of ndarray
            Gradients of `trainable_weights`: the arrays of ``into`` if it is given.
        """
        raise NotImplementedError(f"{type(self).__name__}.backward")

    # ---- shapes and masks ----------------------------------------------------------------------------------------

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        """Return the shape of the output; by default the shape of the input.

        Parameters
        ----------
        input_shape : tuple of int or None, or a list of such tuples
            Shape of the input, or of each input; None for an axis of any size.

        Returns
        -------
        tuple of int or None, or a list of such tuples
            Shape of the output, or of each output.
        """
        return input_shape

    def compute_mask(self, x: Inputs, mask: Masks = None) -> Masks:
        """Return the mask of the output.

        Parameters
        ----------
        x : array_like, or a list of array_like
            Input, or inputs.
        mask : array_like, shape (batch, T), or a list with one mask per input, optional
            Mask of the input: True at valid steps.

        Returns
        -------
        ndarray or None, or a list of these
            True at the valid steps of the output. None means that all steps are valid.

        Warns
        -----
        UserWarning
            If there is a mask and the layer does not support masking. A layer warns once.
        """
        if mask is None or self.supports_masking:
            return mask
        if not self._warned:
            self._warned = True
            kind = type(self).__name__
            warnings.warn(
                f"{self.name}: the mask of its input ends here, because {kind} does not support masking", stacklevel=2
            )
        return None

    def mask_after(self, tape: Tape, x: Inputs, mask: Masks) -> Masks:
        """Return the mask of the output after `forward`, which may have computed it already.

        Parameters
        ----------
        tape : object
            The second result of `forward`.
        x : array_like, or a list of array_like
            The argument of `forward`.
        mask : array_like, shape (batch, T), or a list with one mask per input, or None
            The argument of `forward`.

        Returns
        -------
        ndarray or None, or a list of these
            The same as `compute_mask` returns.
        """
        return self.compute_mask(x, mask)
