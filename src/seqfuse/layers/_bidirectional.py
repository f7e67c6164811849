"""Bidirectional layer: two recurrent layers, one of which processes the sequence from its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse.layers._clone import copy_of
from seqfuse.layers._layer import Layer
from seqfuse.layers._recurrent import Recurrent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Inputs, Into, Masks, Outputs, ShapeLike, Shapes

MODES = ("concat", "sum", "mul", "ave", None)


class BidirectionalTape(NamedTuple):
    """Results of `Bidirectional.forward` that `Bidirectional.backward` needs."""

    forward: Any  # tape of the forward layer
    backward: Any  # tape of the backward layer
    ys: tuple[Array, Array] | None  # outputs of both layers in the order of time, for merge_mode="mul"
    states: int  # number of initial states of each layer among the inputs


class Bidirectional(Layer):
    """Bidirectional wrapper: merges the outputs of a recurrent layer and of one that processes the steps in reverse.

    Parameters
    ----------
    layer : SimpleRNN, LSTM or GRU
        Template of both layers: they are new layers with its arguments and do not share its weights.
    merge_mode : "concat", "sum", "mul", "ave" or None, default "concat"
        How to merge the outputs y and y' of both layers: concatenation of the features, y + y', y * y', (y + y') / 2.
        With None the layer returns both, ``[y, y']``.
    weights : None
        Must be None. Call `set_weights` after the layer is built.
    backward_layer : SimpleRNN, LSTM or GRU, optional
        The second layer itself. It must have the other value of go_backwards and the same stateful, return_sequences
        and return_state. By default it is made from `layer`.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", optional
        By default the dtype of `layer`.
    input_shape : tuple of int or None, optional
        Shape (T, I) of the input without the batch axis. By default the input_shape of `layer`.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If merge_mode is unknown, or the layers do not fit together.
    TypeError
        If a layer is not recurrent, or an argument does not exist.

    Notes
    -----
    Weights: those of ``forward_layer``, then those of ``backward_layer``. With return_sequences the output is
    (batch, T, 2*units) in the order of time, else (batch, 2*units); with another merge_mode than "concat" it has
    ``units`` features. With return_state the final states of the forward layer follow, then those of the backward
    layer.

    Call the layer as ``layer(x, initial_state=None, training=False, mask=None)``; initial_state has the same order as
    the final states. At padding y is 0 with return_sequences, regardless of zero_output_for_mask, as in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import LSTM, Bidirectional
    >>> layer = Bidirectional(LSTM(4, return_sequences=True, name="lstm"))
    >>> layer(np.ones((2, 5, 3))).shape
    (2, 5, 8)
    >>> [weight.path for weight in layer.weights][::3]
    ['forward_lstm/kernel', 'backward_lstm/kernel']
    """

    supports_masking = True
    not_stepwise = "it reads a sequence from both ends"

    def __init__(
        self,
        layer: Recurrent,
        merge_mode: str | None = "concat",
        weights: None = None,
        backward_layer: Recurrent | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike | None = None,
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        layers: dict[str, Any] = {"layer": layer, "backward_layer": backward_layer or layer}
        for argument, given in layers.items():
            if not isinstance(given, Recurrent):
                got = type(given).__name__
                raise TypeError(f"Bidirectional: {argument} must be a recurrent layer, such as LSTM(8); got {got}")
        if merge_mode not in MODES:
            raise ValueError(f"Bidirectional: merge_mode must be one of {MODES}; got {merge_mode!r}")
        if weights is not None:
            raise ValueError("Bidirectional: weights must be None. Call set_weights after the layer is built")
        dtype = layer.dtype if dtype is None else dtype
        input_shape = layer.input_shape if input_shape is None else input_shape
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        self.merge_mode = merge_mode
        self.forward_layer: Any = copy_of(layer, name="forward_" + layer.name.removeprefix("forward_"))
        self.backward_layer: Any = backward_layer or copy_of(
            layer, name="backward_" + layer.name.removeprefix("backward_"), go_backwards=True
        )
        self._check_layers()
        one: Any
        for one in (self.forward_layer, self.backward_layer):
            one.zero_output_for_mask = one.return_sequences
        self.stateful, self.return_state = layer.stateful, layer.return_state
        self.return_sequences = layer.return_sequences
        if not self._trainable:
            self.trainable = False

    def _check_layers(self) -> None:
        """Check that both layers fit together."""
        first, second = self.forward_layer, self.backward_layer
        if first.go_backwards == second.go_backwards:
            raise ValueError(
                f"Bidirectional: one of layer and backward_layer must have go_backwards=True; got {first.go_backwards} "
                "for both"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(first, name) != getattr(second, name):
                raise ValueError(f"Bidirectional: layer and backward_layer must have the same {name}")
        if self.merge_mode not in ("concat", None) and first.units != second.units:
            raise ValueError(
                f'Bidirectional: merge_mode="{self.merge_mode}" needs layers with the same units; got {first.units} '
                f"and {second.units}"
            )

    @property
    def layer(self) -> Recurrent:
        """The forward layer, which the configuration stores as the argument `layer`."""
        return self.forward_layer  # type: ignore[no-any-return]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, except `weights`.

        Returns
        -------
        dict
            The arguments by name.
        """
        return {name: value for name, value in super().get_config().items() if name != "weights"}

    def build(self, input_shape: Shapes) -> None:
        """Create the weights of both layers.

        Parameters
        ----------
        input_shape : tuple of int or None
            Shape of the input, (batch, T, I); None for an axis of any size.
        """
        for one in (self.forward_layer, self.backward_layer):
            if not one.built:
                one.build(input_shape)
        super().build(input_shape)

    # ---- forward and backward ------------------------------------------------------------------------------------

    def forward(
        self, x: Inputs, training: bool = False, mask: Masks = None, *, keep: bool = True
    ) -> tuple[Outputs, BidirectionalTape]:
        """Return the merged outputs of both layers, and the tape for `backward`.

        Parameters
        ----------
        x : array_like, shape (batch, T, I), or a list
            Inputs, or a list of x, the initial states of the forward layer and those of the backward layer.
        training : bool, optional
            Whether to apply dropout.
        mask : array_like, shape (batch, T), optional
            True at valid steps. A list has the mask of x as its first entry.
        keep : bool, optional
            False if `backward` will not be called.

        Returns
        -------
        y : ndarray, or a list of ndarray
            The merged output. A list if there are several outputs: ``[y, y']`` with merge_mode=None; with
            return_state the final states follow.
        tape : BidirectionalTape
            First argument of `backward`.
        """
        given: list[Any] = []
        if isinstance(x, (list, tuple)):
            x, *given = x
            mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        half = self._states_per_layer(given)
        x = self.prepare_input(x)
        options = {"training": training, "mask": mask, "keep": keep}
        y, forward_tape = self.forward_layer.forward([x, *given[:half]] if half else x, **options)
        back, backward_tape = self.backward_layer.forward([x, *given[half:]] if half else x, **options)
        states: list[Any] = []
        if self.return_state:
            (y, *first), (back, *second) = y, back
            states = [*first, *second]
        if self.return_sequences:
            back = back[:, ::-1]
        merged: list[Any] = [y, back]
        if self.merge_mode == "concat":
            merged = [np.concatenate([y, back], -1)]
        elif self.merge_mode == "mul":
            merged = [y * back]
        elif self.merge_mode is not None:
            merged = [y + back if self.merge_mode == "sum" else (y + back) / 2]
        outputs = [*merged, *states]
        ys = (y, back) if self.merge_mode == "mul" else None
        return (outputs if len(outputs) > 1 else outputs[0]), BidirectionalTape(forward_tape, backward_tape, ys, half)

    def backward(self, tape: BidirectionalTape, dy: Outputs, *, need_dx: bool = True, into: Into = None) -> Grads:
        """Return the gradients of the inputs and of the trainable weights.

        Parameters
        ----------
        tape : BidirectionalTape
            The second result of `forward`. It is not changed, so it can be used again.
        dy : ndarray, or a list of ndarray or None
            Gradient of the output. If there are several outputs: a list, with None for a gradient of zeros.
        need_dx : bool, optional
            False if ``dx`` is not used. It is None then.
        into : list of ndarray, optional
            One array for each entry of `trainable_weights`. The gradients are added to them.

        Returns
        -------
        dx : ndarray, shape (batch, T, I), or a list
            Gradient of x, or of x and the initial states.
        grads : list of ndarray
            Gradients of `trainable_weights`: the arrays of ``into`` if it is given.
        """
        outputs = dy if self.return_state or self.merge_mode is None else [dy]
        (dy, back), states = self._split_gradient(tape, outputs), outputs[2 if self.merge_mode is None else 1 :]
        if self.return_sequences and back is not None:
            back = back[:, ::-1]
        if self.return_state:
            half = len(states) // 2
            dy, back = [dy, *states[:half]], [back, *states[half:]]
        n = len(self.forward_layer.trainable_weights)
        into_first, into_second = (None, None) if into is None else (into[:n], into[n:])
        dx, grads = self.forward_layer.backward(tape.forward, dy, need_dx=need_dx, into=into_first)
        more, more_grads = self.backward_layer.backward(tape.backward, back, need_dx=need_dx, into=into_second)
        grads = [*grads, *more_grads] if into is None else into
        if tape.states:
            (dx, *first), (more, *second) = dx, more
            return [dx + more if need_dx else None, *first, *second], grads
        return (dx + more if need_dx else None), grads

    def _split_gradient(self, tape: BidirectionalTape, dy: Any) -> tuple[Any, Any]:
        """Return the gradients of the outputs of both layers, both in the order of time."""
        if self.merge_mode is None:
            return dy[0], dy[1]
        d = dy[0]
        if d is None:
            return None, None
        if self.merge_mode == "concat":
            units = self.forward_layer.units
            return d[..., :units], d[..., units:]
        if tape.ys is not None:  # forward: y * back
            return d * tape.ys[1], d * tape.ys[0]
        half = d / 2 if self.merge_mode == "ave" else d
        return half, half

    # ---- states, shapes, masks, calls ----------------------------------------------------------------------------

    def _states_per_layer(self, given: Sequence[Any]) -> int:
        """Return the number of initial states of each layer, from those of both layers."""
        half, odd = divmod(len(given), 2)
        if odd:
            raise ValueError(f"{self.name}: initial_state must have the states of both layers; got {len(given)} arrays")
        return half

    def reset_state(self) -> None:
        """Forget the states of stateful layers, so that the next call starts from zeros."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    @property
    def states(self) -> list[Array] | None:
        """Copies of the final states of the last call of stateful layers; None before the first call."""
        first, second = self.forward_layer.states, self.backward_layer.states
        return None if first is None or second is None else [*first, *second]

    def arguments(
        self, x: Inputs, initial_state: Sequence[ArrayLike] | None = None, **options: Any
    ) -> tuple[Inputs, dict[str, Any]]:
        """Convert the arguments of a call to arguments of `forward`: the initial states follow x in a list.

        Parameters
        ----------
        x : array_like or Tensor, shape (batch, T, I)
            Inputs.
        initial_state : list of array_like or Tensor, shape (batch, units), optional
            Initial states of the forward layer, then those of the backward layer. Zeros by default.
        **options : Any
            Further keyword arguments of the call.

        Returns
        -------
        inputs : array_like or Tensor, or a list of them
            ``x``, or ``[x, h0, ...]``.
        options : dict
            The further keyword arguments.
        """
        return self.forward_layer.arguments(x, initial_state, **options)  # type: ignore[no-any-return]

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        """Return the shape of the output.

        Parameters
        ----------
        input_shape : tuple of int or None, or a list of such tuples
            Shape of x, (batch, T, I), or a list of the shapes of x and of the initial states.

        Returns
        -------
        tuple of int or None, or a list of such tuples
            Shape of the output, or of each output.
        """
        x, *given = input_shape if isinstance(input_shape, list) else [input_shape]
        half = self._states_per_layer(given)
        one = self.forward_layer.compute_output_shape([x, *given[:half]])
        other = self.backward_layer.compute_output_shape([x, *given[half:]])
        states: list[Any] = []
        if self.return_state:
            (one, *first), (other, *second) = one, other
            states = [*first, *second]
        merged = [one, other] if self.merge_mode is None else [one]
        if self.merge_mode == "concat":
            merged = [(*one[:-1], one[-1] + other[-1])]
        outputs = [*merged, *states]
        return outputs if len(outputs) > 1 else outputs[0]

    def compute_mask(self, x: Inputs, mask: Masks = None) -> Masks:
        """Return the mask of the output.

        Parameters
        ----------
        x : array_like, shape (batch, T, I), or a list
            Inputs.
        mask : array_like, shape (batch, T), or a list with one mask per input, optional
            Mask of the inputs.

        Returns
        -------
        ndarray or None, or a list of these
            The mask of x with return_sequences, else None. If there are several outputs, a list with None for the final
            states.
        """
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        states = [None] * (2 * len(self.forward_layer.state_names) if self.return_state else 0)
        masks = [mask] * (2 if self.merge_mode is None else 1) + states
        return masks if len(masks) > 1 else masks[0]

    def check_shape(self, shape: ShapeLike, *, source: Layer | None = None) -> None:
        """Check that the forward layer accepts an input of this shape.

        Parameters
        ----------
        shape : tuple of int or None
            Shape of the input; None for an axis of any size.
        source : Layer, optional
            The layer that the input comes from.

        Raises
        ------
        ValueError
            If the shape does not fit. The message names the forward layer.
        """
        self.forward_layer.check_shape(shape, source=source)
